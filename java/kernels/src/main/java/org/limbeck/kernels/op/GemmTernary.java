// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * Stem {@code gemm_ternary}: y = x W^T scale + bias with weights W of -1, 0 and 1 packed to 2 bits,
 * the inference form of a layer that was trained with {@link FakeQuant} weights.
 *
 * <p>{@link Activations#F32} takes x as it is. {@link Activations#I8_ROW} first quantizes each row
 * of x to int8 as {@link FakeQuant.Scheme#UNIFORM_SYMMETRIC} with 8 bits, a group a row and no clip
 * does, code for code: with top = max |x| of the row, q = round(x (127 / top)), half to even, both
 * operations in float32, and s = top / 127. Then sum = q W^T in int32 and y = sum s scale + bias.
 *
 * <p>k = 0 gives the bias, or 0. k is at most {@value #MAX_K_I8} with int8 activations, so that
 * kernels may keep codes of a packed plane where they lie, up to 64 times too large, while they add
 * up in int32. The packed bytes must be well-formed ({@link PackedTernary#validate}); if they are
 * not, results are wrong, and nothing else happens.
 *
 * <p><b>Special values.</b> F32: an element of y whose sum takes in a NaN is NaN, one that takes in
 * an infinity is not finite; where the weight is 0, NaN and infinities may count as 0 or make NaN.
 * Other rows of y are not touched by them. I8_ROW: a row of x with a NaN or an infinity has sums of
 * 0 and NaN throughout its row of y; a row whose top is too small for 127 / top to be finite (below
 * 4e-37, 0 included) has codes of 0.
 *
 * <p><b>Accuracy.</b> F32: per element within (k + 8) u S, u = 2^-24, S = |scale| times the sum of
 * |x_i w_i| plus |bias|; sums in float32. A row of W without weights other than 0 gives exactly the
 * bias, or 0. I8_ROW: the sums are exact, the same on every backend; y within 8 u (|sum s scale| +
 * |bias|) where sum s and s scale are 0 or normal float32 numbers. <b>Determinism.</b> The same
 * bits with any number of threads.
 */
public final class GemmTernary {
  /** The largest k with int8 activations. */
  public static final long MAX_K_I8 = 524_288;

  /** The operation. */
  public static final Op<Spec, Arguments> OP = new Op<>("gemm_ternary", "", GemmTernary::check);

  private GemmTernary() {}

  /** How activations enter the sums. */
  public enum Activations {
    /** As they are. */
    F32,
    /** Quantized to int8, with a scale for each row. */
    I8_ROW
  }

  /**
   * The options.
   *
   * @param activations how activations enter the sums
   */
  public record Spec(Activations activations) {
    /** Checks that the option is there. */
    public Spec {
      Objects.requireNonNull(activations, "activations");
    }
  }

  /**
   * Arguments of a call.
   *
   * @param x the activations, F32 [m, k]
   * @param weights the weights, [n, k]
   * @param scale F32 [1, 1], or [1, n] with one scale for each row of the weights
   * @param bias F32 [1, n], or null
   * @param y F32 [m, n], written; separate memory
   * @param acc I32 [m, n], written with the integer sums; separate memory; null if nobody asks for
   *     them, and with F32 activations
   */
  public record Arguments(
      Matrix x, PackedTernary weights, Matrix scale, Matrix bias, Matrix y, Matrix acc) {
    /** Returns the arguments of a product without bias, whose integer sums nobody asks for. */
    public static Arguments of(Matrix x, PackedTernary weights, Matrix scale, Matrix y) {
      return new Arguments(x, weights, scale, null, y, null);
    }

    /** Returns the number of rows of y. */
    public long m() {
      return y.rows();
    }

    /** Returns the number of columns of y. */
    public long n() {
      return y.cols();
    }

    /** Returns the length of the sums. */
    public long k() {
      return x.cols();
    }
  }

  private static void check(Spec spec, Arguments args, ArgumentChecks checks) {
    checks.present("y", args.y(), DType.F32);
    checks.usable("x", args.x(), DType.F32);
    checks.that(args.weights() != null, "weights", "null", "packed weights");
    checks.usable("weights", args.weights().bytes(), DType.U8);
    long m = args.m();
    long n = args.n();
    long k = args.k();
    if (args.x().rows() != m) {
      throw checks.fail("x", args.x(), m + " rows, as y has");
    }
    if (m > Integer.MAX_VALUE) {
      throw checks.fail("x", args.x(), "at most 2147483647 rows");
    }
    if (args.weights().rows() != n || args.weights().cols() != k) {
      throw checks.fail("weights", args.weights(), "shape [" + n + ", " + k + "]");
    }
    checks.present("scale", args.scale(), DType.F32);
    if (args.scale().rows() != 1 || (args.scale().cols() != 1 && args.scale().cols() != n)) {
      throw checks.fail("scale", args.scale(), "shape [1, 1] or [1, " + n + "]");
    }
    checks.optionalVector("bias", args.bias(), DType.F32, n);
    if (spec.activations() == Activations.I8_ROW) {
      if (k > MAX_K_I8) {
        throw checks.fail("x", args.x(), "k of at most " + MAX_K_I8 + " for sums in int32");
      }
      checks.optional("acc", args.acc(), DType.I32, m, n);
    } else {
      checks.that(args.acc() == null, "acc", args.acc(), "null, as F32 sums are no integers");
    }
    disjoint("y", args.y(), args, checks);
    disjoint("acc", args.acc(), args, checks);
    checks.disjoint("acc", args.acc(), "y", args.y());
  }

  private static void disjoint(String name, Matrix output, Arguments args, ArgumentChecks checks) {
    checks.disjoint(name, output, "x", args.x());
    checks.disjoint(name, output, "weights", args.weights().bytes());
    checks.disjoint(name, output, "scale", args.scale());
    checks.disjoint(name, output, "bias", args.bias());
  }
}
