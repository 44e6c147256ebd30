// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.PetWarmup;
import org.limbeck.kernels.op.Softmax;

/** The reference: every operation, every option, on one thread, sums in double. */
final class ScalarBackend implements Backend {
  private final KernelTable kernels = new KernelTable();

  ScalarBackend() {
    kernels.add(Softmax.FORWARD, spec -> ScalarSoftmax::forward);
    kernels.add(Softmax.BACKWARD, spec -> ScalarSoftmax::backward);
    kernels.add(AttentionKl.OP, ScalarAttentionKl::new);
    kernels.add(PetWarmup.OP, ScalarPetWarmup::new);
  }

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public String description() {
    return "reference, double accumulation, one thread";
  }

  @Override
  public Device device() {
    return Device.HOST;
  }

  @Override
  public Memory newMemory() {
    return new HostMemory();
  }

  @Override
  public <S, A> Support<A> support(Op<S, A> op, S spec) {
    return kernels.support(op, spec);
  }
}
