// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.vectors.contract.Tensors;

/** Attention with products on the tensor cores in tf32 on the CUDA backend, by default emulated. */
class CudaAttentionTf32Test extends TiledAttentionContract {
  private static final long QUERIES = 70;
  private static final long KEYS = 37;
  private static final long WIDTH = 36;

  /** Of factors of one term the product is exact, and rounding to nearest shows. */
  private static final long TERM = 13;

  CudaAttentionTf32Test() {
    super(Precision.TF32);
  }

  /** A number between those of tf32, nearer to the one below or above. */
  private static float between(long i) {
    return 1 + i * 0x1p-10f + (i % 3 == 0 ? 1 : 3) * 0x1p-12f;
  }

  private static float nearest(long i) {
    return 1 + (i % 3 == 0 ? i : i + 1) * 0x1p-10f;
  }

  private static Matrix row(Tensors t, long rows, long cols) {
    Matrix m = t.zeros(DType.F32, rows, cols);
    for (long c = 0; c < cols; c++) {
      m.setFloat(TERM, c, between(c));
    }
    return m;
  }

  private static Matrix column(Tensors t, long rows, long cols) {
    Matrix m = t.zeros(DType.F32, rows, cols);
    for (long r = 0; r < rows; r++) {
      m.setFloat(r, TERM, between(r));
    }
    return m;
  }

  private static void assertRounded(Matrix product, String what) {
    for (long r = 0; r < product.rows(); r++) {
      for (long c = 0; c < product.cols(); c++) {
        String where = what + " at (" + r + ", " + c + ")";
        assertEquals(nearest(r) * nearest(c), product.getFloat(r, c), where);
      }
    }
  }

  @Test
  void factorsAreRoundedToNearest() {
    AttentionShape s = new AttentionShape(1, 1, QUERIES, KEYS);
    Attention.Spec spec =
        new Attention.Spec(1, false, Attention.Spec.BERT_MASKED_SCORE, Precision.TF32);
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix scores = t.zeros(DType.F32, QUERIES, KEYS);
      Matrix maps = t.zeros(DType.F32, QUERIES, KEYS);
      Matrix query = column(t, QUERIES, WIDTH);
      Matrix key = column(t, KEYS, WIDTH);
      run(Attention.WEIGHTS, spec, new Attention.Weights(s, query, key, null, null, scores, maps));
      assertRounded(scores, "scores");
      Matrix context = t.zeros(DType.F32, QUERIES, WIDTH);
      Matrix value = row(t, KEYS, WIDTH);
      run(
          Attention.CONTEXT,
          spec,
          new Attention.Context(s, column(t, QUERIES, KEYS), value, context));
      assertRounded(context, "context");
      Matrix gradMaps = t.zeros(DType.F32, QUERIES, KEYS);
      Matrix gradValue = t.zeros(DType.F32, KEYS, WIDTH);
      Matrix map = row(t, QUERIES, KEYS);
      run(
          Attention.CONTEXT_BACKWARD,
          spec,
          new Attention.ContextBackward(s, map, key, row(t, QUERIES, WIDTH), gradMaps, gradValue));
      assertRounded(gradValue, "gradValue");
    }
  }
}
