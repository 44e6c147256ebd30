// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/** The arguments that optimizer steps share: one parameter tensor with its gradient and moments. */
public final class OptimizerStep {
  private OptimizerStep() {}

  /**
   * Arguments of a call.
   *
   * @param parameter w, F32 [rows, cols], updated
   * @param gradient g, F32 [rows, cols]
   * @param firstMoment m, F32 [rows, cols], updated; zeros before the first step
   * @param secondMoment v, F32 [rows, cols], updated; zeros before the first step
   * @param step the number of this step, from 1
   * @param learningRate the learning rate of this step, schedule included, finite and at least 0
   */
  public record Arguments(
      Matrix parameter,
      Matrix gradient,
      Matrix firstMoment,
      Matrix secondMoment,
      long step,
      double learningRate) {}

  static void check(Object spec, Arguments a, ArgumentChecks checks) {
    checks.present("parameter", a.parameter(), DType.F32);
    long rows = a.parameter().rows();
    long cols = a.parameter().cols();
    checks.matrix("gradient", a.gradient(), DType.F32, rows, cols);
    checks.matrix("firstMoment", a.firstMoment(), DType.F32, rows, cols);
    checks.matrix("secondMoment", a.secondMoment(), DType.F32, rows, cols);
    // Not checks.that: it would box the numbers of every call.
    if (a.step() < 1) {
      throw checks.fail("step", a.step(), "at least 1");
    }
    if (!(a.learningRate() >= 0) || Double.isInfinite(a.learningRate())) {
      throw checks.fail("learningRate", a.learningRate(), "a finite number of at least 0");
    }
    checks.disjoint("parameter", a.parameter(), "gradient", a.gradient());
    checks.disjoint("firstMoment", a.firstMoment(), "parameter", a.parameter());
    checks.disjoint("firstMoment", a.firstMoment(), "gradient", a.gradient());
    checks.disjoint("secondMoment", a.secondMoment(), "parameter", a.parameter());
    checks.disjoint("secondMoment", a.secondMoment(), "gradient", a.gradient());
    checks.disjoint("secondMoment", a.secondMoment(), "firstMoment", a.firstMoment());
  }

  static void checkDecay(String operation, double beta1, double beta2) {
    ArgumentChecks.fraction(operation, "beta1", beta1);
    ArgumentChecks.fraction(operation, "beta2", beta2);
  }
}
