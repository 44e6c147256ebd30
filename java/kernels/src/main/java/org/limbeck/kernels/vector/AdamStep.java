// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * The step that adamw and bert_adam share: g' = factor g; m = beta1 m + (1 - beta1) g'; v = beta2 v
 * + (1 - beta2) g'^2; w = decay w - size m / (root sqrt(v) + epsilon). The kernel of a stem sets
 * the numbers of a call, made in double and rounded once, and splits the rows over threads.
 */
final class AdamStep {
  private static final long SCRATCH_BYTES = 4 * Tail.SLOT_BYTES;

  private static final RangeBody<AdamStep, OptimizerStep.Arguments> BODY =
      (step, a, scratch, from, to) -> step.rows(a, scratch.reserve(SCRATCH_BYTES), from, to);

  private final float beta1;
  private final float rest1;
  private final float beta2;
  private final float rest2;
  private final float epsilon;

  private float factor;
  private float decay;
  private float size;
  private float root;

  AdamStep(double beta1, double beta2, double epsilon) {
    this.beta1 = (float) beta1;
    this.rest1 = (float) (1 - beta1);
    this.beta2 = (float) beta2;
    this.rest2 = (float) (1 - beta2);
    this.epsilon = (float) epsilon;
  }

  /**
   * Updates the parameter and its moments.
   *
   * @param gradientFactor what the gradient is multiplied by
   * @param weightDecay what the parameter is multiplied by
   * @param stepSize what the quotient of the moments is multiplied by
   * @param rootFactor what the root of the second moment is multiplied by
   */
  void run(
      OptimizerStep.Arguments a,
      WorkerPool pool,
      double gradientFactor,
      double weightDecay,
      double stepSize,
      double rootFactor) {
    factor = (float) gradientFactor;
    decay = (float) weightDecay;
    size = (float) stepSize;
    root = (float) rootFactor;
    pool.forRange(a.parameter().rows(), Lanes.rowsPerChunk(a.parameter().cols()), this, a, BODY);
  }

  private void rows(OptimizerStep.Arguments a, MemorySegment scratch, long from, long to) {
    Matrix w = a.parameter();
    MemorySegment ws = w.segment();
    MemorySegment gs = a.gradient().segment();
    MemorySegment ms = a.firstMoment().segment();
    MemorySegment vs = a.secondMoment().segment();
    long bytes = w.cols() * Float.BYTES;
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    long slot = Tail.SLOT_BYTES;
    for (long r = from; r < to; r++) {
      long wo = w.rowOffsetBytes(r);
      long go = a.gradient().rowOffsetBytes(r);
      long mo = a.firstMoment().rowOffsetBytes(r);
      long vo = a.secondMoment().rowOffsetBytes(r);
      update(ws, wo, gs, go, ms, mo, vs, vo, whole);
      if (rest > 0) {
        Tail.pad(ws, wo + whole, rest, scratch, 0, 0f);
        Tail.pad(gs, go + whole, rest, scratch, slot, 0f);
        Tail.pad(ms, mo + whole, rest, scratch, 2 * slot, 0f);
        Tail.pad(vs, vo + whole, rest, scratch, 3 * slot, 0f);
        update(scratch, 0, scratch, slot, scratch, 2 * slot, scratch, 3 * slot, BYTES);
        Tail.unpad(scratch, 0, ws, wo + whole, rest);
        Tail.unpad(scratch, 2 * slot, ms, mo + whole, rest);
        Tail.unpad(scratch, 3 * slot, vs, vo + whole, rest);
      }
    }
  }

  private void update(
      MemorySegment ws,
      long wo,
      MemorySegment gs,
      long go,
      MemorySegment ms,
      long mo,
      MemorySegment vs,
      long vo,
      long bytes) {
    FloatVector decays1 = FloatVector.broadcast(F32, beta1);
    FloatVector decays2 = FloatVector.broadcast(F32, beta2);
    FloatVector roots = FloatVector.broadcast(F32, root);
    FloatVector epsilons = FloatVector.broadcast(F32, epsilon);
    FloatVector sizes = FloatVector.broadcast(F32, -size);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector g = FloatVector.fromMemorySegment(F32, gs, go + i, ORDER).mul(factor);
      FloatVector m =
          FloatVector.fromMemorySegment(F32, ms, mo + i, ORDER).fma(decays1, g.mul(rest1));
      // Not (g g) rest2: that overflows for gradients whose share of v is still a float.
      FloatVector v =
          FloatVector.fromMemorySegment(F32, vs, vo + i, ORDER).fma(decays2, g.mul(rest2).mul(g));
      m.intoMemorySegment(ms, mo + i, ORDER);
      v.intoMemorySegment(vs, vo + i, ORDER);
      m.div(v.sqrt().fma(roots, epsilons))
          .fma(sizes, FloatVector.fromMemorySegment(F32, ws, wo + i, ORDER).mul(decay))
          .intoMemorySegment(ws, wo + i, ORDER);
    }
  }
}
