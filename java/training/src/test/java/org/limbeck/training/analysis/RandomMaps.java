// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.NormalVariates;

/** Inputs for the tests of this package. */
final class RandomMaps {
  private RandomMaps() {}

  /** Returns a matrix of normal variates. */
  static Matrix normal(HostMemory memory, long seed, long rows, long cols) {
    Matrix matrix = memory.matrix(DType.F32, rows, cols);
    new BlockVector(List.of(matrix)).fillNormal(seed, 0);
    return matrix;
  }

  /**
   * Returns maps of normalised exponentials, padded with NaN, which no measure may read, to {@code
   * padding} more queries and keys. Some keys of each row tie.
   */
  static HeadMaps maps(HostMemory memory, long seed, int heads, int tokens, int padding) {
    int length = tokens + padding;
    Matrix matrix = memory.matrix(DType.F32, (long) heads * length, length);
    for (int head = 0; head < heads; head++) {
      for (int query = 0; query < length; query++) {
        double sum = 0;
        double[] row = new double[tokens];
        for (int key = 0; key < tokens; key++) {
          double score = NormalVariates.at(seed, head, (long) query * length + key);
          row[key] = Math.exp(Math.round(score * 4) / 4.0);
          sum += row[key];
        }
        for (int key = 0; key < length; key++) {
          boolean real = query < tokens && key < tokens;
          matrix.setFloat(
              (long) head * length + query, key, real ? (float) (row[key] / sum) : Float.NaN);
        }
      }
    }
    return new HeadMaps(matrix, heads, tokens);
  }

  /** Returns a probability. */
  static float p(HeadMaps maps, int head, int query, int key) {
    return maps.maps().getFloat(head * (maps.maps().rows() / maps.heads()) + query, key);
  }
}
