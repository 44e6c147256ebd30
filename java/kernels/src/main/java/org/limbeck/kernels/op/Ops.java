// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.List;

/** The list of all operations, for reports and for tests that must miss none. */
public final class Ops {
  /** All operations, the stems in alphabetical order. */
  public static final List<Op<?, ?>> ALL =
      List.of(
          AdamW.OP,
          Attention.WEIGHTS,
          Attention.CONTEXT,
          Attention.CONTEXT_BACKWARD,
          Attention.WEIGHTS_BACKWARD,
          AttentionKl.OP,
          BertAdam.OP,
          Cosine.OP,
          Dropout.FORWARD,
          Dropout.BACKWARD,
          Embedding.FORWARD,
          Embedding.BACKWARD,
          FakeQuant.FORWARD,
          FakeQuant.BACKWARD,
          Gelu.FORWARD,
          Gelu.BACKWARD,
          GemmBf16.OP,
          GemmF32.OP,
          GemmI8.OP,
          GemmTernary.OP,
          LayerNorm.FORWARD,
          LayerNorm.BACKWARD,
          Mse.OP,
          PetWarmup.OP,
          Relu.FORWARD,
          Relu.BACKWARD,
          Softmax.FORWARD,
          Softmax.BACKWARD,
          SoftmaxKl.OP,
          Tanh.FORWARD,
          Tanh.BACKWARD);

  private Ops() {}
}
