// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * fake_quant, reference. The formulas of {@link FakeQuant}, group after group.
 *
 * <p>x, y, gradX, gradY f32 [rows, cols], codes i8 or u8 [rows, cols], any row stride; y may be x,
 * gradX may be gradY; scale and zero f32 [1, groups]. Backward: gradY inside the bounds, else 0.
 *
 * <p>Means are sums in double, divided in double and rounded once to float; the ternary threshold D
 * = 7 sum / (10 n) stays in double, so that (7, 10, 13) gives exactly 7. All else is float32 in the
 * order written. A code is an integer, so that code 0 gives +0. A symmetric group whose largest
 * magnitude is too small for Qp / max (below 4e-37, 0 included) gives zeros. NaN makes its group
 * NaN with codes 0; without a clip, an infinity goes where the formulas lead it: y is NaN for the
 * uniform schemes, 0 for ternary. One thread; about 6 flops an element.
 */
final class ScalarFakeQuant {
  private static final float MINMAX_EPSILON = 1e-8f;

  private final FakeQuant.Spec spec;
  private final float clip;
  private final int qp;
  private final int levels;

  ScalarFakeQuant(FakeQuant.Spec spec) {
    this.spec = spec;
    this.clip = spec.clip();
    this.qp = (1 << (spec.bits() - 1)) - 1;
    this.levels = (1 << spec.bits()) - 1;
  }

  /** The rows and columns of one group, from inclusive, to exclusive. */
  private record Block(long index, long fromRow, long toRow, long fromCol, long toCol) {
    static Block of(FakeQuant.Group group, Matrix x, long index) {
      long rows = group.rowsIn(x.rows());
      long cols = group.colsIn(x.cols());
      long across = x.cols() / cols;
      long row = index / across * rows;
      long col = index % across * cols;
      return new Block(index, row, row + rows, col, col + cols);
    }

    long elements() {
      return (toRow - fromRow) * (toCol - fromCol);
    }
  }

  /** What a group's elements have in common. */
  private record Statistics(boolean nan, double absSum, float absMax, float min, float max) {}

  void forward(FakeQuant.Forward a, WorkerPool pool) {
    long groups = spec.group().count(a.x().rows(), a.x().cols());
    for (long g = 0; g < groups; g++) {
      Block block = Block.of(spec.group(), a.x(), g);
      Statistics s = statistics(a.x(), block);
      switch (spec.scheme()) {
        case TERNARY_TWN -> ternary(a, block, s);
        case UNIFORM_SYMMETRIC -> symmetric(a, block, s);
        case UNIFORM_MINMAX -> minMax(a, block, s);
        case LSQ -> learnedStep(a, block, s);
        case MIDRISE2 -> midrise(a, block, s);
        case SIGN -> sign(a, block, s);
        default -> throw new IllegalStateException("no such scheme: " + spec.scheme());
      }
    }
  }

  private float clipped(float x) {
    return Math.max(-clip, Math.min(clip, x));
  }

