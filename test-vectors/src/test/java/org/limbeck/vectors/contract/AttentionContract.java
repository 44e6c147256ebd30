// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.vectors.contract.AttentionCase.Masking;

/** The contract of attention. */
public abstract class AttentionContract extends KernelContract {
  private static final List<Masking> MASKINGS = List.of(Masking.values());
  private static final double HALF_ULP = 0x1p-24;
  private static final float MASKED = Attention.Spec.BERT_MASKED_SCORE;

  private final Precision precision;

  /** Tests a backend in full float32. */
  protected AttentionContract(String backend) {
    this(backend, Precision.F32);
  }

  /** Tests a backend whose products are in a precision. */
  protected AttentionContract(String backend, Precision precision) {
    super(backend);
    this.precision = precision;
  }

  private AttentionCase newCase(Tensors t, AttentionShape shape, long width, Masking masking) {
    return new AttentionCase(t, shape, width, masking, MASKED, precision);
  }

  private record Sizes(AttentionShape shape, long width) {
    static Sizes of(long batch, long heads, long queries, long keys, long width) {
      return new Sizes(new AttentionShape(batch, heads, queries, keys), width);
    }
  }

  private static List<Sizes> sizes() {
    List<Sizes> sizes = new ArrayList<>();
    for (long n : sizesAroundLanes()) {
      if (n <= 65) {
        sizes.add(Sizes.of(2, 2, 3, n, 5));
        sizes.add(Sizes.of(1, 2, 3, 5, n));
        sizes.add(Sizes.of(1, 1, n, 6, 3));
      }
    }
    sizes.add(Sizes.of(1, 1, 2, 257, 300));
    sizes.add(Sizes.of(3, 2, 33, 33, 16));
    return sizes;
  }

  private void forward(AttentionCase c, AttentionCase.Outputs out) {
    run(Attention.WEIGHTS, c.spec, out.weights());
    run(Attention.CONTEXT, c.spec, out.context(out.maps));
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    int i = 0;
    for (Sizes s : sizes()) {
      Masking masking = MASKINGS.get(i++ % MASKINGS.size());
      try (Tensors t = new Tensors(placement, SEED)) {
        AttentionCase c = newCase(t, s.shape(), s.width(), masking);
        AttentionCase.Outputs want = c.new Outputs();
        AttentionCase.Outputs got = c.new Outputs();
        String what = s + ", masking " + masking;
        runReference(Attention.WEIGHTS, c.spec, want.weights());
        run(Attention.WEIGHTS, c.spec, got.weights());
        assertScores(c, want.scores, got.scores, what);
        assertMaps(c, got.scores, got.maps, what);
        // From here on both begin with the same maps, so that the bounds are of one step only.
        runReference(Attention.CONTEXT, c.spec, want.context(want.maps));
        run(Attention.CONTEXT, c.spec, got.context(want.maps));
        assertContext(c, want.maps, want.context, got.context, what);
        runReference(Attention.CONTEXT_BACKWARD, c.spec, want.contextBackward(want.maps));
        run(Attention.CONTEXT_BACKWARD, c.spec, got.contextBackward(want.maps));
        assertContextBackward(c, want, got, what);
        got.gradMaps.copyFrom(want.gradMaps);
        Matrix before = t.copy(want.gradMaps);
        runReference(Attention.WEIGHTS_BACKWARD, c.spec, want.weightsBackward(want.maps));
        run(Attention.WEIGHTS_BACKWARD, c.spec, got.weightsBackward(want.maps));
        assertWeightsBackward(c, before, want, got, what);
        t.assertPaddingIntact();
      }
    }
  }

  /** Returns the sum of magnitudes of n terms. */
  private static double sum(long n, LongToDoubleFunction term) {
    double sum = 0;
    for (long i = 0; i < n; i++) {
      sum += Math.abs(term.applyAsDouble(i));
    }
    return sum;
  }

  /**
   * The bound of a sum of n float products in any order, and two roundings for a factor; in tf32
   * each factor may be off by 2^-11 of itself.
   */
  private double product(long n, double magnitude) {
    double factors = precision == Precision.TF32 ? 0x1p-10 * (1 + 0x1p-12) : 0;
    return ((n + 4) * HALF_ULP + factors) * magnitude + Float.MIN_NORMAL;
  }

  private interface Bound {
    double at(long row, long col);
  }

  private static void assertBounded(Matrix want, Matrix got, Bound bound, String what) {
    for (long r = 0; r < want.rows(); r++) {
      for (long c = 0; c < want.cols(); c++) {
        long row = r;
        long col = c;
        assertWithin(
            want.getFloat(r, c),
            got.getFloat(r, c),
            bound.at(r, c),
            () -> what + " at (" + row + ", " + col + ")");
      }
    }
  }

