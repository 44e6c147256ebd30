// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.Set;
import java.util.function.Supplier;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Op;

/** Kernels in CUDA, on a device or emulated. */
final class CudaBackend implements Backend {
  private final Device device;
  private final Supplier<String> description;
  private final Supplier<Context> context;
  private final KernelTable kernels = new KernelTable();

  /**
   * Creates a backend.
   *
   * @param device where its tensors are; its kind is the backend's name
   * @param description for people
   * @param context opens the device the first time it is asked
   */
  CudaBackend(Device device, Supplier<String> description, Supplier<Context> context) {
    this.device = device;
    this.description = description;
    this.context = context;
    Stems.all().forEach(stem -> stem.registration().accept(kernels, context));
  }

  /** Returns the operations that have a kernel. */
  Set<Op<?, ?>> operations() {
    return kernels.operations();
  }

  /** Returns the device, opened if it was not. */
  Context context() {
    return context.get();
  }

  @Override
  public String name() {
    return device.kind();
  }

  @Override
  public String description() {
    return description.get();
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public Memory newMemory() {
    return new CudaMemory(context.get());
  }

  @Override
  public <S, A> Support<A> support(Op<S, A> op, S spec) {
    return kernels.support(op, spec);
  }
}
