// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.device;

import java.lang.reflect.RecordComponent;
import java.util.List;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.BackendProvider;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Buffer;
import org.limbeck.kernels.memory.CheckedMemory;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.DeviceBuffer;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;

/**
 * A device with every operation on any machine: the kernels of the reference, over memory that only
 * uploads and downloads reach. Reading it as if it were the host's fails, and on the same inputs
 * each result has the bits of the host's. Counts how often a copy had to wait for kernels, as it
 * would on an accelerator.
 */
final class SeparateDevice implements Backend {
  static final Device DEVICE = new Device("separate", 0);

  private final Backend reference =
      Backends.discover().limitTo(List.of("scalar")).available().get(0);
  private boolean queued;
  private int waits;

  /** Opens the library on this device alone. */
  Limbeck open() {
    return Limbeck.open(Backends.of(List.of(new Provider(this))), DEVICE, 1);
  }

  private record Provider(SeparateDevice device) implements BackendProvider {
    @Override
    public String name() {
      return device.name();
    }

    @Override
    public int rank() {
      return 1;
    }

    @Override
    public Attempt open() {
      return new Attempt.Opened(device);
    }
  }

  /** Returns how often a copy waited for kernels since the last call. */
  int takeWaits() {
    int taken = waits;
    waits = 0;
    return taken;
  }

  private void waitForKernels() {
    if (queued) {
      waits++;
      queued = false;
    }
  }

  @Override
  public String name() {
    return DEVICE.kind();
  }

  @Override
  public String description() {
    return "the reference over memory of its own; for tests";
  }

  @Override
  public Device device() {
    return DEVICE;
  }

  @Override
  public Memory newMemory() {
    return new SeparateMemory();
  }

  @Override
  public <S, A> Support<A> support(Op<S, A> op, S spec) {
    Support<A> support = reference.support(op, spec);
    if (support instanceof Support.Yes<A> yes) {
      Kernel<A> kernel = yes.kernel();
      return new Support.Yes<>(
          (arguments, pool) -> {
            queued = true;
            kernel.run(onHost(arguments), pool);
          });
    }
    return support;
  }

  /** Returns arguments with all matrices as the reference sees them. */
  @SuppressWarnings("unchecked") // a record of the same class
  private static <A> A onHost(A arguments) {
    return (A) copy(arguments);
  }

  private static Object copy(Object value) {
    if (value instanceof Matrix m) {
      return here(m);
    }
    return value instanceof Record r ? copyRecord(r) : value;
  }

  private static Object copyRecord(Record value) {
    RecordComponent[] components = value.getClass().getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    Object[] copies = new Object[components.length];
    try {
      for (int i = 0; i < components.length; i++) {
        types[i] = components[i].getType();
        copies[i] = copy(components[i].getAccessor().invoke(value));
      }
      return value.getClass().getDeclaredConstructor(types).newInstance(copies);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("a copy of " + value + " cannot be made", e);
    }
  }

  private static Matrix here(Matrix there) {
    Buffer host = ((SeparateBuffer) there.buffer()).host;
    return new Matrix(
        host, there.type(), there.offsetBytes(), there.rows(), there.cols(), there.rowStride());
  }

  /** Memory that is the host's, but does not say so. */
  private static final class SeparateBuffer extends DeviceBuffer {
    private final Buffer host;

    SeparateBuffer(Buffer host) {
      this.host = host;
    }

    @Override
    public Device device() {
      return DEVICE;
    }

    @Override
    public long byteSize() {
      return host.byteSize();
    }

    @Override
    public boolean isAlive() {
      return host.isAlive();
    }

    @Override
    public long address() {
      return host.address();
    }
  }

  private final class SeparateMemory extends CheckedMemory {
    private final HostMemory memory = new HostMemory();

    @Override
    public Device device() {
      return DEVICE;
    }

    @Override
    protected Matrix allocate(DType type, long rows, long cols, long bytes) {
      Matrix host = memory.matrix(type, rows, cols);
      return Matrix.of(new SeparateBuffer(host.buffer()), type, rows, cols);
    }

    @Override
    protected void uploadElements(Matrix host, Matrix target) {
      waitForKernels();
      memory.copy(host, here(target));
    }

    @Override
    protected void downloadElements(Matrix source, Matrix host) {
      waitForKernels();
      memory.copy(here(source), host);
    }

    @Override
    protected void zeroElements(Matrix target) {
      queued = true;
      memory.zero(here(target));
    }

    @Override
    protected void copyElements(Matrix source, Matrix target) {
      queued = true;
      memory.copy(here(source), here(target));
    }

    @Override
    public void close() {
      memory.close();
    }
  }
}
