// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.GemmF32.Precision;

/** The tensors of an attention layer in a test, forward and backward, with one kind of masking. */
final class AttentionCase {
  /** What is masked. */
  enum Masking {
    NONE,
    LENGTHS,
    CAUSAL,
    MASK,
    ALL
  }

  final Attention.Spec spec;
  final AttentionShape shape;
  final long width;
  final Matrix query;
  final Matrix key;
  final Matrix value;
  final Matrix gradContext;
  final Matrix lengths;
  final Matrix mask;

  /** A further gradient by the scores, 0 at masked entries. */
  final Matrix gradScores;

  private final Tensors tensors;

  AttentionCase(
      Tensors t,
      AttentionShape shape,
      long width,
      Masking masking,
      float maskedScore,
      Precision precision) {
    this.tensors = t;
    this.shape = shape;
    this.width = width;
    boolean all = masking == Masking.ALL;
    spec = new Attention.Spec(Double.NaN, all || masking == Masking.CAUSAL, maskedScore, precision);
    query = t.normal(shape.batch() * shape.queries(), shape.heads() * width, 2);
    key = t.normal(shape.batch() * shape.keys(), shape.heads() * width, 1);
    value = t.normal(key.rows(), key.cols(), 1);
    gradContext = t.normal(query.rows(), query.cols(), 1);
    lengths = all || masking == Masking.LENGTHS ? t.zeros(DType.I32, 1, shape.batch()) : null;
    for (long b = 0; lengths != null && b < shape.batch(); b++) {
      // The last example is full, the first but one of several has no key.
      long padding = (shape.batch() - 1 - b) * Math.max(1, shape.keys() / 3);
      lengths.setInt(0, b, (int) Math.max(0, shape.keys() - padding * (b == 0 ? 2 : 1)));
    }
    mask = all || masking == Masking.MASK ? t.mask(query.rows(), shape.keys(), 0.6) : null;
    gradScores = t.normal(shape.rows(), shape.keys(), 1);
    for (long r = 0; r < shape.rows(); r++) {
      for (long k = 0; k < shape.keys(); k++) {
        if (isMasked(r, k)) {
          gradScores.setFloat(r, k, 0);
        }
      }
    }
  }

  long example(long row) {
    return row / (shape.heads() * shape.queries());
  }

  long head(long row) {
    return row / shape.queries() % shape.heads();
  }

  /** Returns the row of the queries that belongs to a row of the maps. */
  long queryRow(long row) {
    return example(row) * shape.queries() + row % shape.queries();
  }

  boolean isMasked(long row, long k) {
    boolean later = spec.causal() && k > row % shape.queries();
    boolean beyond = lengths != null && k >= lengths.getInt(0, example(row));
    boolean dropped = mask != null && mask.getByte(queryRow(row), k) == 0;
    return later || beyond || dropped;
  }

  /** The outputs of the four operations. */
  final class Outputs {
    final Matrix scores = tensors.zeros(DType.F32, shape.rows(), shape.keys());
    final Matrix maps = tensors.zeros(DType.F32, shape.rows(), shape.keys());
    final Matrix context = tensors.zeros(DType.F32, query.rows(), query.cols());
    final Matrix gradMaps = tensors.zeros(DType.F32, shape.rows(), shape.keys());
    final Matrix gradQuery = tensors.zeros(DType.F32, query.rows(), query.cols());
    final Matrix gradKey = tensors.zeros(DType.F32, key.rows(), key.cols());
    final Matrix gradValue = tensors.zeros(DType.F32, key.rows(), key.cols());

    Attention.Weights weights() {
      return new Attention.Weights(shape, query, key, lengths, mask, scores, maps);
    }

    Attention.Context context(Matrix maps) {
      return new Attention.Context(shape, maps, value, context);
    }

    Attention.ContextBackward contextBackward(Matrix maps) {
      return new Attention.ContextBackward(shape, maps, value, gradContext, gradMaps, gradValue);
    }

    Attention.WeightsBackward weightsBackward(Matrix maps) {
      return new Attention.WeightsBackward(
          shape, query, key, maps, gradMaps, gradScores, gradQuery, gradKey);
    }
  }

  /**
   * Returns sum gradContext C + sum gradScores A in double, from the formula and not from the
   * library.
   */
  double objective(double[][] q, double[][] k, double[][] v) {
    double total = 0;
    int keys = (int) shape.keys();
    for (int row = 0; row < shape.rows(); row++) {
      int query = (int) queryRow(row);
      int first = (int) (example(row) * keys);
      double[] exp = new double[keys];
      double sum = 0;
      for (int j = 0; j < keys; j++) {
        if (!isMasked(row, j)) {
          double score = 0;
          for (int c = 0; c < width; c++) {
            int col = (int) (head(row) * width) + c;
            score += q[query][col] * k[first + j][col] / Math.sqrt((double) width);
          }
          total += gradScores.getFloat(row, j) * score;
          exp[j] = Math.exp(score);
          sum += exp[j];
        }
      }
      for (int j = 0; j < keys && sum > 0; j++) {
        for (int c = 0; c < width; c++) {
          int col = (int) (head(row) * width) + c;
          total += gradContext.getFloat(query, col) * exp[j] / sum * v[first + j][col];
        }
      }
    }
    return total;
  }
}
