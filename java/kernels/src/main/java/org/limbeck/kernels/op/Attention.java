// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code attention}: scaled dot-product attention (Vaswani et al., arXiv 1706.03762) in the
 * two halves between which distillation and quantization take hold: from queries and keys to scores
 * and maps, and from maps and values to the context.
 *
 * <p>Queries, keys, values and context hold the heads side by side: shape [batch * positions, heads
 * * width], head h in columns h * width to (h + 1) * width, so that the output of a linear layer
 * needs no copy. Scores and maps have shape [batch * heads * queries, keys].
 *
 * <p>Per example and head: scores A = scale * Q K^T, masked entries set to {@code maskedScore};
 * maps P = softmax of A over the entries that are not masked, exactly 0 at masked ones; context = P
 * V. Masked are keys beyond the example's length, keys after the query if causal, and entries that
 * are 0 in the mask. A query without a real key has a row of 0 in the maps. Queries beyond the
 * length are computed like others.
 *
 * <p><b>Accuracy.</b> Scores, context and gradients as products of {@code gemm_f32} in the
 * precision of the options, maps as {@code softmax}. <b>Determinism.</b> The same bits with any
 * number of threads.
 */
public final class Attention {
  private static final String STEM = "attention";

  /** Queries and keys to scores and maps. */
  public static final Op<Spec, Weights> WEIGHTS = new Op<>(STEM, "weights", Attention::check);

  /** Maps and values to the context. */
  public static final Op<Spec, Context> CONTEXT = new Op<>(STEM, "context", Attention::check);

  /** The backward of {@link #CONTEXT}. */
  public static final Op<Spec, ContextBackward> CONTEXT_BACKWARD =
      new Op<>(STEM, "context_backward", Attention::check);

  /** The backward of {@link #WEIGHTS}. */
  public static final Op<Spec, WeightsBackward> WEIGHTS_BACKWARD =
      new Op<>(STEM, "weights_backward", Attention::check);

  private Attention() {}

  /**
   * The options.
   *
   * @param scale the factor of Q K^T, finite; NaN means 1 / sqrt(width)
   * @param causal whether a query sees only keys of its own index and below
   * @param maskedScore what masked scores are set to, finite; losses on scores recognise it
   * @param precision what may be done to the factors of products
   */
  public record Spec(double scale, boolean causal, float maskedScore, GemmF32.Precision precision) {
    /** The masked score of BERT. */
    public static final float BERT_MASKED_SCORE = -10_000f;

    /** Scale 1 / sqrt(width), no causal mask, full float32. */
    public static final Spec DEFAULT =
        new Spec(Double.NaN, false, BERT_MASKED_SCORE, GemmF32.Precision.F32);

    /** Scale 1 / sqrt(width), causal mask, full float32. */
    public static final Spec CAUSAL =
        new Spec(Double.NaN, true, BERT_MASKED_SCORE, GemmF32.Precision.F32);

    /** Checks each option. */
    public Spec {
      if (!Double.isNaN(scale)) {
        ArgumentChecks.finite(STEM, "scale", scale);
      }
      ArgumentChecks.finite(STEM, "maskedScore", maskedScore);
      Objects.requireNonNull(precision, "precision");
    }

    /** Returns this with another precision of the factors. */
    public Spec withPrecision(GemmF32.Precision newPrecision) {
      return new Spec(scale, causal, maskedScore, newPrecision);
    }

    /**
     * Returns the factor of Q K^T.
     *
     * @param width the width of a head
     */
    public double scale(long width) {
      return Double.isNaN(scale) ? 1 / Math.sqrt((double) width) : scale;
    }
  }

