// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

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

/** Kernels written with the Vector API, split over the worker pool. */
final class VectorBackend implements Backend {
  private final KernelTable kernels = new KernelTable();

  VectorBackend() {
    kernels.add(Softmax.FORWARD, spec -> VectorSoftmax::forward);
    kernels.add(Softmax.BACKWARD, spec -> VectorSoftmax::backward);
    kernels.addIf(AttentionKl.OP, VectorAttentionKl::support);
    kernels.add(PetWarmup.OP, VectorPetWarmup::new);
  }

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public String description() {
    return "Vector API, " + Lanes.BITS + "-bit vectors";
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
