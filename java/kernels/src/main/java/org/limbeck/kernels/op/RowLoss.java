// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/** The arguments that losses between the rows of two matrices share. */
public final class RowLoss {
  private RowLoss() {}

  /**
   * Arguments of a call. What is null is not given or not wanted.
   *
   * @param student F32 [rows, cols]
   * @param teacher F32 [rows, cols]
   * @param rowWeight factors of the row losses, F32 [1, rows], finite and at least 0, or null for
   *     1; a row of weight 0 is not read
   * @param gradStudent gradient by the student, F32 [rows, cols], written; {@code student} itself
   *     or separate memory; or null
   * @param rowLoss losses before weight and normaliser, F64 [1, rows], written, or null
   * @param loss the sum of weight times row loss, divided by the normaliser, F64 [1, 1], written,
   *     or null
   */
  public record Arguments(
      Matrix student,
      Matrix teacher,
      Matrix rowWeight,
      Matrix gradStudent,
      Matrix rowLoss,
      Matrix loss) {}

  static void check(Object spec, Arguments a, ArgumentChecks checks) {
    checks.present("student", a.student(), DType.F32);
    long rows = a.student().rows();
    long cols = a.student().cols();
    checks.matrix("teacher", a.teacher(), DType.F32, rows, cols);
    checks.optionalVector("rowWeight", a.rowWeight(), DType.F32, rows);
    checks.rowWeights("rowWeight", a.rowWeight());
    checks.optional("gradStudent", a.gradStudent(), DType.F32, rows, cols);
    checks.optionalVector("rowLoss", a.rowLoss(), DType.F64, rows);
    checks.optional("loss", a.loss(), DType.F64, 1, 1);
    checks.disjointOrSame("gradStudent", a.gradStudent(), "student", a.student());
    checkSeparate("gradStudent", a.gradStudent(), "teacher", a.teacher(), a.rowWeight(), checks);
    checkSeparate("rowLoss", a.rowLoss(), "teacher", a.teacher(), a.rowWeight(), checks);
    checkSeparate("loss", a.loss(), "teacher", a.teacher(), a.rowWeight(), checks);
    checks.disjoint("rowLoss", a.rowLoss(), "student", a.student());
    checks.disjoint("rowLoss", a.rowLoss(), "gradStudent", a.gradStudent());
    checks.disjoint("loss", a.loss(), "student", a.student());
    checks.disjoint("loss", a.loss(), "gradStudent", a.gradStudent());
    checks.disjoint("loss", a.loss(), "rowLoss", a.rowLoss());
  }

  static void checkSeparate(
      String name,
      Matrix output,
      String inputName,
      Matrix input,
      Matrix rowWeight,
      ArgumentChecks checks) {
    checks.disjoint(name, output, inputName, input);
    checks.disjoint(name, output, "rowWeight", rowWeight);
  }
}