  private Statistics statistics(Matrix x, Block b) {
    double absSum = 0;
    float absMax = 0;
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        float v = clipped(x.getFloat(r, c));
        absSum += Math.abs(v);
        absMax = Math.max(absMax, Math.abs(v));
        min = Math.min(min, v);
        max = Math.max(max, v);
      }
    }
    return new Statistics(Float.isNaN(absMax), absSum, absMax, min, max);
  }

  private void ternary(FakeQuant.Forward a, Block b, Statistics s) {
    double threshold = 7 * s.absSum() / (10.0 * b.elements());
    double sum = 0;
    long count = 0;
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        float magnitude = Math.abs(clipped(a.x().getFloat(r, c)));
        if (magnitude > threshold) {
          sum += magnitude;
          count++;
        }
      }
    }
    float alpha = s.nan() ? Float.NaN : count == 0 ? 0 : (float) (sum / count);
    describe(a, b, alpha, 0);
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        float v = clipped(a.x().getFloat(r, c));
        int code = v > threshold ? 1 : v < -threshold ? -1 : 0;
        write(a, r, c, code * alpha, code);
      }
    }
  }

  private void symmetric(FakeQuant.Forward a, Block b, Statistics s) {
    float factor = qp / s.absMax();
    if (Float.isInfinite(factor)) {
      factor = 1;
    }
    describe(a, b, s.absMax() / qp, 0);
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        int code = (int) Math.rint(clipped(a.x().getFloat(r, c)) * factor);
        write(a, r, c, code / factor, code);
      }
    }
  }

  private void minMax(FakeQuant.Forward a, Block b, Statistics s) {
    float low = s.min();
    float range = s.max() - low + MINMAX_EPSILON;
    describe(a, b, s.absMax() == 0 ? 0 : range / levels, low);
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        int code = (int) Math.rint((clipped(a.x().getFloat(r, c)) - low) / range * levels);
        write(a, r, c, (float) code / levels * range + low, code);
      }
    }
  }

  private void learnedStep(FakeQuant.Forward a, Block b, Statistics s) {
    float step = s.nan() ? Float.NaN : a.step().getFloat(0, 0);
    describe(a, b, step, 0);
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        int code = (int) Math.rint(inRange(a.x().getFloat(r, c) / step));
        write(a, r, c, code * step, code);
      }
    }
  }

  private float inRange(float v) {
    return Math.max(-qp - 1, Math.min(qp, v));
  }

  private void midrise(FakeQuant.Forward a, Block b, Statistics s) {
    float top = (float) (2 * s.absSum() / b.elements());
    // Half way between c / 3 and c; exact in double as three times and twice a float are.
    double twice = 2.0 * top;
    describe(a, b, top, 0);
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        double v = 3.0 * clipped(a.x().getFloat(r, c));
        int code = v > twice ? 3 : v >= 0 ? 2 : v > -twice ? 1 : 0;
        float size = code == 0 || code == 3 ? top : top / 3;
        write(a, r, c, code < 2 ? -size : size, s.nan() ? 0 : code);
      }
    }
  }

  private void sign(FakeQuant.Forward a, Block b, Statistics s) {
    float mean = (float) (s.absSum() / b.elements());
    describe(a, b, mean, 0);
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        int code = a.x().getFloat(r, c) < 0 ? -1 : 1;
        write(a, r, c, code * mean, s.nan() ? 0 : code);
      }
    }
  }

  private static void describe(FakeQuant.Forward a, Block b, float scale, float zero) {
    if (a.scale() != null) {
      a.scale().setFloat(0, b.index(), scale);
    }
    if (a.zero() != null) {
      a.zero().setFloat(0, b.index(), zero);
    }
  }

  private static void write(FakeQuant.Forward a, long r, long c, float y, int code) {
    if (a.codes() != null) {
      a.codes().setByte(r, c, (byte) code);
    }
    if (a.y() != null) {
      a.y().setFloat(r, c, y);
    }
  }

  void backward(FakeQuant.Backward a, WorkerPool pool) {
    long groups = spec.group().count(a.x().rows(), a.x().cols());
    for (long g = 0; g < groups; g++) {
      Block block = Block.of(spec.group(), a.x(), g);
      if (spec.scheme() == Scheme.LSQ) {
        learnedStepBackward(a, block);
      } else {
        clippedBackward(a, block);
      }
    }
  }

  private void clippedBackward(FakeQuant.Backward a, Block b) {
    float bound = Float.POSITIVE_INFINITY;
    boolean everywhere = spec.ste() == Ste.PLAIN;
    if (!everywhere) {
      boolean midrise = spec.scheme() == Scheme.MIDRISE2;
      bound = midrise ? Math.min(clip, a.scale().getFloat(0, b.index())) : clip;
      everywhere = !midrise && bound == Float.POSITIVE_INFINITY;
    }
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        boolean passes = everywhere || Math.abs(a.x().getFloat(r, c)) < bound;
        a.gradX().setFloat(r, c, passes ? a.gradY().getFloat(r, c) : 0);
      }
    }
  }

  private void learnedStepBackward(FakeQuant.Backward a, Block b) {
    float step = a.step().getFloat(0, 0);
    double sum = 0;
    for (long r = b.fromRow(); r < b.toRow(); r++) {
      for (long c = b.fromCol(); c < b.toCol(); c++) {
        float v = a.x().getFloat(r, c) / step;
        float g = a.gradY().getFloat(r, c);
        boolean inside = v >= -qp - 1 && v <= qp;
        // Outside, the bound; a NaN stays one.
        float slope = inside ? (float) Math.rint(v) - v : inRange(v);
        sum += (double) g * slope;
        a.gradX().setFloat(r, c, inside || spec.ste() == Ste.PLAIN ? g : 0);
      }
    }
    double factor = 1 / Math.sqrt((double) b.elements() * qp);
    a.gradStep().setFloat(0, 0, (float) (a.gradStep().getFloat(0, 0) + factor * sum));
  }
}
