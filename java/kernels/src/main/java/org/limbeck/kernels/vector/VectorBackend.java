// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

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

/** Kernels written with the Vector API, split over the worker pool. */
final class VectorBackend implements Backend {
  private final KernelTable kernels = new KernelTable();

  VectorBackend() {
    kernels.add(AdamW.OP, VectorAdamW::new);
    kernels.add(Attention.WEIGHTS, VectorAttention::weights);
    kernels.add(Attention.CONTEXT, spec -> VectorAttention::context);
    kernels.add(Attention.CONTEXT_BACKWARD, spec -> VectorAttention::contextBackward);
    kernels.add(Attention.WEIGHTS_BACKWARD, VectorAttention::weightsBackward);
    kernels.addIf(AttentionKl.OP, VectorAttentionKl::support);
    kernels.add(BertAdam.OP, VectorBertAdam::new);
    kernels.add(Cosine.OP, VectorCosine::new);
    kernels.add(Dropout.FORWARD, VectorDropout::forward);
    kernels.add(Dropout.BACKWARD, VectorDropout::backward);
    kernels.add(Embedding.FORWARD, spec -> new VectorEmbedding(spec)::forward);
    kernels.add(Embedding.BACKWARD, spec -> new VectorEmbedding(spec)::backward);
    kernels.add(FakeQuant.FORWARD, spec -> new VectorFakeQuant(spec)::forward);
    kernels.add(FakeQuant.BACKWARD, spec -> new VectorFakeQuantBackward(spec)::run);
    kernels.add(Gelu.FORWARD, VectorGelu::forward);
    kernels.add(Gelu.BACKWARD, VectorGelu::backward);
    kernels.addIf(GemmBf16.OP, spec -> elsewhere("dot products of bf16 pairs"));
    kernels.add(GemmF32.OP, VectorGemmF32::new);
    kernels.addIf(GemmI8.OP, spec -> elsewhere("dot products of bytes"));
    kernels.addIf(GemmTernary.OP, spec -> elsewhere("dot products of bytes"));
    kernels.add(LayerNorm.FORWARD, VectorLayerNorm::new);
    kernels.add(LayerNorm.BACKWARD, spec -> new VectorLayerNormBackward());
    kernels.add(Mse.OP, VectorMse::new);
    kernels.add(PetWarmup.OP, VectorPetWarmup::new);
    kernels.add(Relu.FORWARD, spec -> VectorRelu::forward);
    kernels.add(Relu.BACKWARD, spec -> VectorRelu::backward);
    kernels.add(Softmax.FORWARD, spec -> VectorSoftmax::forward);
    kernels.add(Softmax.BACKWARD, spec -> VectorSoftmax::backward);
    kernels.addIf(SoftmaxKl.OP, VectorSoftmaxKl::support);
    kernels.add(Tanh.FORWARD, spec -> VectorTanh::forward);
    kernels.add(Tanh.BACKWARD, spec -> VectorTanh::backward);
  }

  /** The answer where a kernel would be slower than one of floats, which would defeat its use. */
  private static <A> Support<A> elsewhere(String instruction) {
    return new Support.No<>(
        "has no kernel: the Vector API cannot express " + instruction + ", the native backend can");
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
