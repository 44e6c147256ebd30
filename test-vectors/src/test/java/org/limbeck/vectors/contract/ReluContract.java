// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Relu;

/** The contract of relu. */
public abstract class ReluContract extends ElementwiseContract<Relu.Spec, Elementwise.Backward> {
  private static final Relu.Spec SPEC = new Relu.Spec();

  /** Tests a backend. */
  protected ReluContract(String backend) {
    super(backend, Relu.FORWARD, Relu.BACKWARD, Elementwise.Backward::new, List.of(SPEC), 0, 0);
  }

  @Test
  void followsItsRuleToTheBit() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(3, 39, 1);
      x.setFloat(0, 3, -0f);
      x.setFloat(0, 38, -0f);
      x.setFloat(1, 4, Float.NaN);
      x.setFloat(1, 37, Float.NaN);
      Matrix gradY = t.normal(3, 39, 1);
      gradY.setFloat(2, 5, Float.NaN);
      x.setFloat(2, 5, -1);
      Matrix y = apply(t, SPEC, x);
      Matrix gradX = chain(t, SPEC, x, gradY);
      for (long r = 0; r < 3; r++) {
        for (long c = 0; c < 39; c++) {
          float at = x.getFloat(r, c);
          if (Float.isNaN(at)) {
            assertTrue(Float.isNaN(y.getFloat(r, c)));
          } else {
            // Assertions on floats tell 0 from -0.
            assertEquals(at > 0 ? at : 0f, y.getFloat(r, c));
          }
          assertEquals(at > 0 ? gradY.getFloat(r, c) : 0f, gradX.getFloat(r, c));
        }
      }
    }
  }

  @Test
  void isIdempotent() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix y = apply(t, SPEC, t.normal(2, 50, 1));
      assertSameBits(y, apply(t, SPEC, y), "relu of relu");
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.zeros(DType.F32, 1, 20);
      for (int c = 0; c < 20; c++) {
        x.setFloat(0, c, (c - 9.5f) / 4);
      }
      Matrix weight = t.normal(1, 20, 1);
      GradientCheck.check(
          x,
          chain(t, SPEC, x, weight),
          values -> {
            double total = 0;
            for (int c = 0; c < 20; c++) {
              total += weight.getFloat(0, c) * Math.max(values[0][c], 0);
            }
            return total;
          },
          "relu",
          SEED);
    }
  }
}
