// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * attention, reference. A = scale Q K^T, P = softmax of A over the entries that are not masked, C =
 * P V; dP = dC V^T, dV = P^T dC, dA = P (dP - sum dP P) + further dA, dQ = scale dA K, dK = scale
 * dA^T Q.
 *
 * <p>Q, C, dQ, dC f32 [batch queries, heads width], K, V, dK, dV f32 [batch keys, heads width]; A,
 * P, dP (overwritten with dA) f32 [batch heads queries, keys]; any row stride; no output overlaps
 * an input. Masked entries: A = maskedScore, P = 0; a row without a real key has P = 0. NaN or
 * +infinity among the real scores of a row makes its real maps NaN. Sums in double, one rounding
 * for each stored element; P from the stored A. One thread. A and C 2 queries keys width flops for
 * each example and head, their backwards twice that.
 */
final class ScalarAttention {
  private ScalarAttention() {}

  static Kernel<Attention.Weights> weights(Attention.Spec spec) {
    return (a, pool) -> weights(spec, a);
  }

  static Kernel<Attention.WeightsBackward> weightsBackward(Attention.Spec spec) {
    return (a, pool) -> weightsBackward(spec, a);
  }

  private static void weights(Attention.Spec spec, Attention.Weights a) {
    AttentionShape s = a.shape();
    long width = a.query().cols() / s.heads();
    for (long row = 0; row < s.rows(); row++) {
      long b = row / (s.heads() * s.queries());
      long h = row / s.queries() % s.heads();
      long q = row % s.queries();
      double max = Double.NEGATIVE_INFINITY;
      for (long k = 0; k < s.keys(); k++) {
        if (isMasked(spec, a, b, q, k)) {
          a.scores().setFloat(row, k, spec.maskedScore());
          continue;
        }
        double sum = 0;
        for (long w = h * width; w < (h + 1) * width; w++) {
          sum +=
              (double) a.query().getFloat(b * s.queries() + q, w)
                  * a.key().getFloat(b * s.keys() + k, w);
        }
        a.scores().setFloat(row, k, (float) (spec.scale(width) * sum));
        max = Math.max(max, a.scores().getFloat(row, k));
      }
      double sum = 0;
      for (long k = 0; k < s.keys(); k++) {
        sum +=
            isMasked(spec, a, b, q, k) ? 0 : ScalarMath.expBelow(a.scores().getFloat(row, k), max);
      }
      for (long k = 0; k < s.keys(); k++) {
        boolean zero = isMasked(spec, a, b, q, k) || max == Double.NEGATIVE_INFINITY;
        double p = zero ? 0 : ScalarMath.expBelow(a.scores().getFloat(row, k), max) / sum;
        a.maps().setFloat(row, k, (float) p);
      }
    }
  }

  private static boolean isMasked(
      Attention.Spec spec, Attention.Weights a, long example, long query, long key) {
    boolean later = spec.causal() && key > query;
    boolean beyond = a.lengths() != null && key >= a.lengths().getInt(0, example);
    return later || beyond || !isKept(a, example * a.shape().queries() + query, key);
  }

  private static boolean isKept(Attention.Weights a, long maskRow, long key) {
    return a.mask() == null || a.mask().getByte(maskRow, key) != 0;
  }

  static void context(Attention.Context a, WorkerPool pool) {
    AttentionShape s = a.shape();
    mapsTimesKeys(s, 1, a.maps(), a.value(), a.context());
  }

  static void contextBackward(Attention.ContextBackward a, WorkerPool pool) {
    AttentionShape s = a.shape();
    long width = a.value().cols() / s.heads();
    for (long row = 0; row < s.rows(); row++) {
      long b = row / (s.heads() * s.queries());
      long h = row / s.queries() % s.heads();
      long q = row % s.queries();
      for (long k = 0; k < s.keys(); k++) {
        double sum = 0;
        for (long w = h * width; w < (h + 1) * width; w++) {
          sum +=
              (double) a.gradContext().getFloat(b * s.queries() + q, w)
                  * a.value().getFloat(b * s.keys() + k, w);
        }
        a.gradMaps().setFloat(row, k, (float) sum);
      }
    }
    mapsTimesQueries(s, 1, a.maps(), a.gradContext(), a.gradValue());
  }

  private static void weightsBackward(Attention.Spec spec, Attention.WeightsBackward a) {
    AttentionShape s = a.shape();
    for (long row = 0; row < s.rows(); row++) {
      double dot = 0;
      for (long k = 0; k < s.keys(); k++) {
        dot += (double) a.gradMaps().getFloat(row, k) * a.maps().getFloat(row, k);
      }
      for (long k = 0; k < s.keys(); k++) {
        double g = a.maps().getFloat(row, k) * (a.gradMaps().getFloat(row, k) - dot);
        double further = a.gradScores() == null ? 0 : a.gradScores().getFloat(row, k);
        a.gradMaps().setFloat(row, k, (float) (g + further));
      }
    }
    double scale = spec.scale(a.query().cols() / s.heads());
    mapsTimesKeys(s, scale, a.gradMaps(), a.key(), a.gradQuery());
    mapsTimesQueries(s, scale, a.gradMaps(), a.query(), a.gradKey());
  }

  /**
   * Stores scale M X for each example and head: M has the shape of the maps, X that of the keys.
   */
  private static void mapsTimesKeys(
      AttentionShape s, double scale, Matrix maps, Matrix x, Matrix out) {
    long width = x.cols() / s.heads();
    for (long r = 0; r < out.rows(); r++) {
      long b = r / s.queries();
      for (long c = 0; c < out.cols(); c++) {
        long row = (b * s.heads() + c / width) * s.queries() + r % s.queries();
        double sum = 0;
        for (long k = 0; k < s.keys(); k++) {
          sum += (double) maps.getFloat(row, k) * x.getFloat(b * s.keys() + k, c);
        }
        out.setFloat(r, c, (float) (scale * sum));
      }
    }
  }

  /** Stores scale M^T X for each example and head: X has the shape of the queries. */
  private static void mapsTimesQueries(
      AttentionShape s, double scale, Matrix maps, Matrix x, Matrix out) {
    long width = x.cols() / s.heads();
    for (long r = 0; r < out.rows(); r++) {
      long b = r / s.keys();
      for (long c = 0; c < out.cols(); c++) {
        long first = (b * s.heads() + c / width) * s.queries();
        double sum = 0;
        for (long q = 0; q < s.queries(); q++) {
          sum +=
              (double) maps.getFloat(first + q, r % s.keys()) * x.getFloat(b * s.queries() + q, c);
        }
        out.setFloat(r, c, (float) (scale * sum));
      }
    }
  }
}
