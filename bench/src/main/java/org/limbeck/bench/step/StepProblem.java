// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.Map;

/**
 * What a training step computes on, in the host's arrays, so that each implementation makes its own
 * tensors of it.
 */
public interface StepProblem {
  /** Returns the values that the trained network starts from, by name. */
  Map<String, Values> parameters();

  /** Returns whether a parameter is a vector, by its name; the others are matrices. */
  static boolean isVector(String name) {
    return name.endsWith("bias") || name.contains("LayerNorm") || name.contains("layer_norm");
  }

  /**
   * The values of a parameter.
   *
   * @param elements row after row
   * @param rows its rows; 1 for a vector
   * @param cols its columns
   */
  record Values(float[] elements, long rows, long cols) {}
}
