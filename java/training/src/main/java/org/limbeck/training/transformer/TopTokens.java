// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;

/** The most probable tokens of a row, best first; of equal ones the lowest number. */
final class TopTokens {
  private final int[] tokens;
  private final float[] probabilities;
  private float[] row = {};
  private int size;

  /**
   * Allocates.
   *
   * @param count how many are wanted
   */
  TopTokens(int count) {
    tokens = new int[count];
    probabilities = new float[count];
  }

  /**
   * Finds them. Padding is left out.
   *
   * @param rows probabilities, F32 [rows, vocabulary] on the host
   * @param number which row
   */
  void find(Matrix rows, long number) {
    size = 0;
    int count = Math.toIntExact(rows.cols());
    if (row.length < count) {
      row = new float[count];
    }
    // Most tokens are looked at once and left: an array costs less a look than a segment.
    MemorySegment.copy(
        rows.segment(), ValueLayout.JAVA_FLOAT, rows.rowOffsetBytes(number), row, 0, count);
    int token = 0;
    for (; token < count && size < tokens.length; token++) {
      if (token != SpecialTokens.PAD) {
        insert(token, row[token]);
      }
    }
    float least = size == 0 ? Float.NEGATIVE_INFINITY : probabilities[size - 1];
    for (; token < count; token++) {
      if (row[token] > least && token != SpecialTokens.PAD) {
        insert(token, row[token]);
        least = probabilities[size - 1];
      }
    }
  }

  private void insert(int token, float p) {
    int place = size < tokens.length ? size++ : size - 1;
    while (place > 0 && p > probabilities[place - 1]) {
      tokens[place] = tokens[place - 1];
      probabilities[place] = probabilities[place - 1];
      place--;
    }
    tokens[place] = token;
    probabilities[place] = p;
  }

  int size() {
    return size;
  }

  int token(int rank) {
    return tokens[rank];
  }

  float probability(int rank) {
    return probabilities[rank];
  }
}
