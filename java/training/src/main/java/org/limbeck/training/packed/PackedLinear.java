// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.training.nn.Compute;

/**
 * A linear layer with packed weights: y = x W^T scale + b.
 *
 * @param compute the operations
 * @param spec how activations enter the sums
 * @param weight [out, in]
 * @param bias F32 [1, out]
 */
record PackedLinear(Compute compute, GemmTernary.Spec spec, PackedWeight weight, Matrix bias) {
  /**
   * Computes the outputs.
   *
   * @param x F32 [rows, in]
   * @param y F32 [rows, out], written
   */
  void forward(Matrix x, Matrix y) {
    compute
        .operation(GemmTernary.OP, spec)
        .run(new GemmTernary.Arguments(x, weight.codes(), weight.scale(), bias, y, null));
  }
}