  /**
   * Arguments of {@link #WEIGHTS}.
   *
   * @param shape batch, heads, queries and keys
   * @param query F32 [batch * queries, heads * width]
   * @param key F32 [batch * keys, heads * width]
   * @param lengths the number of real keys of each example, I32 [1, batch], or null for all
   * @param mask U8 [batch * queries, keys], not 0 keeps an entry, for all heads; or null for all
   * @param scores F32 [batch * heads * queries, keys], written
   * @param maps F32 [batch * heads * queries, keys], written
   */
  public record Weights(
      AttentionShape shape,
      Matrix query,
      Matrix key,
      Matrix lengths,
      Matrix mask,
      Matrix scores,
      Matrix maps) {
    /** Checks that the shape is there. */
    public Weights {
      Objects.requireNonNull(shape, "shape");
    }
  }

  /**
   * Arguments of {@link #CONTEXT}.
   *
   * @param shape batch, heads, queries and keys
   * @param maps F32 [batch * heads * queries, keys]; after dropout or quantization if there is any
   * @param value F32 [batch * keys, heads * width]
   * @param context F32 [batch * queries, heads * width], written
   */
  public record Context(AttentionShape shape, Matrix maps, Matrix value, Matrix context) {
    /** Checks that the shape is there. */
    public Context {
      Objects.requireNonNull(shape, "shape");
    }
  }

  /**
   * Arguments of {@link #CONTEXT_BACKWARD}: gradMaps = gradContext V^T, gradValue = P^T
   * gradContext.
   *
   * @param shape batch, heads, queries and keys
   * @param maps the maps that the forward operation was given
   * @param value F32 [batch * keys, heads * width]
   * @param gradContext F32 [batch * queries, heads * width]
   * @param gradMaps F32 [batch * heads * queries, keys], written
   * @param gradValue F32 [batch * keys, heads * width], written
   */
  public record ContextBackward(
      AttentionShape shape,
      Matrix maps,
      Matrix value,
      Matrix gradContext,
      Matrix gradMaps,
      Matrix gradValue) {
    /** Checks that the shape is there. */
    public ContextBackward {
      Objects.requireNonNull(shape, "shape");
    }
  }

  /**
   * Arguments of {@link #WEIGHTS_BACKWARD}. With gA = P * (gradMaps - row sum of gradMaps * P) +
   * gradScores: gradQuery = scale * gA K, gradKey = scale * gA^T Q. Masked entries have gA = 0.
   *
   * @param shape batch, heads, queries and keys
   * @param query F32 [batch * queries, heads * width]
   * @param key F32 [batch * keys, heads * width]
   * @param maps the maps that the forward operation wrote
   * @param gradMaps gradient of the loss by the maps, F32 [batch * heads * queries, keys];
   *     overwritten with gA
   * @param gradScores a further gradient by the scores, such as that of {@code attention_kl}, 0 at
   *     masked entries, F32 [batch * heads * queries, keys], or null
   * @param gradQuery F32 [batch * queries, heads * width], written
   * @param gradKey F32 [batch * keys, heads * width], written
   */
  public record WeightsBackward(
      AttentionShape shape,
      Matrix query,
      Matrix key,
      Matrix maps,
      Matrix gradMaps,
      Matrix gradScores,
      Matrix gradQuery,
      Matrix gradKey) {
    /** Checks that the shape is there. */
    public WeightsBackward {
      Objects.requireNonNull(shape, "shape");
    }
  }

  private static long width(ArgumentChecks checks, String name, Matrix side, AttentionShape shape) {
    checks.present(name, side, DType.F32);
    if (side.cols() % shape.heads() != 0) {
      throw checks.fail(
          name, side, "a multiple of " + shape.heads() + " columns, one for each head");
    }
    return side.cols();
  }

  private static void map(ArgumentChecks checks, String name, Matrix map, AttentionShape shape) {
    checks.matrix(name, map, DType.F32, shape.rows(), shape.keys());
  }

