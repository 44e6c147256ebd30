// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code gemm_f32}: C = act(alpha op(A) op(B) + beta C + bias), row-major as stored, for one
 * matrix or a strided batch of them.
 *
 * <p>op(A) is [m, k] and op(B) is [k, n]; a transposed operand is stored as [k, m] or [n, k]. beta
 * = 0 never reads C, so that it may hold anything. k = 0 gives act(beta C + bias). The bias is
 * added to every row; gelu is the erf form.
 *
 * <p><b>Accuracy.</b> Per element within 8 u sqrt(k) S + 2 u |c|, u = 2^-24, S = |alpha| times the
 * sum of |a_i b_i| plus |beta c| plus |bias|; float32 accumulation. With {@link Precision#TF32}
 * within (2^-10 (1 + 2^-12) + (k + 8) u) S + 2 u |c|: each factor may be off by 2^-11 of itself, so
 * that a product is by (1 + 2^-11)^2 - 1; the product of two rounded ones is exact in float32.
 * <b>Determinism.</b> The same bits with any number of threads, and for each matrix of a batch as
 * for that matrix alone.
 */
public final class GemmF32 {
  /** Who complains about a specification: both stems that have it. */
  private static final String STEM = "gemm";

  /** The operation. */
  public static final Op<Spec, Arguments> OP = new Op<>("gemm_f32", "", GemmChecks.of(DType.F32));

  private GemmF32() {}

  /** What is applied to each element of the product before it is stored. */
  public enum Epilogue {
    /** Nothing. */
    NONE,
    /** Adds the bias of the column. */
    BIAS,
    /** Adds the bias of the column, then gelu in the erf form. */
    BIAS_GELU,
    /** Adds the bias of the column, then max(0, .). */
    BIAS_RELU
  }

  /** What a backend may do to the factors before they are multiplied. */
  public enum Precision {
    /** Nothing. */
    F32,
    /**
     * Round them to tf32, the nearest number with 10 bits of mantissa and the exponents of float32,
     * ties to either side, as tensor cores take them; a backend that need not rounds nothing.
     * Magnitudes of at least 2^128 (1 - 2^-12) may become infinite, and so may a NaN of whose
     * mantissa only the last 13 bits are set, which no arithmetic makes. Subnormal factors,
     * products and sums (magnitudes below 2^-126) may count as 0: another |alpha| k 2^-126 (2 + max
     * |a| + max |b|). Numbers of BF16 are numbers of tf32, so that this changes nothing for {@code
     * gemm_bf16}.
     *
     * <p>Source: PTX ISA, "Alternate floating-point data formats" and {@code cvt.rna.tf32.f32}.
     */
    TF32
  }

  /**
   * The options.
   *
   * @param transA whether A is stored transposed, as [k, m]
   * @param transB whether B is stored transposed, as [n, k]
   * @param alpha the factor of the product, finite
   * @param beta the factor of the previous C, finite; 0 never reads it
   * @param epilogue what is applied to each element
   * @param precision what may be done to the factors
   */
  public record Spec(
      boolean transA,
      boolean transB,
      float alpha,
      float beta,
      Epilogue epilogue,
      Precision precision) {
    /** Checks the factors. */
    public Spec {
      ArgumentChecks.finite(STEM, "alpha", alpha);
      ArgumentChecks.finite(STEM, "beta", beta);
      Objects.requireNonNull(epilogue, "epilogue");
      Objects.requireNonNull(precision, "precision");
    }

    /** Returns C = op(A) op(B) in float32, overwriting C. */
    public static Spec of(boolean transA, boolean transB) {
      return new Spec(transA, transB, 1, 0, Epilogue.NONE, Precision.F32);
    }

    /** Returns this with another factor of the product. */
    public Spec withAlpha(float newAlpha) {
      return new Spec(transA, transB, newAlpha, beta, epilogue, precision);
    }

    /** Returns this with another factor of the previous C; 1 accumulates. */
    public Spec withBeta(float newBeta) {
      return new Spec(transA, transB, alpha, newBeta, epilogue, precision);
    }

    /** Returns this with another epilogue. */
    public Spec withEpilogue(Epilogue newEpilogue) {
      return new Spec(transA, transB, alpha, beta, newEpilogue, precision);
    }

    /** Returns this with another precision of the factors. */
    public Spec withPrecision(Precision newPrecision) {
      return new Spec(transA, transB, alpha, beta, epilogue, newPrecision);
    }
  }

  /**
   * Where the matrices of a batch lie: matrix (i, j), 0 &lt;= i &lt; outer, 0 &lt;= j &lt; inner,
   * begins {@code i * outerStride + j * innerStride} elements after the first. Two levels are what
   * attention heads need that lie beside each other in the rows of one matrix.
   *
   * @param outer the number of outer steps, at least 1
   * @param inner the number of inner steps, at least 1
   * @param outerA the outer stride of A in elements, at least 0; 0 shares A
   * @param innerA the inner stride of A in elements, at least 0
   * @param outerB the outer stride of B in elements, at least 0; 0 shares B
   * @param innerB the inner stride of B in elements, at least 0
   * @param outerC the outer stride of C in elements
   * @param innerC the inner stride of C in elements
   */
  public record Batch(
      long outer,
      long inner,
      long outerA,
      long innerA,
      long outerB,
      long innerB,
      long outerC,
      long innerC) {
    /** One matrix. */
    public static final Batch SINGLE = new Batch(1, 1, 0, 0, 0, 0, 0, 0);

    /** Checks the counts and strides. */
    public Batch {
      if (outer < 1 || inner < 1) {
        throw new InvalidArgumentException(
            STEM, "batch", outer + " x " + inner + " matrices", "at least 1 x 1");
      }
      if (outerA < 0 || innerA < 0 || outerB < 0 || innerB < 0 || outerC < 0 || innerC < 0) {
        throw new InvalidArgumentException(
            STEM, "batch", "a negative stride", "strides of 0 or more");
      }
    }

    /**
     * Returns a batch of matrices at equal distances.
     *
     * @param count the number of matrices, at least 1
     * @param strideA the distance between matrices of A in elements
     * @param strideB the distance between matrices of B in elements
     * @param strideC the distance between matrices of C in elements
     */
    public static Batch strided(long count, long strideA, long strideB, long strideC) {
      return new Batch(1, count, 0, strideA, 0, strideB, 0, strideC);
    }

    /** Returns the number of matrices. */
    public long count() {
      return outer * inner;
    }

    /** Returns where matrix {@code index} of A begins, in elements after the first. */
    public long offsetA(long index) {
      return index / inner * outerA + index % inner * innerA;
    }

    /** Returns where matrix {@code index} of B begins, in elements after the first. */
    public long offsetB(long index) {
      return index / inner * outerB + index % inner * innerB;
    }

    /** Returns where matrix {@code index} of C begins, in elements after the first. */
    public long offsetC(long index) {
      return index / inner * outerC + index % inner * innerC;
    }
  }

  /**
   * Arguments of a call. With a batch, {@code a}, {@code b} and {@code c} are views of the first
   * matrix each; the others must lie in the same buffers.
   *
   * @param a F32 (BF16 for {@code gemm_bf16}) [m, k], or [k, m] if transposed
   * @param b F32 (BF16 for {@code gemm_bf16}) [k, n], or [n, k] if transposed
   * @param c F32 [m, n], written, and read if beta is not 0; separate memory
   * @param bias F32 [1, n] if the epilogue adds one, else null
   * @param batch where the matrices of a batch lie
   */
  public record Arguments(Matrix a, Matrix b, Matrix c, Matrix bias, Batch batch) {
    /** Checks that the batch is there. */
    public Arguments {
      Objects.requireNonNull(batch, "batch");
    }

    /** Returns the arguments of one product without bias. */
    public static Arguments of(Matrix a, Matrix b, Matrix c) {
      return new Arguments(a, b, c, null, Batch.SINGLE);
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
    public long k(Spec spec) {
      return spec.transA() ? a.rows() : a.cols();
    }
  }
}