  private void assertScores(AttentionCase c, Matrix want, Matrix got, String what) {
    assertBounded(
        want,
        got,
        (r, k) -> c.isMasked(r, k) ? 0 : product(c.width, queryKey(c, r, k, c.query, c.key)),
        what + ": scores");
  }

  /** Returns sum |x y| / sqrt(width) of a row of the maps and a key. */
  private static double queryKey(AttentionCase c, long row, long k, Matrix x, Matrix y) {
    long first = c.head(row) * c.width;
    double scale = c.spec.scale(c.width);
    return sum(
        c.width,
        w ->
            scale
                * x.getFloat(c.queryRow(row), first + w)
                * y.getFloat(c.example(row) * c.shape.keys() + k, first + w));
  }

  /** Checks maps against the softmax in double of the backend's own scores. */
  private static void assertMaps(AttentionCase c, Matrix scores, Matrix maps, String what) {
    for (long r = 0; r < maps.rows(); r++) {
      double max = Double.NEGATIVE_INFINITY;
      for (long k = 0; k < maps.cols(); k++) {
        max = c.isMasked(r, k) ? max : Math.max(max, scores.getFloat(r, k));
      }
      double sum = 0;
      for (long k = 0; k < maps.cols(); k++) {
        sum += c.isMasked(r, k) ? 0 : Math.exp(scores.getFloat(r, k) - max);
      }
      for (long k = 0; k < maps.cols(); k++) {
        String where = what + ": maps at (" + r + ", " + k + ")";
        double want = c.isMasked(r, k) ? 0 : Math.exp(scores.getFloat(r, k) - max) / sum;
        // As in the contract of softmax; exactly 0 where masked.
        double bound = want * HALF_ULP * (40 + maps.cols() / 4.0);
        assertWithin(want, maps.getFloat(r, k), bound, () -> where);
      }
    }
  }

  private void assertContext(AttentionCase c, Matrix maps, Matrix want, Matrix got, String what) {
    assertBounded(
        want,
        got,
        (r, col) -> product(c.shape.keys(), mapsKeys(c, maps, c.value, r, col)),
        what + ": context");
  }

  /** Returns sum_k |m x| for an element in the shape of the queries. */
  private static double mapsKeys(AttentionCase c, Matrix m, Matrix x, long r, long col) {
    long b = r / c.shape.queries();
    long row = (b * c.shape.heads() + col / c.width) * c.shape.queries() + r % c.shape.queries();
    return sum(
        c.shape.keys(), k -> (double) m.getFloat(row, k) * x.getFloat(b * c.shape.keys() + k, col));
  }

  /** Returns sum_q |m x| for an element in the shape of the keys. */
  private static double mapsQueries(AttentionCase c, Matrix m, Matrix x, long r, long col) {
    long b = r / c.shape.keys();
    long first = (b * c.shape.heads() + col / c.width) * c.shape.queries();
    return sum(
        c.shape.queries(),
        q ->
            (double) m.getFloat(first + q, r % c.shape.keys())
                * x.getFloat(b * c.shape.queries() + q, col));
  }

  private void assertContextBackward(
      AttentionCase c, AttentionCase.Outputs want, AttentionCase.Outputs got, String what) {
    double root = Math.sqrt((double) c.width);
    assertBounded(
        want.gradMaps,
        got.gradMaps,
        (r, k) -> product(c.width, root * queryKey(c, r, k, c.gradContext, c.value)),
        what + ": gradMaps");
    assertBounded(
        want.gradValue,
        got.gradValue,
        (r, col) -> product(c.shape.queries(), mapsQueries(c, want.maps, c.gradContext, r, col)),
        what + ": gradValue");
  }

