// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import java.util.List;
import java.util.stream.Stream;
import org.limbeck.kernels.memory.Bfloat16;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.kernels.op.SoftmaxKl.Mode;

/** The specifications of {@link SoftmaxKlContract}, and the tensors of a call that a seed gives. */
record SoftmaxKlCall(
    Matrix student,
    Matrix teacher,
    Matrix rowWeight,
    Matrix columnMask,
    Matrix labels,
    Matrix gradStudent,
    Matrix gradTeacher,
    Matrix rowLoss,
    Matrix loss) {
  static final List<Mode> TWO_SIDED =
      List.of(Mode.FORWARD_KL, Mode.REVERSE_KL, Mode.SYMMETRIC_KL, Mode.JS);

  // Of each way through the kernels one: with BF16 these are the same but for what goes in and out.
  private static final List<Mode> BF16_MODES =
      List.of(Mode.FORWARD_KL, Mode.SYMMETRIC_KL, Mode.JS, Mode.LOGIT_MSE);

  static SoftmaxKl.Spec plain(Mode mode) {
    return plain(mode, DType.F32);
  }

  static SoftmaxKl.Spec plain(Mode mode, DType logits) {
    return SoftmaxKl.Spec.builder()
        .mode(mode)
        .logits(logits)
        .temperature(3)
        .scale(9)
        .twoSided(TWO_SIDED.contains(mode))
        .build();
  }

  static SoftmaxKl.Spec withOptions(Mode mode) {
    return withOptions(mode, DType.F32);
  }

  static SoftmaxKl.Spec withOptions(Mode mode, DType logits) {
    return SoftmaxKl.Spec.builder()
        .mode(mode)
        .logits(logits)
        .temperature(2)
        .teacherTemperature(1.5)
        .beta(0.25)
        .alpha(0.3)
        .scale(4)
        .hardWeight(0.5)
        .softWeight(0.75)
        .labelSmoothing(0.1)
        .normaliser(Normaliser.MEAN_WEIGHTS)
        .build();
  }

  /** All modes with F32, some with BF16; both with options and without. */
  static List<SoftmaxKl.Spec> specs() {
    return Stream.of(DType.F32, DType.BF16)
        .flatMap(
            type ->
                (type == DType.F32 ? List.of(Mode.values()) : BF16_MODES)
                    .stream()
                        .flatMap(mode -> Stream.of(plain(mode, type), withOptions(mode, type))))
        .toList();
  }

  /** Returns whether a specification asks for labels, and its call has weights and a mask. */
  static boolean hasOptions(SoftmaxKl.Spec spec) {
    return spec.hardWeight() != 0;
  }

  static String name(SoftmaxKl.Spec spec) {
    return spec.mode() + " in " + spec.logits() + (hasOptions(spec) ? " with options" : "");
  }

  /** Returns an element of logits or gradients. */
  static float value(Matrix m, long r, long c) {
    return m.type() == DType.BF16 ? m.getBfloat16(r, c) : m.getFloat(r, c);
  }

  /** Sets an element of logits. */
  static void set(Matrix m, long r, long c, float value) {
    if (m.type() == DType.BF16) {
      m.setBfloat16(r, c, value);
    } else {
      m.setFloat(r, c, value);
    }
  }

  /** Returns the same specification for logits of another type. */
  static SoftmaxKl.Spec as(DType type, SoftmaxKl.Spec spec) {
    return hasOptions(spec) ? withOptions(spec.mode(), type) : plain(spec.mode(), type);
  }

  static SoftmaxKlCall of(Tensors t, SoftmaxKl.Spec spec, long rows, long cols) {
    boolean options = hasOptions(spec);
    Matrix weight = options ? t.uniform(1, rows, 0, 2) : null;
    Matrix mask = options ? t.mask(1, cols, 0.8) : null;
    Matrix labels = options ? t.indices(rows, cols) : null;
    if (options) {
      weight.setFloat(0, rows - 1, 0);
      for (long r = 0; r < rows; r++) {
        mask.setByte(0, labels.getLong(0, r), (byte) 1);
      }
    }
    if (options && rows > 1) {
      labels.setLong(0, 1, spec.ignoreIndex());
    }
    boolean bf16 = spec.logits() == DType.BF16;
    Matrix student = t.normal(rows, cols, 3);
    Matrix teacher = t.normal(rows, cols, 3);
    return new SoftmaxKlCall(
        bf16 ? t.rounded(student) : student,
        bf16 ? t.rounded(teacher) : teacher,
        weight,
        mask,
        labels,
        t.zeros(spec.logits(), rows, cols),
        spec.twoSided() ? t.zeros(spec.logits(), rows, cols) : null,
        t.zeros(DType.F64, 1, rows),
        t.zeros(DType.F64, 1, 1));
  }

  /** The same student with another teacher, with the column mask or without, and new outputs. */
  SoftmaxKlCall withTeacher(Tensors t, Matrix u, boolean masked) {
    SoftmaxKlCall c = with(t, student, u);
    return masked
        ? c
        : new SoftmaxKlCall(
            c.student,
            c.teacher,
            c.rowWeight,
            null,
            c.labels,
            c.gradStudent,
            c.gradTeacher,
            c.rowLoss,
            c.loss);
  }

  /** The same inputs with outputs of their own. */
  SoftmaxKlCall withOutputs(Tensors t) {
    return with(t, student, teacher);
  }

  /** The same with other logits. */
  private SoftmaxKlCall with(Tensors t, Matrix z, Matrix u) {
    return new SoftmaxKlCall(
        z,
        u,
        rowWeight,
        columnMask,
        labels,
        t.zeros(z.type(), z.rows(), z.cols()),
        gradTeacher == null ? null : t.zeros(z.type(), z.rows(), z.cols()),
        t.zeros(DType.F64, 1, student.rows()),
        t.zeros(DType.F64, 1, 1));
  }

  /** The same inputs as F32, with outputs of their own. */
  SoftmaxKlCall widened(Tensors t) {
    return with(t, widened(t, student), widened(t, teacher));
  }

  private static Matrix widened(Tensors t, Matrix bf16) {
    Matrix m = t.zeros(DType.F32, bf16.rows(), bf16.cols());
    Bfloat16.widen(bf16, m);
    return m;
  }

  SoftmaxKl.Arguments arguments() {
    return new SoftmaxKl.Arguments(
        student,
        teacher,
        null,
        null,
        rowWeight,
        columnMask,
        labels,
        gradStudent,
        gradTeacher,
        rowLoss,
        loss);
  }

  boolean kept(long c) {
    return columnMask == null || columnMask.getByte(0, c) != 0;
  }

  double[] probabilities(Matrix logits, long r, double temperature) {
    double sum = 0;
    double[] p = new double[(int) logits.cols()];
    for (int c = 0; c < p.length; c++) {
      p[c] = kept(c) ? Math.exp(logits.getFloat(r, c) / temperature) : 0;
      sum += p[c];
    }
    for (int c = 0; c < p.length; c++) {
      p[c] /= sum;
    }
    return p;
  }
}
