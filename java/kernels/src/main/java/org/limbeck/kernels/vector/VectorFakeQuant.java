// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.kernels.vector.FakeQuantStatistics.Kind;

/**
 * fake_quant forward, Vector API: the formulas of {@link FakeQuant} in the arithmetic of the
 * reference.
 *
 * <p>x, y f32 [rows, cols], codes i8 or u8 [rows, cols], any row stride, aligned to an element; y
 * may be x; scale, zero f32 [1, groups]. Edges as in the reference: groups of zeros, NaN and
 * infinities.
 *
 * <p>Sums of |x| in double lanes, all else float32: given the same statistics, the bits of the
 * reference. Sums differ from the reference's by their order, 1e-16 relative: alpha by an ulp at
 * most, codes only where an element is that close to a threshold and yet not at it.
 *
 * <p>Small groups are split over threads whole; a large group in pieces, whose partial results are
 * combined in order. Ternary reads a large group three times (mean, alpha, result), the others but
 * LSQ twice, all write once; about 8 flops an element. LSQ reads twice only to see a NaN. Codes go
 * through scratch as floats and are narrowed one by one: 1 to 2 elements a nanosecond. Tails padded
 * to a vector.
 */
final class VectorFakeQuant {
  private static final float MINMAX_EPSILON = 1e-8f;

  // Scratch of a worker: slots of loops, the pair of a group, its parameters, codes.
  private static final long PAIR = FakeQuantStatistics.SCRATCH_BYTES;
  private static final long PARAMETERS = PAIR + Tail.SLOT_BYTES;
  private static final long BLOCK = PARAMETERS + Tail.SLOT_BYTES;
  private static final long BLOCK_BYTES = 4096;
  private static final long SCRATCH_BYTES = BLOCK + BLOCK_BYTES;

