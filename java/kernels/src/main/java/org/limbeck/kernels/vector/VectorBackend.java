// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.Cosine;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Softmax;

/** Kernels written with the Vector API, split over the worker pool. */
final class VectorBackend implements Backend {
  private final KernelTable kernels = new KernelTable();

  VectorBackend() {
    kernels.add(Attention.WEIGHTS, VectorAttention::weights);
    kernels.add(Attention.CONTEXT, spec -> VectorAttention::context);
    kernels.add(Attention.CONTEXT_BACKWARD, spec -> VectorAttention::contextBackward);
    kernels.add(Attention.WEIGHTS_BACKWARD, VectorAttention::weightsBackward);
    kernels.add(Cosine.OP, VectorCosine::new);
    kernels.add(Mse.OP, VectorMse::new);
    kernels.add(Gelu.FORWARD, VectorGelu::forward);
    kernels.add(Gelu.BACKWARD, VectorGelu::backward);
    kernels.add(GemmF32.OP, VectorGemmF32::new);
    kernels.add(Softmax.FORWARD, spec -> VectorSoftmax::forward);
    kernels.add(Softmax.BACKWARD, spec -> VectorSoftmax::backward);
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
