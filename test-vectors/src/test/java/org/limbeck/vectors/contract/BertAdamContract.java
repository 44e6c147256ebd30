// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.OptimizerStep.Arguments;

/** The contract of bert_adam. */
public abstract class BertAdamContract extends OptimizerContract<BertAdam.Spec> {
  private static final BertAdam.Spec UNLIMITED =
      new BertAdam.Spec(0.9, 0.999, 1e-6, 0.01, Double.POSITIVE_INFINITY);

  /** Tests a backend. */
  protected BertAdamContract(String backend) {
    super(backend, BertAdam.OP, BertAdam.Spec.DEFAULT);
  }

  @Override
  double beta1() {
    return spec.beta1();
  }

  @Override
  double divisor(float v, long step) {
    return Math.sqrt(v) + spec.epsilon();
  }

  @Override
  double gradientFactor(Matrix gradient) {
    double squares = 0;
    for (double[] row : GradientCheck.toDoubles(gradient)) {
      for (double g : row) {
        squares += g * g;
      }
    }
    return Math.min(1, 1 / (Math.sqrt(squares) + 1e-6));
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 1e10, 1e25})
  void clipsTheNormOfTheWholeTensor(double deviation) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments a = underWay(t, 300, 300, deviation);
      for (long r = 0; r < 300; r++) {
        for (long c = 0; c < 300; c++) {
          a.firstMoment().setFloat(r, c, 0);
        }
      }
      Arguments copy = copy(t, a);
      run(BertAdam.OP, spec, copy);
      double squares = 0;
      for (double[] row : GradientCheck.toDoubles(copy.firstMoment())) {
        for (double m : row) {
          squares += m * m / 0.01;
        }
      }
      // From zero moments m is a tenth of the clipped gradient.
      assertEquals(1, Math.sqrt(squares), 1e-6);
      assertAgrees(t, spec, a);
    }
  }

  @Test
  void infiniteMaximumMeansNone() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments a = underWay(t, 3, 35, 100);
      a.gradient().setFloat(1, 2, Float.NaN);
      Matrix m = t.copy(a.firstMoment());
      run(BertAdam.OP, UNLIMITED, a);
      for (long r = 0; r < 3; r++) {
        for (long c = 0; c < 35; c++) {
          double want = 0.9 * m.getFloat(r, c) + 0.1 * a.gradient().getFloat(r, c);
          if (r == 1 && c == 2) {
            assertTrue(Float.isNaN(a.firstMoment().getFloat(r, c)));
          } else {
            assertEquals(want, a.firstMoment().getFloat(r, c), 1e-6 * (1 + Math.abs(want)));
          }
        }
      }
    }
  }

  @Test
  void nanSpreadsThroughTheNorm() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments a = underWay(t, 2, 35, 0.01);
      a.gradient().setFloat(1, 34, Float.NaN);
      run(BertAdam.OP, spec, a);
      for (long r = 0; r < 2; r++) {
        for (long c = 0; c < 35; c++) {
          assertTrue(Float.isNaN(a.parameter().getFloat(r, c)));
        }
      }
    }
  }

  /** The published vector: w = (1, -2), g = (3, 4), a warm-up of one step in ten. */
  @Test
  void followsThePublishedVector() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix w = t.zeros(DType.F32, 1, 2);
      Matrix g = t.zeros(DType.F32, 1, 2);
      w.setFloat(0, 0, 1);
      w.setFloat(0, 1, -2);
      g.setFloat(0, 0, 3);
      g.setFloat(0, 1, 4);
      Matrix m = t.vector(2);
      Matrix v = t.vector(2);
      double[] rates = {0, 2e-5, 2e-5 * 8 / 9};
      double[][] want = {{1, -2}, {0.9999148, -2.0000846}, {0.9998266, -2.0001722}};
      for (int step = 0; step < 3; step++) {
        run(BertAdam.OP, spec, new Arguments(w, g, m, v, step + 1, rates[step]));
        assertEquals(want[step][0], w.getFloat(0, 0), 1.5e-7);
        assertEquals(want[step][1], w.getFloat(0, 1), 3e-7);
      }
    }
  }

  @Test
  void refusesBadOptions() {
    assertThrows(InvalidArgumentException.class, () -> new BertAdam.Spec(1, 0.9, 0, 0, 1));
    assertThrows(InvalidArgumentException.class, () -> new BertAdam.Spec(0.9, 0.9, 0, 0, 0));
    assertThrows(
        InvalidArgumentException.class, () -> new BertAdam.Spec(0.9, 0.9, 0, 0, Double.NaN));
  }
}
