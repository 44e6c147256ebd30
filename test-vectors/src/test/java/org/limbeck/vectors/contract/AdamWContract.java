// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.OptimizerStep.Arguments;

/** The contract of adamw. */
public abstract class AdamWContract extends OptimizerContract<AdamW.Spec> {
  /** Tests a backend. */
  protected AdamWContract(String backend) {
    super(backend, AdamW.OP, AdamW.Spec.DEFAULT);
  }

  @Override
  double beta1() {
    return spec.beta1();
  }

  @Override
  double divisor(float v, long step) {
    double firstCorrection = 1 - Math.pow(spec.beta1(), (double) step);
    double secondCorrection = 1 - Math.pow(spec.beta2(), (double) step);
    return firstCorrection * (Math.sqrt(v / secondCorrection) + spec.epsilon());
  }

  @Override
  double gradientFactor(Matrix gradient) {
    return 1;
  }

  @Test
  void firstStepIsTheLearningRate() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix w = t.vector(33);
      Matrix g = t.normal(1, 33, 5);
      AdamW.Spec plain = new AdamW.Spec(0.9, 0.999, 0, 0);
      run(AdamW.OP, plain, new Arguments(w, g, t.vector(33), t.vector(33), 1, 0.25));
      for (long c = 0; c < 33; c++) {
        assertEquals(-0.25 * Math.signum(g.getFloat(0, c)), w.getFloat(0, c), 2e-7);
      }
    }
  }

  @Test
  void nanStaysInItsElement() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments a = underWay(t, 1, 37, 0.01);
      a.gradient().setFloat(0, 3, Float.NaN);
      a.gradient().setFloat(0, 36, Float.NaN);
      run(AdamW.OP, spec, a);
      for (long c = 0; c < 37; c++) {
        assertEquals(c == 3 || c == 36, Float.isNaN(a.parameter().getFloat(0, c)));
        assertEquals(c == 3 || c == 36, Float.isNaN(a.secondMoment().getFloat(0, c)));
      }
    }
  }

  @Test
  void largeGradientsDoNotOverflow() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments a = underWay(t, 1, 37, 1e19);
      assertAgrees(t, spec, a);
      assertTrue(Float.isFinite(a.parameter().getFloat(0, 0)));
    }
  }

  @Test
  void refusesBadOptions() {
    assertThrows(InvalidArgumentException.class, () -> new AdamW.Spec(1, 0.9, 0, 0));
    assertThrows(InvalidArgumentException.class, () -> new AdamW.Spec(0.9, -0.1, 0, 0));
    assertThrows(InvalidArgumentException.class, () -> new AdamW.Spec(0.9, 0.9, -1, 0));
    assertThrows(InvalidArgumentException.class, () -> new AdamW.Spec(0.9, 0.9, 0, Double.NaN));
  }
}
