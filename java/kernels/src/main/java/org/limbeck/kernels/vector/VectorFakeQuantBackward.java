// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Group;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * fake_quant backward, Vector API: gradX = gradY where |x| is below the clip (for midrise also
 * below c), or everywhere; for LSQ where x / step is in range, and gradStep += sum of gradY times
 * the slope / sqrt(N Qp).
 *
 * <p>x, gradY, gradX f32 [rows, cols], any row stride, aligned to an element; gradX may be gradY;
 * scale f32 [1, groups], step, gradStep f32 [1, 1]. A NaN of x is outside any bound. gradX is
 * exact; the sum of gradStep is in double lanes, combined in the order of fixed pieces.
 *
 * <p>Split over threads in pieces. Reads x and gradY once and writes gradX once; where the gradient
 * passes everywhere x is not read, and a call with gradX over gradY does nothing. 2 flops an
 * element, 8 for LSQ. Tails padded to a vector.
 */
final class VectorFakeQuantBackward {
  // Scratch of a worker: four slots for sums, x, gradY and gradX of a tail.
  private static final long X_TAIL = Tail.SLOT_BYTES;
  private static final long Y_TAIL = 2 * Tail.SLOT_BYTES;
  private static final long OUT_TAIL = 3 * Tail.SLOT_BYTES;
  private static final long SCRATCH_BYTES = 4 * Tail.SLOT_BYTES;

  private static final RangeBody<VectorFakeQuantBackward, FakeQuant.Backward> GROUPS =
      (kernel, a, scratch, from, to) -> kernel.groups(a, scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<VectorFakeQuantBackward, FakeQuant.Backward> PIECES =
      (kernel, a, scratch, from, to) ->
          kernel.pieces(a, kernel.group, scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<VectorFakeQuantBackward, FakeQuant.Backward> STEP =
      (kernel, a, scratch, from, to) ->
          kernel.stepChunk(a, scratch.reserve(SCRATCH_BYTES), from, to);

  private final FakeQuant.Spec spec;
  private final boolean everywhere;
  private final boolean boundByScale;
  private final float qp;

  // Of the call in progress.
  private final FakeQuantPieces pieces = new FakeQuantPieces();
  private MemorySegment partials;
  private long group;

  VectorFakeQuantBackward(FakeQuant.Spec spec) {
    this.spec = spec;
    this.boundByScale = spec.scheme() == Scheme.MIDRISE2 && spec.ste() == Ste.CLIPPED;
    this.everywhere =
        spec.ste() == Ste.PLAIN
            || spec.scheme() != Scheme.LSQ
                && !boundByScale
                && spec.clip() == Float.POSITIVE_INFINITY;
    this.qp = (1 << (spec.bits() - 1)) - 1;
  }

  void run(FakeQuant.Backward a, WorkerPool pool) {
    pieces.cut(
        boundByScale ? spec.group() : Group.TENSOR,
        a.x(),
        a.x().isContiguous() && a.gradY().isContiguous() && a.gradX().isContiguous());
    if (spec.scheme() == Scheme.LSQ) {
      stepGradient(a, pool);
      return;
    }
    if (everywhere && a.gradX().sameView(a.gradY())) {
      return;
    }
    long groups = boundByScale ? spec.group().count(a.x().rows(), a.x().cols()) : 1;
    long elements = pieces.elements();
    if (elements <= FakeQuantPieces.LENGTH) {
      pool.forRange(groups, FakeQuantPieces.LENGTH / elements, this, a, GROUPS);
      return;
    }
    for (group = 0; group < groups; group++) {
      pool.forRange(pieces.count(), pieces.perChunk(), this, a, PIECES);
    }
  }

  private void groups(FakeQuant.Backward a, MemorySegment scratch, long from, long to) {
    for (long g = from; g < to; g++) {
      pieces(a, g, scratch, 0, pieces.count());
    }
  }

  private void pieces(FakeQuant.Backward a, long g, MemorySegment scratch, long from, long to) {
    float bound = boundByScale ? Math.min(spec.clip(), a.scale().getFloat(0, g)) : spec.clip();
    MemorySegment xs = a.x().segment();
    MemorySegment gs = a.gradY().segment();
    MemorySegment out = a.gradX().segment();
    for (long piece = from; piece < to; piece++) {
      long xo = pieces.offset(a.x(), g, piece);
      long go = pieces.offset(a.gradY(), g, piece);
      long oo = pieces.offset(a.gradX(), g, piece);
      long bytes = pieces.length(piece) * Float.BYTES;
      if (everywhere) {
        MemorySegment.copy(gs, go, out, oo, bytes);
        continue;
      }
      long whole = Lanes.wholeBytes(bytes);
      long rest = bytes - whole;
      FakeQuantLevels.clippedGradient(xs, xo, gs, go, out, oo, whole, bound);
      if (rest > 0) {
        Tail.pad(xs, xo + whole, rest, scratch, X_TAIL, 0);
        Tail.pad(gs, go + whole, rest, scratch, Y_TAIL, 0);
        FakeQuantLevels.clippedGradient(
            scratch, X_TAIL, scratch, Y_TAIL, scratch, OUT_TAIL, Lanes.BYTES, bound);
        Tail.unpad(scratch, OUT_TAIL, out, oo + whole, rest);
      }
    }
  }

  private void stepGradient(FakeQuant.Backward a, WorkerPool pool) {
    long chunks = (pieces.count() + pieces.perChunk() - 1) / pieces.perChunk();
    partials = pool.shared().reserve(chunks * Double.BYTES);
    pool.forRange(pieces.count(), pieces.perChunk(), this, a, STEP);
    double sum = 0;
    for (long chunk = 0; chunk < chunks; chunk++) {
      sum += partials.get(ValueLayout.JAVA_DOUBLE, chunk * Double.BYTES);
    }
    partials = null;
    double factor = 1 / Math.sqrt((double) a.x().elements() * qp);
    a.gradStep().setFloat(0, 0, (float) (a.gradStep().getFloat(0, 0) + factor * sum));
  }

  private void stepChunk(FakeQuant.Backward a, MemorySegment scratch, long from, long to) {
    float step = a.step().getFloat(0, 0);
    MemorySegment xs = a.x().segment();
    MemorySegment gs = a.gradY().segment();
    MemorySegment out = a.gradX().segment();
    double sum = 0;
    for (long piece = from; piece < to; piece++) {
      long xo = pieces.offset(a.x(), 0, piece);
      long go = pieces.offset(a.gradY(), 0, piece);
      long oo = pieces.offset(a.gradX(), 0, piece);
      long bytes = pieces.length(piece) * Float.BYTES;
      long whole = Lanes.wholeBytes(bytes);
      long rest = bytes - whole;
      if (whole > 0) {
        sum +=
            FakeQuantLevels.learnedStepGradient(
                xs, xo, gs, go, out, oo, whole, step, qp, everywhere, scratch);
      }
      if (rest > 0) {
        Tail.pad(xs, xo + whole, rest, scratch, X_TAIL, 0);
        Tail.pad(gs, go + whole, rest, scratch, Y_TAIL, 0);
        sum +=
            FakeQuantLevels.learnedStepGradient(
                scratch,
                X_TAIL,
                scratch,
                Y_TAIL,
                scratch,
                OUT_TAIL,
                Lanes.BYTES,
                step,
                qp,
                everywhere,
                scratch);
        Tail.unpad(scratch, OUT_TAIL, out, oo + whole, rest);
      }
    }
    partials.set(ValueLayout.JAVA_DOUBLE, from / pieces.perChunk() * Double.BYTES, sum);
  }
}