  private static final RangeBody<VectorFakeQuant, FakeQuant.Forward> GROUPS =
      (kernel, a, scratch, from, to) -> kernel.groups(a, scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<VectorFakeQuant, FakeQuant.Forward> REDUCE =
      (kernel, a, scratch, from, to) ->
          kernel.reduceChunk(a, scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<VectorFakeQuant, FakeQuant.Forward> APPLY =
      (kernel, a, scratch, from, to) ->
          kernel.apply(a, kernel.group, kernel.shared, scratch.reserve(SCRATCH_BYTES), from, to);

  private final FakeQuant.Spec spec;
  private final Kind kind;
  private final float clip;
  private final float qp;
  private final float levels;

  // Of the call in progress.
  private final FakeQuantPieces reading = new FakeQuantPieces();
  private final FakeQuantPieces writing = new FakeQuantPieces();
  private MemorySegment shared;
  private long group;
  private Kind pass;

  VectorFakeQuant(FakeQuant.Spec spec) {
    this.spec = spec;
    this.clip = spec.clip();
    this.qp = (1 << (spec.bits() - 1)) - 1;
    this.levels = (1 << spec.bits()) - 1;
    this.kind =
        switch (spec.scheme()) {
          case TERNARY_TWN, MIDRISE2, SIGN -> Kind.ABS_SUM;
          case UNIFORM_SYMMETRIC, LSQ -> Kind.ABS_MAX;
          case UNIFORM_MINMAX -> Kind.RANGE;
        };
  }

  void forward(FakeQuant.Forward a, WorkerPool pool) {
    reading.cut(spec.group(), a.x(), a.x().isContiguous());
    writing.cut(
        spec.group(),
        a.x(),
        a.x().isContiguous() && contiguousOrNull(a.y()) && contiguousOrNull(a.codes()));
    long groups = spec.group().count(a.x().rows(), a.x().cols());
    long elements = reading.elements();
    if (elements <= FakeQuantPieces.LENGTH) {
      pool.forRange(groups, FakeQuantPieces.LENGTH / elements, this, a, GROUPS);
      return;
    }
    long chunks = (reading.count() + reading.perChunk() - 1) / reading.perChunk();
    shared = pool.shared().reserve(BLOCK + chunks * FakeQuantStatistics.PAIR_BYTES);
    for (group = 0; group < groups; group++) {
      reduce(a, pool, kind, chunks);
      parameters(a, group, shared);
      if (spec.scheme() == Scheme.TERNARY_TWN) {
        reduce(a, pool, Kind.KEPT, chunks);
        ternaryAlpha(a, group, shared);
      }
      if (a.y() != null || a.codes() != null) {
        pool.forRange(writing.count(), writing.perChunk(), this, a, APPLY);
      }
    }
    shared = null;
  }

  private static boolean contiguousOrNull(Matrix m) {
    return m == null || m.isContiguous();
  }

  /** Whole groups, one after the other. */
  private void groups(FakeQuant.Forward a, MemorySegment scratch, long from, long to) {
    for (long g = from; g < to; g++) {
      FakeQuantStatistics.clear(kind, scratch, PAIR);
      reducePieces(a, g, kind, Float.NaN, scratch, scratch, PAIR, 0, reading.count());
      parameters(a, g, scratch);
      if (spec.scheme() == Scheme.TERNARY_TWN) {
        FakeQuantStatistics.clear(Kind.KEPT, scratch, PAIR);
        float threshold = get(scratch, 0);
        reducePieces(a, g, Kind.KEPT, threshold, scratch, scratch, PAIR, 0, reading.count());
        ternaryAlpha(a, g, scratch);
      }
      if (a.y() != null || a.codes() != null) {
        apply(a, g, scratch, scratch, 0, writing.count());
      }
    }
  }

  /** Reduces a group on all threads, and its chunks in their order. */
  private void reduce(FakeQuant.Forward a, WorkerPool pool, Kind what, long chunks) {
    pass = what;
    pool.forRange(reading.count(), reading.perChunk(), this, a, REDUCE);
    FakeQuantStatistics.clear(what, shared, PAIR);
    for (long chunk = 0; chunk < chunks; chunk++) {
      long at = BLOCK + chunk * FakeQuantStatistics.PAIR_BYTES;
      FakeQuantStatistics.merge(
          what,
          shared,
          PAIR,
          FakeQuantStatistics.first(shared, at),
          FakeQuantStatistics.second(shared, at));
    }
  }

  private void reduceChunk(FakeQuant.Forward a, MemorySegment scratch, long from, long to) {
    long at = BLOCK + from / reading.perChunk() * FakeQuantStatistics.PAIR_BYTES;
    FakeQuantStatistics.clear(pass, shared, at);
    float threshold = pass == Kind.KEPT ? get(shared, 0) : Float.NaN;
    reducePieces(a, group, pass, threshold, scratch, shared, at, from, to);
  }

  private void reducePieces(
      FakeQuant.Forward a,
      long g,
      Kind what,
      float threshold,
      MemorySegment scratch,
      MemorySegment pairs,
      long at,
      long from,
      long to) {
    MemorySegment xs = a.x().segment();
    for (long piece = from; piece < to; piece++) {
      long offset = reading.offset(a.x(), g, piece);
      long bytes = reading.length(piece) * Float.BYTES;
      FakeQuantStatistics.reduce(what, xs, offset, bytes, clip, threshold, scratch, pairs, at);
    }
  }

  private static float get(MemorySegment where, int parameter) {
    return where.get(ValueLayout.JAVA_FLOAT, PARAMETERS + (long) parameter * Float.BYTES);
  }

  private static void set(MemorySegment where, int parameter, float value) {
    where.set(ValueLayout.JAVA_FLOAT, PARAMETERS + (long) parameter * Float.BYTES, value);
  }

  private static void describe(FakeQuant.Forward a, long g, float scale, float zero) {
    if (a.scale() != null) {
      a.scale().setFloat(0, g, scale);
    }
    if (a.zero() != null) {
      a.zero().setFloat(0, g, zero);
    }
  }

  /**
   * Turns the pair of a group into what the loops need, parameters 0 to 2, of which 1 is NaN in a
   * group with NaN, and writes the group's scale.
   */
  private void parameters(FakeQuant.Forward a, long g, MemorySegment where) {
    double first = FakeQuantStatistics.first(where, PAIR);
    double second = FakeQuantStatistics.second(where, PAIR);
    double n = reading.elements();
    switch (spec.scheme()) {
      case TERNARY_TWN -> set(where, 0, atMost(7 * first / (10 * n)));
      case UNIFORM_SYMMETRIC -> {
        float max = Math.min(clip, (float) second);
        float factor = qp / max;
        set(where, 1, Float.isInfinite(factor) ? 1 : factor);
        describe(a, g, max / qp, 0);
      }
      case UNIFORM_MINMAX -> {
        float low = Math.max(-clip, Math.min(clip, (float) first));
        float high = Math.max(-clip, Math.min(clip, (float) second));
        float range = high - low + MINMAX_EPSILON;
        set(where, 0, low);
        set(where, 1, range);
        describe(a, g, low == 0 && high == 0 ? 0 : range / levels, low);
      }
      case LSQ -> {
        float step = Double.isNaN(second) ? Float.NaN : a.step().getFloat(0, 0);
        set(where, 1, step);
        describe(a, g, step, 0);
      }
      case MIDRISE2 -> {
        float top = (float) (2 * first / n);
        float limit = atMost(2.0 * top / 3);
        // The division may round up to a float or down from one: three times a float is exact.
        if (3.0 * limit > 2.0 * top) {
          limit = Math.nextDown(limit);
        } else if (3.0 * Math.nextUp(limit) <= 2.0 * top) {
          limit = Math.nextUp(limit);
        }
        set(where, 0, limit);
        set(where, 1, top);
        set(where, 2, 3.0 * limit == 2.0 * top ? limit : Math.nextUp(limit));
        describe(a, g, top, 0);
      }
      default -> {
        float mean = (float) (first / n);
        set(where, 1, mean);
        describe(a, g, mean, 0);
      }
    }
  }

  /** Returns the largest float that is not above a double: as a bound of floats they are equal. */
  private static float atMost(double bound) {
    float nearest = (float) bound;
    return nearest > bound ? Math.nextDown(nearest) : nearest;
  }

  private void ternaryAlpha(FakeQuant.Forward a, long g, MemorySegment where) {
    double count = FakeQuantStatistics.second(where, PAIR);
    float alpha = count == 0 ? 0 : (float) (FakeQuantStatistics.first(where, PAIR) / count);
    if (Float.isNaN(get(where, 0))) {
      alpha = Float.NaN;
    }
    set(where, 1, alpha);
    describe(a, g, alpha, 0);
  }

  private void apply(
      FakeQuant.Forward a,
      long g,
      MemorySegment parameters,
      MemorySegment scratch,
      long from,
      long to) {
    MemorySegment xs = a.x().segment();
    for (long piece = from; piece < to; piece++) {
      long xo = writing.offset(a.x(), g, piece);
      long bytes = writing.length(piece) * Float.BYTES;
      // Codes first: y may be written over x.
      if (a.codes() != null) {
        MemorySegment out = a.codes().segment();
        codes(xs, xo, bytes, parameters, scratch, out, writing.offset(a.codes(), g, piece));
      }
      if (a.y() != null) {
        values(
            xs, xo, bytes, parameters, scratch, a.y().segment(), writing.offset(a.y(), g, piece));
      }
    }
  }

  private void codes(
      MemorySegment xs,
      long xo,
      long bytes,
      MemorySegment parameters,
      MemorySegment scratch,
      MemorySegment out,
      long oo) {
    long elements = bytes / Float.BYTES;
    if (Float.isNaN(get(parameters, 1))) {
      for (long i = 0; i < elements; i++) {
        out.set(ValueLayout.JAVA_BYTE, oo + i, (byte) 0);
      }
      return;
    }
    for (long done = 0; done < bytes; done += BLOCK_BYTES) {
      long length = Math.min(BLOCK_BYTES, bytes - done);
      quantize(xs, xo + done, length, parameters, scratch, scratch, BLOCK, true);
      narrow(scratch, length / Float.BYTES, out, oo + done / Float.BYTES);
    }
  }

  private static void narrow(MemorySegment scratch, long elements, MemorySegment out, long oo) {
    for (long i = 0; i < elements; i++) {
      float code = scratch.get(ValueLayout.JAVA_FLOAT, BLOCK + i * Float.BYTES);
      out.set(ValueLayout.JAVA_BYTE, oo + i, (byte) (int) code);
    }
  }

  private void values(
      MemorySegment xs,
      long xo,
      long bytes,
      MemorySegment parameters,
      MemorySegment scratch,
      MemorySegment out,
      long oo) {
    quantize(xs, xo, bytes, parameters, scratch, out, oo, false);
  }

  private void quantize(
      MemorySegment xs,
      long xo,
      long bytes,
      MemorySegment parameters,
      MemorySegment scratch,
      MemorySegment out,
      long oo,
      boolean codes) {
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    if (whole > 0) {
      vectors(xs, xo, whole, parameters, out, oo, codes);
    }
    if (rest > 0) {
      Tail.pad(xs, xo + whole, rest, scratch, 0, 0);
      vectors(scratch, 0, Lanes.BYTES, parameters, scratch, Tail.SLOT_BYTES, codes);
      Tail.unpad(scratch, Tail.SLOT_BYTES, out, oo + whole, rest);
    }
  }

  private void vectors(
      MemorySegment xs,
      long xo,
      long bytes,
      MemorySegment parameters,
      MemorySegment out,
      long oo,
      boolean codes) {
    float p0 = get(parameters, 0);
    float p1 = get(parameters, 1);
    switch (spec.scheme()) {
      case TERNARY_TWN -> FakeQuantLevels.ternary(xs, xo, out, oo, bytes, p0, codes ? 1 : p1);
      case UNIFORM_SYMMETRIC -> FakeQuantLevels.symmetric(xs, xo, out, oo, bytes, clip, p1, codes);
      case UNIFORM_MINMAX ->
          FakeQuantLevels.minMax(xs, xo, out, oo, bytes, clip, p0, p1, levels, codes);
      case LSQ -> FakeQuantLevels.learnedStep(xs, xo, out, oo, bytes, p1, qp, codes);
      case MIDRISE2 -> {
        float tie = get(parameters, 2);
        if (codes) {
          FakeQuantLevels.fourLevels(xs, xo, out, oo, bytes, clip, p0, tie, 0, 1, 2, 3);
        } else {
          float inner = p1 / 3;
          FakeQuantLevels.fourLevels(xs, xo, out, oo, bytes, clip, p0, tie, -p1, -inner, inner, p1);
        }
      }
      default ->
          FakeQuantLevels.twoLevels(xs, xo, out, oo, bytes, codes ? -1 : -p1, codes ? 1 : p1);
    }
  }
}
