// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code gemm_i8}: C = A op(B) of signed bytes with sums in int32, row-major as stored, for
 * quantized layers; on request the sums leave as float32, times a scale of the row and one of the
 * column.
 *
 * <p>All 256 values count, -128 included. k is at most {@value #MAX_K}, so that no sum leaves
 * int32; k = 0 gives sums of 0. There is no transposed A: activations are quantized row by row.
 *
 * <p><b>Accuracy.</b> {@link Output#I32}: exact. {@link Output#F32}: c = sum rowScale colScale +
 * bias within 8 u (|sum rowScale colScale| + |bias|), u = 2^-24, where sum rowScale and rowScale
 * colScale are 0 or normal float32 numbers. NaN and infinite scales spread by the rules of
 * arithmetic. <b>Determinism.</b> The same bits with any number of threads.
 */
public final class GemmI8 {
  /** The largest k: k 2^14 stays below 2^31. */
  public static final long MAX_K = 131_071;

  /** The operation. */
  public static final Op<Spec, Arguments> OP = new Op<>("gemm_i8", "", GemmI8::check);

  private GemmI8() {}

  /** What C holds. */
  public enum Output {
    /** The sums, I32. */
    I32,
    /** The sums times the scales, plus the bias where there is one, F32. */
    F32
  }

  /**
   * The options.
   *
   * @param transB whether B is stored transposed, as [n, k]
   * @param output what C holds
   */
  public record Spec(boolean transB, Output output) {
    /** Checks that the output is there. */
    public Spec {
      Objects.requireNonNull(output, "output");
    }
  }

  /**
   * Arguments of a call.
   *
   * @param a I8 [m, k]
   * @param b I8 [k, n], or [n, k] if transposed
   * @param c I32 or F32 [m, n] by the output, written; separate memory
   * @param rowScale F32 [1, m] if C is F32, else null
   * @param colScale F32 [1, n] if C is F32, else null
   * @param bias F32 [1, n], or null; null if C is I32
   */
  public record Arguments(
      Matrix a, Matrix b, Matrix c, Matrix rowScale, Matrix colScale, Matrix bias) {
    /** Returns the arguments of a product whose output is {@link Output#I32}. */
    public static Arguments of(Matrix a, Matrix b, Matrix c) {
      return new Arguments(a, b, c, null, null, null);
    }

    /** Returns the number of rows of C. */
    public long m() {
      return c.rows();
    }

    /** Returns the number of columns of C. */
    public long n() {
      return c.cols();
    }

    /** Returns the length of the sums. */
    public long k() {
      return a.cols();
    }
  }

  private static void check(Spec spec, Arguments args, ArgumentChecks checks) {
    boolean sums = spec.output() == Output.I32;
    checks.present("c", args.c(), sums ? DType.I32 : DType.F32);
    checks.usable("a", args.a(), DType.I8);
    checks.usable("b", args.b(), DType.I8);
    Matrix a = args.a();
    Matrix b = args.b();
    long m = args.m();
    long n = args.n();
    long k = args.k();
    if (a.rows() != m) {
      throw checks.fail("a", a, m + " rows, as C has");
    }
    if (m > Integer.MAX_VALUE) {
      throw checks.fail("a", a, "at most 2147483647 rows");
    }
    if (k > MAX_K) {
      throw checks.fail("a", a, "k of at most " + MAX_K + ", so that sums stay in int32");
    }
    if (b.rows() != (spec.transB() ? n : k) || b.cols() != (spec.transB() ? k : n)) {
      throw checks.fail("b", b, "op(B) of shape [" + k + ", " + n + "]");
    }
    if (sums) {
      absent("rowScale", args.rowScale(), checks);
      absent("colScale", args.colScale(), checks);
      absent("bias", args.bias(), checks);
    } else {
      checks.vector("rowScale", args.rowScale(), DType.F32, m);
      checks.vector("colScale", args.colScale(), DType.F32, n);
      checks.optionalVector("bias", args.bias(), DType.F32, n);
    }
    checks.disjoint("c", args.c(), "a", a);
    checks.disjoint("c", args.c(), "b", b);
    checks.disjoint("c", args.c(), "rowScale", args.rowScale());
    checks.disjoint("c", args.c(), "colScale", args.colScale());
    checks.disjoint("c", args.c(), "bias", args.bias());
  }

  private static void absent(String argument, Matrix matrix, ArgumentChecks checks) {
    checks.that(matrix == null, argument, matrix, "null, as the output is the sums themselves");
  }
}
