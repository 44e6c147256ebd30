// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.List;
import org.limbeck.kernels.memory.Matrix;

/**
 * A symmetric linear map on the space of a model's parameters, known by what it does to a vector.
 */
@FunctionalInterface
public interface HessianVectorProduct {
  /**
   * Writes H v.
   *
   * @param v the vector, one F32 host matrix for each parameter; not changed
   * @param out receives the product, in matrices of the same shapes that share no byte with {@code
   *     v}; what they held before is to be overwritten
   */
  void multiply(List<Matrix> v, List<Matrix> out);
}
