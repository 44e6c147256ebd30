// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.Bfloat16;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.kernels.op.SoftmaxKl.Mode;
import org.limbeck.kernels.op.SoftmaxKl.Teacher;
import org.limbeck.vectors.contract.SoftmaxKlContract;
import org.limbeck.vectors.contract.Tensors;

/** Softmax divergences on the CUDA backend, by default emulated. */
class CudaSoftmaxKlTest extends SoftmaxKlContract {
  CudaSoftmaxKlTest() {
    super(TestedBackend.name());
  }

  /** A row in one block, in clusters of 4 and of 8, and one that is read again by each pass. */
  @ParameterizedTest
  @ValueSource(longs = {12_001, 32_000, 128_256, 240_001})
  void longRowsAgreeWhateverHoldsThem(long cols) {
    for (Mode mode : new Mode[] {Mode.FORWARD_KL, Mode.REVERSE_KL, Mode.JS}) {
      assertAgrees(cols, mode, DType.F32);
    }
  }

  /** The same with half the bytes a column; 480,001 are read again by each pass. */
  @ParameterizedTest
  @ValueSource(longs = {30_001, 128_256, 262_144, 480_001})
  void longRowsOfBf16AgreeWhateverHoldsThem(long cols) {
    assertAgrees(cols, Mode.FORWARD_KL, DType.BF16);
  }

  /** Logits that are capped are no bfloat16 and cannot stay in its place. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16"})
  void softCapsOfLongRowsAgreeWithTheReference(DType type) {
    for (Mode mode : List.of(Mode.FORWARD_KL, Mode.JS)) {
      SoftmaxKl.Builder builder = SoftmaxKl.Spec.builder().mode(mode).temperature(2).softCap(5);
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix z = t.normal(2, 20_011, 3);
        Matrix u = t.normal(2, 20_011, 3);
        Matrix mask = t.mask(1, 20_011, 0.8);
        Matrix given = as(t, type, z);
        Matrix want = t.zeros(DType.F32, 2, 20_011);
        Matrix wantRows = t.zeros(DType.F64, 1, 2);
        Matrix rows = t.zeros(DType.F64, 1, 2);
        runReference(
            SoftmaxKl.OP,
            builder.build(),
            SoftmaxKl.Arguments.of(asF32(t, given), asF32(t, as(t, type, u)))
                .columnMask(mask)
                .gradStudent(want)
                .rowLoss(wantRows)
                .build());
        run(
            SoftmaxKl.OP,
            builder.logits(type).build(),
            SoftmaxKl.Arguments.of(given, as(t, type, u))
                .columnMask(mask)
                .gradStudent(given)
                .rowLoss(rows)
                .build());
        assertRelative(wantRows, rows, mode + "");
        assertGradients(want, given, 2e-8, t, mode + " in " + type);
      }
    }
  }

  /** Returns a matrix of floats in a type. */
  private static Matrix as(Tensors t, DType type, Matrix values) {
    return type == DType.BF16 ? t.rounded(values) : t.copy(values);
  }

  private static Matrix asF32(Tensors t, Matrix values) {
    if (values.type() == DType.F32) {
      return values;
    }
    Matrix wide = t.zeros(DType.F32, values.rows(), values.cols());
    Bfloat16.widen(values, wide);
    return wide;
  }

  /** Compares gradients, those of BF16 with half a unit in the last place beside the bound. */
  private static void assertGradients(
      Matrix want, Matrix got, double absolute, Tensors t, String what) {
    double unit = got.type() == DType.BF16 ? 0x1p-8 : 0;
    assertClose(want, asF32(t, got), 4e-6 + unit, absolute, what);
  }

