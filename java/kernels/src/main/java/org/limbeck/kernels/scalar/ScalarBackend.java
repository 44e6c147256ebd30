// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

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

/** The reference: every operation, every option, on one thread, sums in double. */
final class ScalarBackend implements Backend {
  private final KernelTable kernels = new KernelTable();

  ScalarBackend() {
    kernels.add(Embedding.FORWARD, spec -> new ScalarEmbedding(spec)::forward);
    kernels.add(Embedding.BACKWARD, spec -> new ScalarEmbedding(spec)::backward);
    kernels.add(FakeQuant.FORWARD, spec -> new ScalarFakeQuant(spec)::forward);
    kernels.add(FakeQuant.BACKWARD, spec -> new ScalarFakeQuant(spec)::backward);
    kernels.add(Softmax.FORWARD, spec -> ScalarSoftmax::forward);
    kernels.add(Softmax.BACKWARD, spec -> ScalarSoftmax::backward);
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
