// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.PetWarmup.Arguments;
import org.limbeck.kernels.op.PetWarmup.Spec;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.kernels.scalar.ScalarPetWarmup;

/**
 * pet_warmup, Vector API. Sum over the pairs (i, s) = (argmax, kappa) and (gold, rho) of the binary
 * cross entropy of sigmoid(t) with target s, t = z_i - log sum over k != i of exp z_k. Gradient: x
 * - s at i, -(x - s) exp(z_j) / (sum over k != i of exp z_k) elsewhere.
 *
 * <p>student, gradStudent f32 [rows, vocab], any row stride, 4-byte aligned, the gradient may lie
 * over the logits; gold, label i64 [1, rows]. A row of weight 0 is not read. NaN, +infinity or no
 * finite logit makes its row NaN. Where all logits but the top are -infinity, their gradient is 0.
 *
 * <p>Passes: the two largest logits; the lowest index of the largest; exponentials relative to the
 * second (stored in the gradient) and their sum, so that the others keep their digits however far
 * the top is above them; one scaling, after which two elements are set. Float lanes, added to
 * double every 2 KiB; the rest of a row in double. Rows are split over threads, row losses added in
 * order. An exp and 10 flops an element; reads and writes rows vocab floats. Tails padded in
 * scratch.
 */
final class VectorPetWarmup implements Kernel<Arguments> {
  private static final long SCRATCH_BYTES = 2 * Tail.SLOT_BYTES + ExpSum.BLOCK_BYTES;
  private static final long BLOCK = 2 * Tail.SLOT_BYTES;

  private static final RangeBody<VectorPetWarmup, Arguments> ROWS =
      (kernel, a, scratch, from, to) -> kernel.rows(a, scratch.reserve(SCRATCH_BYTES), from, to);

  private final Spec spec;

  // Of the call in progress: the row losses, f64 [rows], and 1 / normaliser.
  private MemorySegment rowLosses;
  private double factor;

  VectorPetWarmup(Spec spec) {
    this.spec = spec;
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    long rows = a.student().rows();
    factor = spec.normaliser().factor(rows, a.rowWeight());
    rowLosses = pool.shared().reserve(rows * Double.BYTES);
    pool.forRange(rows, Lanes.rowsPerChunk(a.student().cols()), this, a, ROWS);
    double sum = 0;
    for (long r = 0; r < rows; r++) {
      double loss = rowLosses.get(ValueLayout.JAVA_DOUBLE, r * Double.BYTES);
      sum += weight(a, r) * loss;
      if (a.rowLoss() != null) {
        a.rowLoss().setDouble(0, r, loss);
      }
    }
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
  }

  private static float weight(Arguments a, long r) {
    return a.rowWeight() == null ? 1 : a.rowWeight().getFloat(0, r);
  }

  private void rows(Arguments a, MemorySegment scratch, long from, long to) {
    for (long r = from; r < to; r++) {
      double loss = 0;
      if (weight(a, r) == 0) {
        fillGradient(a, r, 0);
      } else {
        loss = row(a, r, scratch);
      }
      rowLosses.set(ValueLayout.JAVA_DOUBLE, r * Double.BYTES, loss);
    }
  }

  private static void fillGradient(Arguments a, long r, float value) {
    Matrix grad = a.gradStudent();
    if (grad != null) {
      VectorSoftmax.fill(grad.segment(), grad.rowOffsetBytes(r), grad.cols() * Float.BYTES, value);
    }
  }

