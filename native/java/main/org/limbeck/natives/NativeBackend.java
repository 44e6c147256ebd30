// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.util.Set;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Relu;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.kernels.op.Tanh;

/** Kernels written in C, split over the worker pool. */
final class NativeBackend implements Backend {
  private final Tier tier;
  private final KernelTable kernels = new KernelTable();

  NativeBackend(Tier tier) {
    this.tier = tier;
    kernels.add(AdamW.OP, spec -> new NativeAdamW(tier, spec));
    kernels.addIf(AttentionKl.OP, spec -> NativeAttentionKl.support(tier, spec));
    kernels.add(BertAdam.OP, spec -> new NativeBertAdam(tier, spec));
    kernels.add(Dropout.FORWARD, spec -> NativeDropout.forward(tier, spec));
    kernels.add(Dropout.BACKWARD, spec -> NativeDropout.backward(tier, spec));
    kernels.add(Embedding.FORWARD, spec -> NativeEmbedding.forward(tier, spec));
    kernels.add(Embedding.BACKWARD, spec -> NativeEmbedding.backward(tier, spec));
    kernels.add(FakeQuant.FORWARD, spec -> NativeFakeQuant.forward(tier, spec));
    kernels.add(FakeQuant.BACKWARD, spec -> NativeFakeQuant.backward(tier, spec));
    kernels.add(Gelu.FORWARD, spec -> NativeGelu.forward(tier, spec));
    kernels.add(Gelu.BACKWARD, spec -> NativeGelu.backward(tier, spec));
    kernels.add(GemmBf16.OP, spec -> new NativeGemmBf16(tier, spec));
    kernels.add(GemmF32.OP, spec -> new NativeGemmF32(tier, spec));
    kernels.add(GemmI8.OP, spec -> new NativeGemmI8(tier, spec));
    kernels.add(GemmTernary.OP, spec -> new NativeGemmTernary(tier, spec));
    kernels.add(LayerNorm.FORWARD, spec -> NativeLayerNorm.forward(tier, spec));
    kernels.add(LayerNorm.BACKWARD, spec -> NativeLayerNorm.backward(tier, spec));
    kernels.add(Mse.OP, spec -> new NativeMse(tier, spec));
    kernels.add(Relu.FORWARD, spec -> NativeRelu.forward(tier));
    kernels.add(Relu.BACKWARD, spec -> NativeRelu.backward(tier));
    kernels.add(Softmax.FORWARD, spec -> NativeSoftmax.forward(tier));
    kernels.add(Softmax.BACKWARD, spec -> NativeSoftmax.backward(tier));
    kernels.addIf(SoftmaxKl.OP, spec -> NativeSoftmaxKl.support(tier, spec));
    kernels.add(Tanh.FORWARD, spec -> NativeTanh.forward(tier));
    kernels.add(Tanh.BACKWARD, spec -> NativeTanh.backward(tier));
  }

  /** Returns the operations that have a kernel. */
  Set<Op<?, ?>> operations() {
    return kernels.operations();
  }

  @Override
  public String name() {
    return "native";
  }

  @Override
  public String description() {
    return "C over Panama, " + tier;
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
