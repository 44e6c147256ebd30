// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;

/** The most probable tokens of a row, best first; of equal ones the lowest number. */
final class TopTokens {
  private final int[] tokens;
  private final float[] probabilities;
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
   * @param row which row
   */
  void find(Matrix rows, long row) {
    size = 0;
    MemorySegment segment = rows.segment();
    long at = rows.rowOffsetBytes(row);
    float least = Float.NEGATIVE_INFINITY;
    int count = Math.toIntExact(rows.cols());
    for (int token = 0; token < count; token++) {
      float p = segment.get(ValueLayout.JAVA_FLOAT, at + (long) token * Float.BYTES);
      if ((p > least || size < tokens.length) && token != SpecialTokens.PAD) {
        insert(token, p);
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
