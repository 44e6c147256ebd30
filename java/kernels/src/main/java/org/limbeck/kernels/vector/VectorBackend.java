// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Softmax;

/** Kernels written with the Vector API, split over the worker pool. */
final class VectorBackend implements Backend {
  private final KernelTable kernels = new KernelTable();

  VectorBackend() {
    kernels.add(Embedding.FORWARD, spec -> new VectorEmbedding(spec)::forward);
    kernels.add(Embedding.BACKWARD, spec -> new VectorEmbedding(spec)::backward);
    kernels.add(FakeQuant.FORWARD, spec -> new VectorFakeQuant(spec)::forward);
    kernels.add(FakeQuant.BACKWARD, spec -> new VectorFakeQuantBackward(spec)::run);
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
