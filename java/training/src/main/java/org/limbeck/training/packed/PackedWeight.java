// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * A ternary weight of 2 bits a value: w = scale * code.
 *
 * @param codes the codes, [rows, cols]
 * @param scale F32 [1, 1], or [1, rows] with one for each row
 */
public record PackedWeight(PackedTernary codes, Matrix scale) {
  /**
   * Checks that scales and codes fit.
   *
   * @throws IllegalArgumentException if there are other numbers of scales
   */
  public PackedWeight {
    Objects.requireNonNull(codes, "codes");
    Objects.requireNonNull(scale, "scale");
    if (scale.type() != DType.F32
        || scale.rows() != 1
        || (scale.cols() != 1 && scale.cols() != codes.rows())) {
      throw new IllegalArgumentException(
          "PackedWeight: scale: given "
              + scale
              + ", expected F32 of shape [1, 1] or [1, "
              + codes.rows()
              + "]");
    }
  }

  /** Returns the size of codes, padding included, and scales. */
  public long bytes() {
    return codes.bytes().elements() + scale.elements() * Float.BYTES;
  }
}
