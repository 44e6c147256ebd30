// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * attention, Vector API. A = scale Q K^T, P = softmax of A over the entries that are not masked, C
 * = P V; dP = dC V^T, dV = P^T dC, dA = P (dP - sum dP P) + further dA, dQ = scale dA K, dK = scale
 * dA^T Q.
 *
 * <p>Q, C, dQ, dC f32 [batch queries, heads width], K, V, dK, dV f32 [batch keys, heads width]; A,
 * P, dP (overwritten with dA) f32 [batch heads queries, keys]; any row stride, 4-byte aligned; no
 * output overlaps an input. Masked entries: A = maskedScore, P = 0; a row without a real key has P
 * = 0. NaN or +infinity among the real scores of a row makes its real maps NaN; keys beyond the
 * length are not read by the forward. Products by {@link VectorGemm}, rows by {@link
 * VectorSoftmax}, with their accumulation and tails. One thread an example and head. A and C 2
 * queries keys width flops for each example and head, their backwards twice that; maps and scores
 * pass through the second cache level once, or memory where queries keys floats do not fit there.
 */
final class VectorAttention {
  private static final RangeBody<Attention.Spec, Attention.Weights> WEIGHTS =
      VectorAttention::weights;

  private static final RangeBody<Void, Attention.Context> CONTEXT =
      (none, a, scratch, from, to) -> {
        for (long head = from; head < to; head++) {
          mapsTimesKeys(a.shape(), head, 1, a.maps(), a.value(), a.context(), scratch);
        }
      };

  private static final RangeBody<Void, Attention.ContextBackward> CONTEXT_BACKWARD =
      (none, a, scratch, from, to) -> {
        AttentionShape s = a.shape();
        for (long head = from; head < to; head++) {
          queriesTimesKeys(s, head, s.keys(), 1, a.gradContext(), a.value(), a.gradMaps(), scratch);
          mapsTimesQueries(s, head, 1, a.maps(), a.gradContext(), a.gradValue(), scratch);
        }
      };

  private static final RangeBody<Attention.Spec, Attention.WeightsBackward> WEIGHTS_BACKWARD =
      VectorAttention::weightsBackward;

  private VectorAttention() {}

  static Kernel<Attention.Weights> weights(Attention.Spec spec) {
    return (a, pool) -> pool.forRange(a.shape().batch() * a.shape().heads(), 1, spec, a, WEIGHTS);
  }

  static void context(Attention.Context a, WorkerPool pool) {
    pool.forRange(a.shape().batch() * a.shape().heads(), 1, null, a, CONTEXT);
  }

  static void contextBackward(Attention.ContextBackward a, WorkerPool pool) {
    pool.forRange(a.shape().batch() * a.shape().heads(), 1, null, a, CONTEXT_BACKWARD);
  }

  static Kernel<Attention.WeightsBackward> weightsBackward(Attention.Spec spec) {
    return (a, pool) ->
        pool.forRange(a.shape().batch() * a.shape().heads(), 1, spec, a, WEIGHTS_BACKWARD);
  }

  private static void weights(
      Attention.Spec spec, Attention.Weights a, Workspace scratch, long from, long to) {
    AttentionShape s = a.shape();
    float scale = (float) spec.scale(a.query().cols() / s.heads());
    for (long head = from; head < to; head++) {
      long b = head / s.heads();
      long length = a.lengths() == null ? s.keys() : a.lengths().getInt(0, b);
      if (length > 0) {
        queriesTimesKeys(s, head, length, scale, a.query(), a.key(), a.scores(), scratch);
      }
      // Reserved after the product, which takes the same memory.
      MemorySegment slots = scratch.reserve(VectorSoftmax.SCRATCH_BYTES);
      for (long q = 0; q < s.queries(); q++) {
        long real = spec.causal() ? Math.min(length, q + 1) : length;
        long row = head * s.queries() + q;
        long mask = a.mask() == null ? 0 : a.mask().rowOffsetBytes(b * s.queries() + q);
        softmax(spec.maskedScore(), a, row, mask, real, slots);
      }
    }
  }

  /** Stores the maps of one row of scores, of which the first {@code real} may be real. */
  private static void softmax(
      float maskedScore,
      Attention.Weights a,
      long row,
      long mask,
      long real,
      MemorySegment scratch) {
    MemorySegment ss = a.scores().segment();
    MemorySegment ms = a.maps().segment();
    long so = a.scores().rowOffsetBytes(row);
    long mo = a.maps().rowOffsetBytes(row);
    long bytes = real * Float.BYTES;
    long rest = a.scores().cols() * Float.BYTES - bytes;
    VectorSoftmax.fill(ss, so + bytes, rest, maskedScore);
    VectorSoftmax.fill(ms, mo + bytes, rest, 0f);
    if (a.mask() == null) {
      VectorSoftmax.row(ss, so, ms, mo, bytes, scratch);
      return;
    }
    MemorySegment keeps = a.mask().segment();
    // The maps serve as the copy in which masked scores are -infinity, whose probability is 0.
    for (long k = 0; k < real; k++) {
      long at = k * Float.BYTES;
      boolean keep = keeps.get(ValueLayout.JAVA_BYTE, mask + k) != 0;
      float score = ss.get(ValueLayout.JAVA_FLOAT, so + at);
      ms.set(ValueLayout.JAVA_FLOAT, mo + at, keep ? score : Float.NEGATIVE_INFINITY);
      ss.set(ValueLayout.JAVA_FLOAT, so + at, keep ? score : maskedScore);
    }
    float max = VectorSoftmax.row(ms, mo, ms, mo, bytes, scratch);
    if (!(max < Float.POSITIVE_INFINITY)) {
      // The row is NaN, but not where it is masked.
      for (long k = 0; k < real; k++) {
        if (keeps.get(ValueLayout.JAVA_BYTE, mask + k) == 0) {
          ms.set(ValueLayout.JAVA_FLOAT, mo + k * Float.BYTES, 0f);
        }
      }
    }
  }

