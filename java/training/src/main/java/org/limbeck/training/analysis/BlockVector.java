// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.random.NormalVariates;

/**
 * A vector that lies in several F32 host matrices, with the little arithmetic that power iteration
 * needs; sums in double, in one fixed order.
 */
record BlockVector(List<Matrix> blocks) {

  /** Returns a new vector of zeros with the shapes of another list of matrices. */
  static BlockVector like(List<Matrix> shapes, Memory memory) {
    return new BlockVector(
        shapes.stream().map(m -> memory.matrix(DType.F32, m.rows(), m.cols())).toList());
  }

  /** Fills the vector with standard normal variates, consecutive over the blocks. */
  void fillNormal(long seed, long stream) {
    long from = 0;
    for (Matrix block : blocks) {
      MemorySegment x = block.segment();
      for (long i = 0; i < block.elements(); i++) {
        x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) NormalVariates.at(seed, stream, from + i));
      }
      from += block.elements();
    }
  }

  double dot(BlockVector other) {
    double sum = 0;
    for (int b = 0; b < blocks.size(); b++) {
      MemorySegment x = blocks.get(b).segment();
      MemorySegment y = other.blocks.get(b).segment();
      for (long i = 0; i < blocks.get(b).elements(); i++) {
        sum +=
            (double) x.getAtIndex(ValueLayout.JAVA_FLOAT, i)
                * y.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      }
    }
    return sum;
  }

  /** Replaces this vector by {@code factor * source + keep * this}. */
  void assign(double factor, BlockVector source, double keep) {
    for (int b = 0; b < blocks.size(); b++) {
      MemorySegment x = blocks.get(b).segment();
      MemorySegment y = source.blocks.get(b).segment();
      for (long i = 0; i < blocks.get(b).elements(); i++) {
        double old = keep == 0 ? 0 : keep * x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        double added = factor * y.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (old + added));
      }
    }
  }

  /** Replaces this vector by another one, divided by its length plus a guard. */
  void assignNormalised(BlockVector source, double guard) {
    assign(1 / (Math.sqrt(source.dot(source)) + guard), source, 0);
  }
}
