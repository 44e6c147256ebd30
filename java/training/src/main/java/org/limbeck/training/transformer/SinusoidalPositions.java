// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Tensors;

/**
 * The table of sinusoidal positions in fairseq's layout: row p holds sin(p f_i), i from 0 to d/2 -
 * 1, then cos(p f_i), with f_i = 10000^(-i / (d/2 - 1)). The first position of a sequence is row 2,
 * behind the number of padding, whose row is 0.
 */
final class SinusoidalPositions {
  private static final double BASE = 10_000;

  private SinusoidalPositions() {}

  /** Returns the row of a position, counted from 0. */
  static int row(int position) {
    return SpecialTokens.PAD + 1 + position;
  }

  /** Returns the table for sequences of the greatest length, F32 [rows, width]. */
  static Matrix table(Memory memory, int width) {
    Matrix table = memory.matrix(DType.F32, row(Capacity.MAX_LENGTH), width);
    Tensors.upload(memory, table, index -> value(index / width, (int) (index % width), width / 2));
    return table;
  }

  static float value(long position, int column, int half) {
    if (position == SpecialTokens.PAD) {
      return 0;
    }
    int i = column % half;
    double angle = half == 1 ? position : position * Math.pow(BASE, -i / (half - 1.0));
    return (float) (column < half ? Math.sin(angle) : Math.cos(angle));
  }
}
