// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * The way into the library: finds the backends of this process, and hands out operations that check
 * their arguments and run on the best of them.
 *
 * <pre>{@code
 * try (Limbeck limbeck = Limbeck.open(); HostMemory memory = new HostMemory()) {
 *   Matrix student = memory.copyOf(studentLogits, rows, cols);
 *   Matrix teacher = memory.copyOf(teacherLogits, rows, cols);
 *   Matrix gradient = memory.matrix(DType.F32, rows, cols);
 *   Matrix loss = memory.matrix(DType.F64, 1, 1);
 *   var kl = limbeck.operation(SoftmaxKl.OP, SoftmaxKl.Spec.builder().temperature(4).build());
 *   kl.run(SoftmaxKl.Arguments.of(student, teacher).gradStudent(gradient).loss(loss).build());
 * }
 * }</pre>
 *
 * <p>Without {@code --add-modules jdk.incubator.vector} the answers are the same and slower; one
 * line on the standard error stream names the flag.
 */
public final class Limbeck implements AutoCloseable {
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private final Backends backends;
  private final Device device;
  private final WorkerPool pool;

  private Limbeck(Backends backends, Device device, WorkerPool pool) {
    this.backends = backends;
    this.device = device;
    this.pool = pool;
  }

  /**
   * Opens the library on the host with all backends and one thread for each processor.
   *
   * @throws BackendUnavailableException if a backend that a system property names is absent
   */
  public static Limbeck open() {
    return open(List.of(), Runtime.getRuntime().availableProcessors());
  }

  /**
   * Opens the library on the host with chosen backends and threads.
   *
   * @param backendNames the backends to choose from, such as {@code scalar} and {@code vector}; an
   *     empty list means all
   * @param threads the number of threads that share the work, at least 1
   * @throws BackendUnavailableException if a backend asked for by name is absent
   */
  public static Limbeck open(List<String> backendNames, int threads) {
    Backends backends = Backends.discover().limitTo(backendNames);
    warnOnce(backends);
    return open(backends, Device.HOST, threads);
  }

  /**
   * Opens the library over backends that the caller found, on one of their devices.
   *
   * @param backends the backends; closed with this object
   * @param device the device that all tensors are on
   * @param threads the number of host threads that share the work, at least 1
   * @throws BackendUnavailableException if no backend works on the device, or the device, which is
   *     opened here, cannot be worked on
   */
  public static Limbeck open(Backends backends, Device device, int threads) {
    Backend first =
        backends.available().stream()
            .filter(b -> b.device().equals(device))
            .findFirst()
            .orElse(null);
    if (first == null) {
      // Of a device that a backend is named after, that backend's reason is the whole answer.
      String why =
          backends.missing().stream()
              .filter(missing -> missing.name().equals(device.kind()))
              .findFirst()
              .map(Backends.Missing::toString)
              .orElseGet(() -> backends.missing().toString());
      throw new BackendUnavailableException("no backend works on " + device + ": " + why);
    }
    // Backends may open a device when it is first used, so that work on the host leaves it alone.
    first.newMemory().close();
    return new Limbeck(backends, device, new WorkerPool(threads));
  }

  private static void warnOnce(Backends backends) {
    for (Backends.Missing missing : backends.missing()) {
      if (missing.name().equals("vector") && WARNED.compareAndSet(false, true)) {
        System.err.println("limbeck: slower than it could be: " + missing);
      }
    }
  }

  /**
   * Selects a kernel for an operation. Do this once and keep the result.
   *
   * @param op the operation, a constant of its stem
   * @param spec the specification
   * @return the operation, ready to run
   * @throws BackendUnavailableException if no backend supports the specification
   */
  public <S, A> Operation<S, A> operation(Op<S, A> op, S spec) {
    return new Operation<>(op, spec, backends.select(op, spec, device), device, pool);
  }

  /** Returns the backends, for reports. */
  public Backends backends() {
    return backends;
  }

  /** Returns the device that all tensors are on. */
  public Device device() {
    return device;
  }

  /** Returns the number of threads that share the work. */
  public int threads() {
    return pool.threads();
  }

  /** Returns new memory of the device; the caller closes it. */
  public Memory newMemory() {
    return backends.available().stream()
        .filter(b -> b.device().equals(device))
        .findFirst()
        .map(Backend::newMemory)
        .orElseThrow();
  }

  /** Ends the worker threads and closes the backends. Memory stays with those who opened it. */
  @Override
  public void close() {
    pool.close();
    backends.close();
  }
}
