// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.vectors.contract.AttentionContract;
import org.limbeck.vectors.contract.Tensors;

/** The contract of attention, and shapes of several tiles, on the CUDA backend. */
abstract class TiledAttentionContract extends AttentionContract {
  private final Precision precision;

  TiledAttentionContract(Precision precision) {
    super(TestedBackend.name(), precision);
    this.precision = precision;
  }

  /**
   * Head widths of models, several tiles of queries, keys and width, large and small ones, rows
   * that a warp holds in each way and rows that are too long for it, rows that begin at any
   * element.
   */
  @ParameterizedTest
  @CsvSource({
    "128, 128, 64, false, 0",
    "129, 70, 36, true, 0",
    "70, 200, 128, true, 3",
    "100, 129, 75, false, 3",
    "4, 520, 60, true, 4",
    "3, 1060, 80, false, 0"
  })
  void agreesWithTheReferenceOnSeveralTiles(
      long queries, long keys, long width, boolean causal, long gap) {
    AttentionShape s = new AttentionShape(1, 2, queries, keys);
    Attention.Spec spec =
        (causal ? Attention.Spec.CAUSAL : Attention.Spec.DEFAULT).withPrecision(precision);
    // Sums of up to 1060 terms of order 1 and below, of factors that tf32 rounds by 2^-11.
    double error = precision == Precision.TF32 ? 4e-3 : 2e-5;
    List<List<Matrix>> results = new ArrayList<>();
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix q = t.normal(queries, 2 * width + gap, 1).columns(0, 2 * width);
      Matrix k = t.normal(keys, 2 * width + gap, 1).columns(0, 2 * width);
      Matrix v = t.normal(keys, 2 * width + gap, 1).columns(0, 2 * width);
      Matrix gradContext = t.normal(queries, 2 * width, 1);
      Matrix lengths = t.zeros(DType.I32, 1, 1);
      lengths.setInt(0, 0, (int) (keys - keys / 9));
      for (boolean reference : new boolean[] {true, false}) {
        Matrix scores = t.zeros(DType.F32, s.rows(), keys);
        Matrix maps = t.zeros(DType.F32, s.rows(), keys + gap).columns(0, keys);
        Matrix context = t.zeros(DType.F32, queries, 2 * width);
        Matrix gradMaps = t.zeros(DType.F32, s.rows(), keys);
        Matrix gradQ = t.zeros(DType.F32, queries, 2 * width);
        Matrix gradK = t.zeros(DType.F32, keys, 2 * width + gap).columns(0, 2 * width);
        Matrix gradV = t.zeros(DType.F32, keys, 2 * width);
        var weights = new Attention.Weights(s, q, k, lengths, null, scores, maps);
        var after = new Attention.Context(s, maps, v, context);
        var contextBackward =
            new Attention.ContextBackward(s, maps, v, gradContext, gradMaps, gradV);
        var weightsBackward =
            new Attention.WeightsBackward(s, q, k, maps, gradMaps, null, gradQ, gradK);
        if (reference) {
          runReference(Attention.WEIGHTS, spec, weights);
          runReference(Attention.CONTEXT, spec, after);
          runReference(Attention.CONTEXT_BACKWARD, spec, contextBackward);
          runReference(Attention.WEIGHTS_BACKWARD, spec, weightsBackward);
        } else {
          run(Attention.WEIGHTS, spec, weights);
          run(Attention.CONTEXT, spec, after);
          run(Attention.CONTEXT_BACKWARD, spec, contextBackward);
          run(Attention.WEIGHTS_BACKWARD, spec, weightsBackward);
        }
        results.add(List.of(scores, maps, context, gradMaps, gradQ, gradK, gradV));
      }
      for (int i = 0; i < results.get(0).size(); i++) {
        assertClose(results.get(0).get(i), results.get(1).get(i), 5 * error, error, "output " + i);
      }
      t.assertPaddingIntact();
    }
  }
}