  private static void weightsBackward(
      Attention.Spec spec, Attention.WeightsBackward a, Workspace scratch, long from, long to) {
    AttentionShape s = a.shape();
    Matrix maps = a.maps();
    Matrix grad = a.gradMaps();
    float scale = (float) spec.scale(a.query().cols() / s.heads());
    long bytes = s.keys() * Float.BYTES;
    for (long head = from; head < to; head++) {
      MemorySegment slots = scratch.reserve(VectorSoftmax.SCRATCH_BYTES);
      for (long row = head * s.queries(); row < (head + 1) * s.queries(); row++) {
        MemorySegment gs = grad.segment();
        long go = grad.rowOffsetBytes(row);
        VectorSoftmax.backwardRow(
            maps.segment(), maps.rowOffsetBytes(row), gs, go, gs, go, bytes, slots);
        if (a.gradScores() != null) {
          add(a.gradScores().segment(), a.gradScores().rowOffsetBytes(row), gs, go, bytes);
        }
      }
      mapsTimesKeys(s, head, scale, grad, a.key(), a.gradQuery(), scratch);
      mapsTimesQueries(s, head, scale, grad, a.query(), a.gradKey(), scratch);
    }
  }

  /** Adds x to y. */
  private static void add(MemorySegment xs, long xo, MemorySegment ys, long yo, long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += Lanes.BYTES) {
      FloatVector.fromMemorySegment(Lanes.F32, ys, yo + i, Lanes.ORDER)
          .add(FloatVector.fromMemorySegment(Lanes.F32, xs, xo + i, Lanes.ORDER))
          .intoMemorySegment(ys, yo + i, Lanes.ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float sum = ys.get(ValueLayout.JAVA_FLOAT, yo + i) + xs.get(ValueLayout.JAVA_FLOAT, xo + i);
      ys.set(ValueLayout.JAVA_FLOAT, yo + i, sum);
    }
  }

  /** Stores scale X Y^T in the first columns of the maps of one example and head. */
  private static void queriesTimesKeys(
      AttentionShape s,
      long head,
      long keys,
      float scale,
      Matrix x,
      Matrix y,
      Matrix maps,
      Workspace scratch) {
    VectorGemm.multiply(
        false,
        true,
        s.queries(),
        keys,
        x.cols() / s.heads(),
        scale,
        x.segment(),
        offset(s, head, s.queries(), x),
        x.rowStrideBytes(),
        y.segment(),
        offset(s, head, s.keys(), y),
        y.rowStrideBytes(),
        0,
        maps.segment(),
        maps.rowOffsetBytes(head * s.queries()),
        maps.rowStrideBytes(),
        scratch);
  }

  /** Stores scale M X for one example and head; X has the shape of the keys. */
  private static void mapsTimesKeys(
      AttentionShape s,
      long head,
      float scale,
      Matrix maps,
      Matrix x,
      Matrix out,
      Workspace scratch) {
    VectorGemm.multiply(
        false,
        false,
        s.queries(),
        x.cols() / s.heads(),
        s.keys(),
        scale,
        maps.segment(),
        maps.rowOffsetBytes(head * s.queries()),
        maps.rowStrideBytes(),
        x.segment(),
        offset(s, head, s.keys(), x),
        x.rowStrideBytes(),
        0,
        out.segment(),
        offset(s, head, s.queries(), out),
        out.rowStrideBytes(),
        scratch);
  }

  /** Stores scale M^T X for one example and head; X has the shape of the queries. */
  private static void mapsTimesQueries(
      AttentionShape s,
      long head,
      float scale,
      Matrix maps,
      Matrix x,
      Matrix out,
      Workspace scratch) {
    VectorGemm.multiply(
        true,
        false,
        s.keys(),
        x.cols() / s.heads(),
        s.queries(),
        scale,
        maps.segment(),
        maps.rowOffsetBytes(head * s.queries()),
        maps.rowStrideBytes(),
        x.segment(),
        offset(s, head, s.queries(), x),
        x.rowStrideBytes(),
        0,
        out.segment(),
        offset(s, head, s.keys(), out),
        out.rowStrideBytes(),
        scratch);
  }

  /** Returns where the part of one example and head begins in a matrix of heads side by side. */
  private static long offset(AttentionShape s, long head, long positions, Matrix x) {
    long width = x.cols() / s.heads();
    return x.rowOffsetBytes(head / s.heads() * positions) + head % s.heads() * width * Float.BYTES;
  }
}