  private static void check(Spec spec, Weights a, ArgumentChecks checks) {
    AttentionShape s = a.shape();
    long columns = width(checks, "query", a.query(), s);
    checks.matrix("query", a.query(), DType.F32, s.batch() * s.queries(), columns);
    checks.matrix("key", a.key(), DType.F32, s.batch() * s.keys(), columns);
    s.checkMasks(checks, a.lengths(), a.mask());
    map(checks, "scores", a.scores(), s);
    map(checks, "maps", a.maps(), s);
    separate(checks, "scores", a.scores(), "query", a.query(), "key", a.key());
    separate(checks, "maps", a.maps(), "query", a.query(), "key", a.key());
    separate(checks, "scores", a.scores(), "lengths", a.lengths(), "mask", a.mask());
    separate(checks, "maps", a.maps(), "lengths", a.lengths(), "mask", a.mask());
    checks.disjoint("maps", a.maps(), "scores", a.scores());
  }

  private static void check(Spec spec, Context a, ArgumentChecks checks) {
    AttentionShape s = a.shape();
    map(checks, "maps", a.maps(), s);
    long columns = width(checks, "value", a.value(), s);
    checks.matrix("value", a.value(), DType.F32, s.batch() * s.keys(), columns);
    checks.matrix("context", a.context(), DType.F32, s.batch() * s.queries(), columns);
    separate(checks, "context", a.context(), "maps", a.maps(), "value", a.value());
  }

  private static void check(Spec spec, ContextBackward a, ArgumentChecks checks) {
    AttentionShape s = a.shape();
    map(checks, "maps", a.maps(), s);
    long columns = width(checks, "value", a.value(), s);
    checks.matrix("value", a.value(), DType.F32, s.batch() * s.keys(), columns);
    checks.matrix("gradContext", a.gradContext(), DType.F32, s.batch() * s.queries(), columns);
    map(checks, "gradMaps", a.gradMaps(), s);
    checks.matrix("gradValue", a.gradValue(), DType.F32, s.batch() * s.keys(), columns);
    separate(checks, "gradMaps", a.gradMaps(), "maps", a.maps(), "value", a.value());
    separate(checks, "gradValue", a.gradValue(), "maps", a.maps(), "value", a.value());
    separate(
        checks,
        "gradContext",
        a.gradContext(),
        "gradMaps",
        a.gradMaps(),
        "gradValue",
        a.gradValue());
    checks.disjoint("gradValue", a.gradValue(), "gradMaps", a.gradMaps());
  }

  private static void check(Spec spec, WeightsBackward a, ArgumentChecks checks) {
    AttentionShape s = a.shape();
    long columns = width(checks, "query", a.query(), s);
    checks.matrix("query", a.query(), DType.F32, s.batch() * s.queries(), columns);
    checks.matrix("key", a.key(), DType.F32, s.batch() * s.keys(), columns);
    map(checks, "maps", a.maps(), s);
    map(checks, "gradMaps", a.gradMaps(), s);
    checks.optional("gradScores", a.gradScores(), DType.F32, s.rows(), s.keys());
    checks.matrix("gradQuery", a.gradQuery(), DType.F32, s.batch() * s.queries(), columns);
    checks.matrix("gradKey", a.gradKey(), DType.F32, s.batch() * s.keys(), columns);
    separate(checks, "gradMaps", a.gradMaps(), "query", a.query(), "key", a.key());
    separate(checks, "gradMaps", a.gradMaps(), "maps", a.maps(), "gradScores", a.gradScores());
    separate(checks, "gradQuery", a.gradQuery(), "query", a.query(), "key", a.key());
    separate(checks, "gradQuery", a.gradQuery(), "maps", a.maps(), "gradMaps", a.gradMaps());
    separate(checks, "gradKey", a.gradKey(), "query", a.query(), "key", a.key());
    separate(checks, "gradKey", a.gradKey(), "maps", a.maps(), "gradMaps", a.gradMaps());
    separate(
        checks, "gradKey", a.gradKey(), "gradQuery", a.gradQuery(), "gradScores", a.gradScores());
    checks.disjoint("gradQuery", a.gradQuery(), "gradScores", a.gradScores());
  }

  private static void separate(
      ArgumentChecks checks,
      String name,
      Matrix output,
      String firstName,
      Matrix first,
      String secondName,
      Matrix second) {
    checks.disjoint(name, output, firstName, first);
    checks.disjoint(name, output, secondName, second);
  }
}