  private double row(Arguments a, long r, MemorySegment scratch) {
    MemorySegment zs = a.student().segment();
    long zo = a.student().rowOffsetBytes(r);
    long bytes = a.student().cols() * Float.BYTES;
    largestTwo(zs, zo, bytes, scratch);
    float top = scratch.get(ValueLayout.JAVA_FLOAT, 0);
    float second = scratch.get(ValueLayout.JAVA_FLOAT, Tail.SLOT_BYTES);
    if (!Float.isFinite(top)) {
      fillGradient(a, r, factor == 0 ? 0 : Float.NaN);
      return Double.NaN;
    }
    long topAt = indexOf(zs, zo, bytes, top) * Float.BYTES;
    long goldAt = a.gold().getLong(0, r) * Float.BYTES;
    float gold = zs.get(ValueLayout.JAVA_FLOAT, zo + goldAt);
    boolean one = goldAt == topAt;

    // others: the sum over k != top of exp(z_k - second). The top takes part in the pass with
    // exp(0) = 1, and the second is another 1, so that taking 1 away costs one bit at most.
    boolean alone = second == Float.NEGATIVE_INFINITY;
    boolean writes = a.gradStudent() != null && factor != 0;
    double others = alone ? 0 : exponentials(a, r, second, writes, scratch) - 1;
    double gap = (double) top - second;
    double topT = gap - Math.log(others);
    // notGold: the sum over k != gold of exp(z_k - top), at least 1 where gold is not the top.
    double scaledOthers = others == 0 ? 0 : others * Math.exp(-gap);
    double notGold = 1 + Math.max(0, scaledOthers - Math.exp((double) gold - top));
    double goldT = one ? topT : (double) gold - top - Math.log(notGold);

    double kappa = ScalarPetWarmup.kappa(a.label().getLong(0, r), spec);
    double rho = ScalarPetWarmup.rho(a.label().getLong(0, r), spec);
    if (writes) {
      double scale = weight(a, r) * factor;
      double onTop = scale * ScalarPetWarmup.residual(topT, kappa);
      double onGold = scale * ScalarPetWarmup.residual(goldT, rho);
      double topShare = alone ? 0 : 1 / others;
      double goldShare = one ? topShare : Math.exp(-gap) / notGold;
      double goldExp = alone ? 0 : Math.exp((double) gold - second);
      MemorySegment gs = a.gradStudent().segment();
      long go = a.gradStudent().rowOffsetBytes(r);
      if (alone) {
        VectorSoftmax.fill(gs, go, bytes, 0);
      } else {
        VectorSoftmax.scale(gs, go, bytes, (float) -(onTop * topShare + onGold * goldShare));
      }
      double atTop = one ? onTop + onGold : onTop - onGold / notGold;
      gs.set(ValueLayout.JAVA_FLOAT, go + topAt, (float) atTop);
      if (!one) {
        double atGold = onGold - onTop * topShare * goldExp;
        gs.set(ValueLayout.JAVA_FLOAT, go + goldAt, (float) atGold);
      }
    } else {
      fillGradient(a, r, 0);
    }
    return ScalarPetWarmup.crossEntropy(topT, kappa) + ScalarPetWarmup.crossEntropy(goldT, rho);
  }

  /** Leaves the largest and second largest element in the first floats of both slots. */
  private static void largestTwo(MemorySegment zs, long zo, long bytes, MemorySegment scratch) {
    long whole = Lanes.wholeBytes(bytes);
    largestTwoOfLanes(zs, zo, whole, scratch);
    float first = Float.NEGATIVE_INFINITY;
    float second = Float.NEGATIVE_INFINITY;
    for (long i = 0; i < BYTES; i += Float.BYTES) {
      float a = scratch.get(ValueLayout.JAVA_FLOAT, i);
      second = Math.max(second, Math.min(first, a));
      first = Math.max(first, a);
      second = Math.max(second, scratch.get(ValueLayout.JAVA_FLOAT, Tail.SLOT_BYTES + i));
    }
    for (long i = whole; i < bytes; i += Float.BYTES) {
      float a = zs.get(ValueLayout.JAVA_FLOAT, zo + i);
      second = Math.max(second, Math.min(first, a));
      first = Math.max(first, a);
    }
    scratch.set(ValueLayout.JAVA_FLOAT, 0, first);
    scratch.set(ValueLayout.JAVA_FLOAT, Tail.SLOT_BYTES, second);
  }

  private static void largestTwoOfLanes(
      MemorySegment zs, long zo, long bytes, MemorySegment scratch) {
    FloatVector first = FloatVector.broadcast(F32, Float.NEGATIVE_INFINITY);
    FloatVector second = first;
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector z = FloatVector.fromMemorySegment(F32, zs, zo + i, ORDER);
      second = second.max(first.min(z));
      first = first.max(z);
    }
    first.intoMemorySegment(scratch, 0, ORDER);
    second.intoMemorySegment(scratch, Tail.SLOT_BYTES, ORDER);
  }

  /** Returns the lowest index of a value that is there. */
  private static long indexOf(MemorySegment zs, long zo, long bytes, float value) {
    long i = 0;
    long whole = Lanes.wholeBytes(bytes);
    while (i < whole
        && !FloatVector.fromMemorySegment(F32, zs, zo + i, ORDER)
            .compare(VectorOperators.EQ, value)
            .anyTrue()) {
      i += BYTES;
    }
    while (zs.get(ValueLayout.JAVA_FLOAT, zo + i) != value) {
      i += Float.BYTES;
    }
    return i / Float.BYTES;
  }

  /** Returns the sum of exp(min(z - shift, 0)); stores them in the gradient if it is written. */
  private static double exponentials(
      Arguments a, long r, float shift, boolean writes, MemorySegment scratch) {
    MemorySegment zs = a.student().segment();
    long zo = a.student().rowOffsetBytes(r);
    long bytes = a.student().cols() * Float.BYTES;
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    MemorySegment gs = writes ? a.gradStudent().segment() : scratch;
    long go = writes ? a.gradStudent().rowOffsetBytes(r) : BLOCK;
    double sum = ExpSum.store(zs, zo, gs, go, writes, whole, shift, 1, scratch);
    if (rest > 0) {
      long slot = Tail.SLOT_BYTES;
      Tail.pad(zs, zo + whole, rest, scratch, slot, Float.NEGATIVE_INFINITY);
      sum += ExpSum.store(scratch, slot, scratch, slot, true, BYTES, shift, 1, scratch);
      if (writes) {
        Tail.unpad(scratch, slot, gs, go + whole, rest);
      }
    }
    return sum;
  }
}
