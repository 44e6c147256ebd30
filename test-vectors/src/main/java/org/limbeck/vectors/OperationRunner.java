// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import java.util.List;
import java.util.stream.Stream;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.ArgumentChecks;
import org.limbeck.kernels.op.Op;

/**
 * Runs operations with tensors on the host on a backend that may work elsewhere: then copies of all
 * buffers, with what lies beside the tensors, go to the device and back. What the backend does not
 * offer, the reference serves.
 */
public final class OperationRunner implements AutoCloseable {
  private final Limbeck host;

  /** On the backend's device, null where that is the host. */
  private final Limbeck device;

  private final Backend backend;

  private OperationRunner(Limbeck host, Limbeck device, Backend backend) {
    this.host = host;
    this.device = device;
    this.backend = backend;
  }

  /**
   * Opens a backend, with the reference behind it.
   *
   * @param name the name of the backend
   * @param threads the number of threads that share work on the host
   * @throws org.limbeck.kernels.backend.BackendUnavailableException if the backend is absent
   */
  public static OperationRunner open(String name, int threads) {
    Backends backends = Backends.discover().limitTo(List.of(name));
    Backend backend = backends.available().get(0);
    if (backend.device().isHost()) {
      backends.close();
      List<String> names = Stream.of(name, "scalar").distinct().toList();
      return new OperationRunner(Limbeck.open(names, threads), null, backend);
    }
    return new OperationRunner(
        Limbeck.open(List.of("scalar"), threads),
        Limbeck.open(backends, backend.device(), threads),
        backend);
  }

  /** Returns the name of the backend that runs an operation: the one opened, or the reference. */
  public <S, A> String servedBy(Op<S, A> op, S spec) {
    return onDevice(op, spec) ? backend.name() : host.operation(op, spec).selection().backend();
  }

  private <S, A> boolean onDevice(Op<S, A> op, S spec) {
    return device != null && backend.support(op, spec) instanceof Support.Yes<A>;
  }

  /**
   * Runs an operation.
   *
   * @param op the operation
   * @param spec the specification
   * @param arguments its arguments, on the host
   */
  public <S, A> void run(Op<S, A> op, S spec, A arguments) {
    if (!onDevice(op, spec)) {
      host.operation(op, spec).run(arguments);
      return;
    }
    try (Prepared prepared = onDevice(op, spec, arguments)) {
      prepared.run();
      prepared.fetch();
    }
  }

  /**
   * Returns an operation with its arguments where the backend wants them, to run it again and again
   * without copies.
   *
   * @param op the operation
   * @param spec the specification
   * @param arguments its arguments, on the host
   */
  public <S, A> Prepared prepare(Op<S, A> op, S spec, A arguments) {
    if (onDevice(op, spec)) {
      return onDevice(op, spec, arguments);
    }
    Operation<S, A> operation = host.operation(op, spec);
    return new Prepared(() -> operation.run(arguments), null);
  }

  private <S, A> Prepared onDevice(Op<S, A> op, S spec, A arguments) {
    // Here, since what the elements of tensors are is checked on the host only, and since a buffer
    // that is closed cannot be copied.
    op.check(spec, arguments, new ArgumentChecks(op.name(), Device.HOST));
    Operation<S, A> operation = device.operation(op, spec);
    Memory memory = device.newMemory();
    try {
      DeviceCopies copies = new DeviceCopies(memory);
      A there = copies.of(arguments);
      return new Prepared(() -> operation.run(there), copies);
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  /** An operation with its arguments. */
  public static final class Prepared implements AutoCloseable {
    private final Runnable body;
    private final DeviceCopies copies;

    private Prepared(Runnable body, DeviceCopies copies) {
      this.body = body;
      this.copies = copies;
    }

    /** Runs the operation. */
    public void run() {
      body.run();
    }

    /** Copies what the operation may have written into the arguments on the host. */
    public void fetch() {
      if (copies != null) {
        copies.download();
      }
    }

    /** Frees the copies. */
    @Override
    public void close() {
      if (copies != null) {
        copies.close();
      }
    }
  }

  /** Closes the library. */
  @Override
  public void close() {
    host.close();
    if (device != null) {
      device.close();
    }
  }
}