  /** Losses near 1e-6, whose terms are far below the rounding of the probabilities. */
  @ParameterizedTest
  @EnumSource(
      value = Mode.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"SOFT_CE"})
  void smallDivergencesKeepTheirDigits(Mode mode) {
    for (long cols : new long[] {257, 20_011}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix z = t.normal(2, cols, 3);
        Matrix u = t.normal(2, cols, 1e-3);
        for (long r = 0; r < 2; r++) {
          for (long c = 0; c < cols; c++) {
            u.setFloat(r, c, u.getFloat(r, c) + z.getFloat(r, c));
          }
        }
        Matrix want = t.zeros(DType.F64, 1, 2);
        Matrix got = t.zeros(DType.F64, 1, 2);
        SoftmaxKl.Spec spec = SoftmaxKl.Spec.builder().mode(mode).build();
        runReference(SoftmaxKl.OP, spec, SoftmaxKl.Arguments.of(z, u).rowLoss(want).build());
        run(SoftmaxKl.OP, spec, SoftmaxKl.Arguments.of(z, u).rowLoss(got).build());
        for (long r = 0; r < 2; r++) {
          double loss = want.getDouble(0, r);
          assertWithin(loss, got.getDouble(0, r), 3e-5 * loss, () -> mode + " of " + cols);
        }
      }
    }
  }

  /** The tensors of a call with a top-k teacher. */
  private record TopK(
      Matrix student,
      Matrix ids,
      Matrix probabilities,
      Matrix weight,
      Matrix mask,
      Matrix labels,
      Matrix gradient,
      Matrix rowLoss,
      Matrix loss) {
    static TopK of(Tensors t, DType type, long cols, long k) {
      long rows = 3;
      Matrix ids = t.zeros(DType.I64, rows, k);
      Matrix probabilities = t.uniform(rows, k, 0, 0.99 / k);
      for (long r = 0; r < rows; r++) {
        for (long j = 0; j < k; j++) {
          // Different within a row, and in no order.
          ids.setLong(r, j, ((j + r) * (cols / k) + cols / 2) % cols);
        }
      }
      Matrix mask = t.mask(1, cols, 0.8);
      Matrix labels = t.indices(rows, cols);
      for (long r = 0; r < rows; r++) {
        mask.setByte(0, labels.getLong(0, r), (byte) 1);
      }
      labels.setLong(0, 1, -100);
      Matrix weight = t.uniform(1, rows, 0.5, 2);
      Matrix z = as(t, type, t.normal(rows, cols, 3));
      return new TopK(z, ids, probabilities, weight, mask, labels, null, null, null);
    }

    /** The same with outputs, the gradient over the logits or separate, which then are F32. */
    TopK withOutputs(Tensors t, boolean over) {
      Matrix z = over ? t.copy(student) : asF32(t, student);
      return new TopK(
          z,
          ids,
          probabilities,
          weight,
          mask,
          labels,
          over ? z : t.zeros(DType.F32, z.rows(), z.cols()),
          t.zeros(DType.F64, 1, z.rows()),
          t.zeros(DType.F64, 1, 1));
    }

    SoftmaxKl.Arguments arguments(boolean options) {
      return SoftmaxKl.Arguments.topK(student, ids, probabilities)
          .rowWeight(options ? weight : null)
          .columnMask(options ? mask : null)
          .labels(options ? labels : null)
          .gradStudent(gradient)
          .rowLoss(rowLoss)
          .loss(loss)
          .build();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Teacher.class,
      names = {"TOP_K_RAW", "TOP_K_RENORM", "TOP_K_TAIL", "TOP_K_BOTH_RENORM"})
  void topKTeachersAgreeWithTheReference(Teacher teacher) {
    for (long cols : new long[] {9, 1000, 4097, 40_003}) {
      for (boolean options : new boolean[] {false, true}) {
        assertTopKAgrees(teacher, Mode.FORWARD_KL, DType.F32, cols, options);
        assertTopKAgrees(teacher, Mode.FORWARD_KL, DType.BF16, cols, options);
      }
    }
    if (teacher == Teacher.TOP_K_TAIL) {
      assertTopKAgrees(teacher, Mode.REVERSE_KL, DType.F32, 4097, true);
      assertTopKAgrees(teacher, Mode.JS, DType.F32, 4097, true);
    }
  }

  /** A cluster of 8 with a soft cap, and a row that is too long to be held. */
  @Test
  void topKTeachersOfLongRowsAgreeWithTheReference() {
    assertTopKAgrees(Teacher.TOP_K_TAIL, Mode.FORWARD_KL, DType.F32, 128_256, true);
    assertTopKAgrees(Teacher.TOP_K_RAW, Mode.FORWARD_KL, DType.F32, 500_009, false);
    assertTopKAgrees(Teacher.TOP_K_RAW, Mode.FORWARD_KL, DType.BF16, 500_009, false);
  }

  private void assertTopKAgrees(
      Teacher teacher, Mode mode, DType type, long cols, boolean options) {
    SoftmaxKl.Builder builder =
        SoftmaxKl.Spec.builder().teacher(teacher).mode(mode).temperature(2).scale(4);
    if (options) {
      builder.hardWeight(0.5).softWeight(0.75).labelSmoothing(0.1).softCap(8);
      builder.normaliser(Normaliser.MEAN_WEIGHTS);
    }
    SoftmaxKl.Spec reference = builder.build();
    SoftmaxKl.Spec spec = builder.logits(type).build();
    try (Tensors t = Tensors.aligned(SEED)) {
      TopK call = TopK.of(t, type, cols, Math.min(cols / 2, 300));
      TopK want = call.withOutputs(t, false);
      TopK got = call.withOutputs(t, true);
      assertEquals(backend(), servedBy(SoftmaxKl.OP, spec));
      runReference(SoftmaxKl.OP, reference, want.arguments(options));
      run(SoftmaxKl.OP, spec, got.arguments(options));
      String what = teacher + " of " + cols + " " + type + (options ? " with options" : "");
      assertRelative(want.rowLoss(), got.rowLoss(), what);
      assertRelative(want.loss(), got.loss(), what);
      assertGradients(want.gradient(), got.gradient(), 2e-8, t, what);
    }
  }

  private static void assertRelative(Matrix want, Matrix got, String what) {
    for (long r = 0; r < want.cols(); r++) {
      long row = r;
      double loss = want.getDouble(0, r);
      assertWithin(loss, got.getDouble(0, r), 4e-6 * Math.abs(loss), () -> what + ": loss " + row);
    }
  }

  /** Rows that float does not bear, which another kernel does in double, among others. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16"})
  void rowsInDoubleStandBesideRowsInFloat(DType type) {
    for (Mode mode : Mode.values()) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix z = t.normal(5, 1500, 3);
        Matrix u = t.normal(5, 1500, 3);
        // Ruled out by both, so that most modes have a finite loss.
        z.setFloat(2, 700, Float.NEGATIVE_INFINITY);
        u.setFloat(2, 700, Float.NEGATIVE_INFINITY);
        z.setFloat(4, 1499, -3e30f);
        Matrix student = as(t, type, z);
        Matrix teacher = as(t, type, u);
        Matrix want = t.zeros(DType.F32, 5, 1500);
        Matrix wantRows = t.zeros(DType.F64, 1, 5);
        Matrix rows = t.zeros(DType.F64, 1, 5);
        SoftmaxKl.Builder spec = SoftmaxKl.Spec.builder().mode(mode).temperature(2);
        runReference(
            SoftmaxKl.OP,
            spec.build(),
            SoftmaxKl.Arguments.of(asF32(t, student), asF32(t, teacher))
                .gradStudent(want)
                .rowLoss(wantRows)
                .build());
        run(
            SoftmaxKl.OP,
            spec.logits(type).build(),
            SoftmaxKl.Arguments.of(student, teacher).gradStudent(student).rowLoss(rows).build());
        assertRelative(wantRows, rows, mode + "");
        assertGradients(want, student, 1e-7, t, mode + " in " + type);
      }
    }
  }
}
