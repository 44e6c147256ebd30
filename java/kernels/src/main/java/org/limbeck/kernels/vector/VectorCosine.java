// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.F32_HALF;
import static org.limbeck.kernels.vector.Lanes.F64;
import static org.limbeck.kernels.vector.Lanes.HALF_BYTES;
import static org.limbeck.kernels.vector.Lanes.ORDER;
import static org.limbeck.kernels.vector.Lanes.get;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.op.Cosine;

/**
 * cosine, Vector API. With c = s.t / (|s| |t|): l = 1 - c, 1 - c^2 or 2 (1 - c); ds = -m (t / |t| -
 * c s / |s|) / |s| with m = 1, 2c or 2.
 *
 * <p>student, teacher, gradStudent f32 [rows, cols], any row stride, 4-byte aligned; gradStudent
 * may be student. rowLoss, loss f64. A zero vector on either side: c = 0, ds = 0. NaN or infinity
 * makes its row NaN. All in double, one rounding at the end: the terms of the gradient cancel where
 * the rows are nearly parallel, and 1 / |s| may be no float. Rows are split over threads. Two
 * passes over a row, the second only for the gradient, out of the first cache levels. 9 rows cols
 * flops; reads 2 rows cols, writes rows cols floats from and to memory. Tails in scalar loops of
 * the same arithmetic.
 */
final class VectorCosine extends VectorRowLoss {
  private static final long STUDENT_TEACHER = 0;
  private static final long STUDENT_STUDENT = Tail.SLOT_BYTES;
  private static final long TEACHER_TEACHER = 2 * Tail.SLOT_BYTES;
  private static final long SCRATCH_BYTES = 3 * Tail.SLOT_BYTES;

  private final Cosine.Mode mode;

  VectorCosine(Cosine.Spec spec) {
    super(spec.normaliser());
    mode = spec.mode();
  }

  @Override
  long scratchBytes() {
    return SCRATCH_BYTES;
  }

  @Override
  double row(
      MemorySegment ss,
      long so,
      MemorySegment ts,
      long to,
      long bytes,
      MemorySegment gs,
      long go,
      double coefficient,
      MemorySegment scratch) {
    dots(ss, so, ts, to, bytes, scratch);
    double s2 = scratch.get(ValueLayout.JAVA_DOUBLE, STUDENT_STUDENT);
    double squares = s2 * scratch.get(ValueLayout.JAVA_DOUBLE, TEACHER_TEACHER);
    // sqrt(x * x) is x, so that equal rows have a loss of exactly 0.
    double norms = Math.sqrt(squares);
    double c = squares == 0 ? 0 : scratch.get(ValueLayout.JAVA_DOUBLE, STUDENT_TEACHER) / norms;
    c = Math.max(-1, Math.min(1, c));
    if (gs != null) {
      if (squares == 0) {
        VectorSoftmax.fill(gs, go, bytes, 0f);
      } else {
        double multiple = coefficient * multiple(c);
        gradient(ss, so, ts, to, bytes, gs, go, multiple * c / s2, -multiple / norms);
      }
    }
    return loss(c);
  }

  private double loss(double c) {
    return switch (mode) {
      case ONE_MINUS_COS -> 1 - c;
      case ONE_MINUS_COS_SQUARED -> 1 - c * c;
      case NORMALISED_MSE -> 2 * (1 - c);
    };
  }

  private double multiple(double c) {
    return switch (mode) {
      case ONE_MINUS_COS -> 1;
      case ONE_MINUS_COS_SQUARED -> 2 * c;
      case NORMALISED_MSE -> 2;
    };
  }

  /** Leaves s.t, s.s and t.t in scratch. */
  private static void dots(
      MemorySegment ss, long so, MemorySegment ts, long to, long bytes, MemorySegment scratch) {
    DoubleVector st = DoubleVector.zero(F64);
    DoubleVector s2 = st;
    DoubleVector t2 = st;
    long whole = bytes & -HALF_BYTES;
    long i = 0;
    for (; i < whole; i += HALF_BYTES) {
      DoubleVector s =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, ss, so + i, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      DoubleVector t =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, ts, to + i, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      st = s.fma(t, st);
      s2 = s.fma(s, s2);
      t2 = t.fma(t, t2);
    }
    st.intoMemorySegment(scratch, STUDENT_TEACHER, ORDER);
    s2.intoMemorySegment(scratch, STUDENT_STUDENT, ORDER);
    t2.intoMemorySegment(scratch, TEACHER_TEACHER, ORDER);
    double product = Lanes.sumDoubles(scratch, STUDENT_TEACHER);
    double student = Lanes.sumDoubles(scratch, STUDENT_STUDENT);
    double teacher = Lanes.sumDoubles(scratch, TEACHER_TEACHER);
    for (; i < bytes; i += Float.BYTES) {
      double s = get(ss, so + i);
      double t = get(ts, to + i);
      product += s * t;
      student += s * s;
      teacher += t * t;
    }
    scratch.set(ValueLayout.JAVA_DOUBLE, STUDENT_TEACHER, product);
    scratch.set(ValueLayout.JAVA_DOUBLE, STUDENT_STUDENT, student);
    scratch.set(ValueLayout.JAVA_DOUBLE, TEACHER_TEACHER, teacher);
  }

  /** Stores a s + b t. */
  private static void gradient(
      MemorySegment ss,
      long so,
      MemorySegment ts,
      long to,
      long bytes,
      MemorySegment gs,
      long go,
      double a,
      double b) {
    long whole = bytes & -HALF_BYTES;
    long i = 0;
    for (; i < whole; i += HALF_BYTES) {
      DoubleVector s =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, ss, so + i, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      DoubleVector t =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, ts, to + i, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      ((FloatVector) s.mul(a).add(t.mul(b)).convertShape(VectorOperators.D2F, F32_HALF, 0))
          .intoMemorySegment(gs, go + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      double g = get(ss, so + i) * a + get(ts, to + i) * b;
      gs.set(ValueLayout.JAVA_FLOAT, go + i, (float) g);
    }
  }
}
