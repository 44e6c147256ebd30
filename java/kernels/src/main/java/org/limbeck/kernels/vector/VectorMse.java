// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.F32_HALF;
import static org.limbeck.kernels.vector.Lanes.F64;
import static org.limbeck.kernels.vector.Lanes.HALF_BYTES;
import static org.limbeck.kernels.vector.Lanes.ORDER;
import static org.limbeck.kernels.vector.Lanes.get;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.op.Mse;

/**
 * mse, Vector API. l = sum_j (f(s_j) - f(t_j))^2 / cols with f(x) = 0 at or below the floor and x
 * above it; ds_j = 2 (f(s_j) - f(t_j)) / cols above the floor, 0 at or below it.
 *
 * <p>student, teacher, gradStudent f32 [rows, cols], any row stride, 4-byte aligned; gradStudent
 * may be student. rowLoss, loss f64. NaN is never at or below the floor: it makes its row loss NaN.
 * Differences in float, squares (exact) and sums in double, two sums a double lane; gradients
 * within 2 ulp. Rows are split over threads. Two passes over a row, the second only for the
 * gradient, out of the first cache levels. 3 rows cols flops; reads 2 rows cols, writes rows cols
 * floats from and to memory. Tails in scalar loops of the same arithmetic.
 */
final class VectorMse extends VectorRowLoss {
  private final float floor;

  VectorMse(Mse.Spec spec) {
    super(spec.normaliser());
    // Nothing is at or below NaN, not even -infinity.
    floor = spec.floor() == Float.NEGATIVE_INFINITY ? Float.NaN : spec.floor();
  }

  @Override
  long scratchBytes() {
    return BYTES;
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
    long cols = bytes / Float.BYTES;
    double sum = squares(ss, so, ts, to, bytes, floor, scratch);
    if (gs != null) {
      gradient(ss, so, ts, to, bytes, gs, go, (float) (2 * coefficient / cols), floor);
    }
    return sum / cols;
  }

  private static double squares(
      MemorySegment ss,
      long so,
      MemorySegment ts,
      long to,
      long bytes,
      float floor,
      MemorySegment scratch) {
    DoubleVector low = DoubleVector.zero(F64);
    DoubleVector high = low;
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector s = FloatVector.fromMemorySegment(F32, ss, so + i, ORDER);
      FloatVector t = FloatVector.fromMemorySegment(F32, ts, to + i, ORDER);
      s = s.blend(0f, s.compare(VectorOperators.LE, floor));
      t = t.blend(0f, t.compare(VectorOperators.LE, floor));
      // Halves by way of scratch: masks of two lanes, at 128 bits, would be objects.
      s.sub(t).intoMemorySegment(scratch, 0, ORDER);
      DoubleVector d =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, scratch, 0, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      DoubleVector e =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, scratch, HALF_BYTES, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      low = d.fma(d, low);
      high = e.fma(e, high);
    }
    low.add(high).intoMemorySegment(scratch, 0, ORDER);
    double result = Lanes.sumDoubles(scratch, 0);
    for (; i < bytes; i += Float.BYTES) {
      double d = floored(get(ss, so + i), floor) - floored(get(ts, to + i), floor);
      result += d * d;
    }
    return result;
  }

  private static void gradient(
      MemorySegment ss,
      long so,
      MemorySegment ts,
      long to,
      long bytes,
      MemorySegment gs,
      long go,
      float factor,
      float floor) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector s = FloatVector.fromMemorySegment(F32, ss, so + i, ORDER);
      FloatVector t = FloatVector.fromMemorySegment(F32, ts, to + i, ORDER);
      VectorMask<Float> atFloor = s.compare(VectorOperators.LE, floor);
      t = t.blend(0f, t.compare(VectorOperators.LE, floor));
      s.sub(t).mul(factor).blend(0f, atFloor).intoMemorySegment(gs, go + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float s = get(ss, so + i);
      float g = s <= floor ? 0 : (s - floored(get(ts, to + i), floor)) * factor;
      gs.set(ValueLayout.JAVA_FLOAT, go + i, g);
    }
  }

  private static float floored(float x, float floor) {
    return x <= floor ? 0 : x;
  }
}
