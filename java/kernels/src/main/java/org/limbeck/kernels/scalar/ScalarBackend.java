// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.Cosine;
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
import org.limbeck.kernels.op.PetWarmup;
import org.limbeck.kernels.op.Relu;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.kernels.op.Tanh;

/** The reference: every operation, every option, on one thread, sums in double. */
final class ScalarBackend implements Backend {
  private final KernelTable kernels = new KernelTable();

  ScalarBackend() {
    kernels.add(AdamW.OP, ScalarAdamW::kernel);
    kernels.add(Attention.WEIGHTS, ScalarAttention::weights);
    kernels.add(Attention.CONTEXT, spec -> ScalarAttention::context);
    kernels.add(Attention.CONTEXT_BACKWARD, spec -> ScalarAttention::contextBackward);
    kernels.add(Attention.WEIGHTS_BACKWARD, ScalarAttention::weightsBackward);
    kernels.add(AttentionKl.OP, ScalarAttentionKl::new);
    kernels.add(BertAdam.OP, ScalarBertAdam::kernel);
    kernels.add(Cosine.OP, ScalarCosine::new);
    kernels.add(Dropout.FORWARD, ScalarDropout::forward);
    kernels.add(Dropout.BACKWARD, ScalarDropout::backward);
    kernels.add(Embedding.FORWARD, spec -> new ScalarEmbedding(spec)::forward);
    kernels.add(Embedding.BACKWARD, spec -> new ScalarEmbedding(spec)::backward);
    kernels.add(FakeQuant.FORWARD, spec -> new ScalarFakeQuant(spec)::forward);
    kernels.add(FakeQuant.BACKWARD, spec -> new ScalarFakeQuant(spec)::backward);
    kernels.add(Gelu.FORWARD, ScalarGelu::forward);
    kernels.add(Gelu.BACKWARD, ScalarGelu::backward);
    kernels.add(GemmBf16.OP, ScalarGemmBf16::of);
    kernels.add(GemmF32.OP, ScalarGemmF32::of);
    kernels.add(GemmI8.OP, ScalarGemmI8::of);
    kernels.add(GemmTernary.OP, ScalarGemmTernary::of);
    kernels.add(LayerNorm.FORWARD, ScalarLayerNorm::forward);
    kernels.add(LayerNorm.BACKWARD, spec -> ScalarLayerNorm::backward);
    kernels.add(Mse.OP, ScalarMse::new);
    kernels.add(PetWarmup.OP, ScalarPetWarmup::new);
    kernels.add(Relu.FORWARD, spec -> ScalarRelu::forward);
    kernels.add(Relu.BACKWARD, spec -> ScalarRelu::backward);
    kernels.add(Softmax.FORWARD, spec -> ScalarSoftmax::forward);
    kernels.add(Softmax.BACKWARD, spec -> ScalarSoftmax::backward);
    kernels.add(SoftmaxKl.OP, ScalarSoftmaxKl::new);
    kernels.add(Tanh.FORWARD, spec -> ScalarTanh::forward);
    kernels.add(Tanh.BACKWARD, spec -> ScalarTanh::backward);
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