  /** The products begin with gA of this backend, whose error the bounds carry on. */
  private void assertWeightsBackward(
      AttentionCase c,
      Matrix before,
      AttentionCase.Outputs want,
      AttentionCase.Outputs got,
      String what) {
    long keys = c.shape.keys();
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix error = t.zeros(DType.F32, before.rows(), keys);
      for (long r = 0; r < before.rows(); r++) {
        long row = r;
        double dot = sum(keys, k -> (double) before.getFloat(row, k) * want.maps.getFloat(row, k));
        for (long k = 0; k < keys; k++) {
          double p = want.maps.getFloat(r, k);
          double chain = p * (dot * (keys + 4) + 3 * Math.abs(before.getFloat(r, k)));
          double bound = HALF_ULP * (chain + 2 * Math.abs(want.gradMaps.getFloat(r, k)));
          error.setFloat(r, k, (float) bound * 1.001f + Float.MIN_NORMAL);
        }
      }
      assertBounded(want.gradMaps, got.gradMaps, error::getFloat, what + ": gA");
      double scale = c.spec.scale(c.width);
      assertBounded(
          want.gradQuery,
          got.gradQuery,
          (r, col) ->
              scale
                  * (mapsKeys(c, error, c.key, r, col)
                      + product(keys, mapsKeys(c, want.gradMaps, c.key, r, col))),
          what + ": gradQuery");
      assertBounded(
          want.gradKey,
          got.gradKey,
          (r, col) ->
              scale
                  * (mapsQueries(c, error, c.query, r, col)
                      + product(c.shape.queries(), mapsQueries(c, want.gradMaps, c.query, r, col))),
          what + ": gradKey");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionShape shape = new AttentionShape(5, 3, 33, 47);
      AttentionCase c = newCase(t, shape, 17, Masking.ALL);
      AttentionCase.Outputs one = c.new Outputs();
      AttentionCase.Outputs many = c.new Outputs();
      runAll(1, c, one);
      runAll(threads, c, many);
      assertSameBits(one.scores, many.scores, "scores");
      assertSameBits(one.maps, many.maps, "maps");
      assertSameBits(one.context, many.context, "context");
      assertSameBits(one.gradMaps, many.gradMaps, "gA");
      assertSameBits(one.gradQuery, many.gradQuery, "gradQuery");
      assertSameBits(one.gradKey, many.gradKey, "gradKey");
      assertSameBits(one.gradValue, many.gradValue, "gradValue");
    }
  }

  private void runAll(int threads, AttentionCase c, AttentionCase.Outputs out) {
    run(threads, Attention.WEIGHTS, c.spec, out.weights());
    run(threads, Attention.CONTEXT, c.spec, out.context(out.maps));
    run(threads, Attention.CONTEXT_BACKWARD, c.spec, out.contextBackward(out.maps));
    run(threads, Attention.WEIGHTS_BACKWARD, c.spec, out.weightsBackward(out.maps));
  }

  @ParameterizedTest
  @EnumSource(Masking.class)
  void maskedEntriesHaveTheMaskedScoreAndNoPart(Masking masking) {
    // Above and below all real scores: the softmax must not know it.
    for (float maskedScore : new float[] {MASKED, 0, 1e6f}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        AttentionShape shape = new AttentionShape(3, 2, 9, 37);
        AttentionCase c = new AttentionCase(t, shape, 8, masking, maskedScore, precision);
        AttentionCase.Outputs out = c.new Outputs();
        runAll(1, c, out);
        for (long r = 0; r < shape.rows(); r++) {
          double sum = 0;
          double gradient = 0;
          boolean real = false;
          for (long k = 0; k < shape.keys(); k++) {
            sum += out.maps.getFloat(r, k);
            gradient += out.gradMaps.getFloat(r, k) - c.gradScores.getFloat(r, k);
            if (c.isMasked(r, k)) {
              assertEquals(maskedScore, out.scores.getFloat(r, k));
              assertEquals(0f, out.maps.getFloat(r, k));
              assertEquals(0, Math.abs(out.gradMaps.getFloat(r, k)));
            } else {
              real = true;
            }
          }
          assertEquals(real ? 1 : 0, sum, 37 * HALF_ULP);
          assertEquals(0, gradient, 1e-5);
        }
      }
    }
  }

  @Test
  void unmaskedMapsAreTheSoftmaxOfTheScores() {
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionShape shape = new AttentionShape(2, 2, 5, 37);
      AttentionCase c = newCase(t, shape, 8, Masking.NONE);
      AttentionCase.Outputs out = c.new Outputs();
      forward(c, out);
      Matrix maps = t.zeros(DType.F32, shape.rows(), shape.keys());
      run(Softmax.FORWARD, new Softmax.Spec(), new Softmax.Forward(out.scores, maps));
      assertSameBits(maps, out.maps, "maps");
    }
  }

  @ParameterizedTest
  @EnumSource(Masking.class)
  void gradientsMatchCentralDifferences(Masking masking) {
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionCase c = newCase(t, new AttentionShape(2, 2, 3, 4), 3, masking);
      AttentionCase.Outputs out = c.new Outputs();
      runAll(1, c, out);
      double[][] q = GradientCheck.toDoubles(c.query);
      double[][] k = GradientCheck.toDoubles(c.key);
      double[][] v = GradientCheck.toDoubles(c.value);
      String what = "masking " + masking;
      // In tf32 what a gradient is made of has been rounded up to five times.
      double error = precision == Precision.TF32 ? 5 * 0x1p-10 : GradientCheck.FLOAT_ERROR;
      GradientCheck.check(
          c.query, out.gradQuery, x -> c.objective(x, k, v), error, what + ": gradQuery", SEED);
      GradientCheck.check(
          c.key, out.gradKey, x -> c.objective(q, x, v), error, what + ": gradKey", SEED);
      GradientCheck.check(
          c.value, out.gradValue, x -> c.objective(q, k, x), error, what + ": gradValue", SEED);
    }
  }

  @Test
  void notANumberReachesRealEntriesOfItsRowOnly() {
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionShape shape = new AttentionShape(2, 1, 4, 37);
      AttentionCase c = newCase(t, shape, 3, Masking.MASK);
      c.query.setFloat(2, 1, Float.NaN);
      c.query.setFloat(5, 0, Float.POSITIVE_INFINITY);
      // Seen by no query.
      for (long q = 0; q < 4; q++) {
        c.mask.setByte(q, 11, (byte) 0);
      }
      c.key.setFloat(11, 0, Float.NaN);
      AttentionCase.Outputs out = c.new Outputs();
      run(Attention.WEIGHTS, c.spec, out.weights());
      for (long r = 0; r < shape.rows(); r++) {
        for (long k = 0; k < shape.keys(); k++) {
          boolean spoilt = (r == 2 || r == 5) && !c.isMasked(r, k);
          String where = "(" + r + ", " + k + ")";
          assertEquals(spoilt, Float.isNaN(out.maps.getFloat(r, k)), where);
          if (c.isMasked(r, k)) {
            assertEquals(0f, out.maps.getFloat(r, k), where);
            assertEquals(MASKED, out.scores.getFloat(r, k), where);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Masking.class)
  void allocatesNothing(Masking masking) {
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionCase c = newCase(t, new AttentionShape(2, 2, 5, 37), 7, masking);
      AttentionCase.Outputs out = c.new Outputs();
      assertNoAllocation(Attention.WEIGHTS, c.spec, out.weights());
      if (masking == Masking.NONE) {
        // The other operations know no masks.
        assertNoAllocation(Attention.CONTEXT, c.spec, out.context(out.maps));
        assertNoAllocation(Attention.CONTEXT_BACKWARD, c.spec, out.contextBackward(out.maps));
        assertNoAllocation(Attention.WEIGHTS_BACKWARD, c.spec, out.weightsBackward(out.maps));
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionShape s = new AttentionShape(2, 2, 3, 4);
      AttentionCase c = newCase(t, s, 5, Masking.ALL);
      AttentionCase.Outputs o = c.new Outputs();
      Matrix q = c.query;
      Matrix k = c.key;
      assertRefused(
          new Attention.Weights(s, t.normal(6, 9, 1), k, null, null, o.scores, o.maps),
          "query: given F32 [6, 9] on host, expected a multiple of 2 columns");
      assertRefused(
          new Attention.Weights(s, q, t.normal(7, 10, 1), null, null, o.scores, o.maps),
          "key: given F32 [7, 10]");
      assertRefused(
          new Attention.Weights(s, q, k, null, t.mask(5, 4, 1), o.scores, o.maps),
          "mask: given U8 [5, 4]");
      c.lengths.setInt(0, 1, 5);
      assertRefused(o.weights(), "lengths: given 5 at position 1");
      assertRefused(
          new Attention.Weights(s, q, k, null, null, o.scores, o.scores),
          "maps: given memory that overlaps scores");
      assertRefused(new Attention.Weights(s, q, k, null, null, o.scores, null), "maps: given null");
      assertThrows(
          InvalidArgumentException.class,
          () -> new Attention.Spec(Double.NaN, false, Float.NaN, precision));
      assertThrows(InvalidArgumentException.class, () -> new AttentionShape(1, 0, 1, 1));
      var e =
          assertThrows(
              InvalidArgumentException.class,
              () ->
                  run(
                      Attention.CONTEXT,
                      c.spec,
                      new Attention.Context(s, o.maps, c.value, c.value)));
      assertTrue(e.getMessage().contains("attention.context: "), e.getMessage());
    }
  }

  private void assertRefused(Attention.Weights a, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class,
            () -> run(Attention.WEIGHTS, Attention.Spec.DEFAULT, a));
    assertTrue(e.getMessage().contains("attention.weights: " + message), e.getMessage());
  }
}
