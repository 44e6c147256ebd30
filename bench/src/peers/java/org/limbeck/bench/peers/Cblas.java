// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.FloatPointer;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.cases.GemmTernaryCases;
import org.limbeck.bench.peer.PeerCall;
import org.limbeck.bench.peer.PeerSession;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * gemm_f32 by the C interface of BLAS, which several libraries have: sgemm, and sgemv where A has
 * one row; and what gemm_ternary stands in for, the same product with weights of float32.
 */
final class Cblas implements PeerSession {
  private static final String TERNARY = "gemm_ternary";

  static final List<String> STEMS = List.of("gemm_f32", TERNARY);

  private static final int ROW_MAJOR = 101;
  private static final int PLAIN = 111;
  private static final int TRANSPOSED = 112;

  /** cblas_sgemm. */
  @FunctionalInterface
  interface Sgemm {
    void call(
        int order,
        int transA,
        int transB,
        int m,
        int n,
        int k,
        float alpha,
        FloatPointer a,
        int lda,
        FloatPointer b,
        int ldb,
        float beta,
        FloatPointer c,
        int ldc);
  }

  /** cblas_sgemv. */
  @FunctionalInterface
  interface Sgemv {
    void call(
        int order,
        int trans,
        int m,
        int n,
        float alpha,
        FloatPointer a,
        int lda,
        FloatPointer x,
        int strideX,
        float beta,
        FloatPointer y,
        int strideY);
  }

  private final String path;
  private final Sgemm sgemm;
  private final Sgemv sgemv;

  Cblas(String path, Sgemm sgemm, Sgemv sgemv) {
    this.path = path;
    this.sgemm = sgemm;
    this.sgemv = sgemv;
  }

  @Override
  public String path() {
    return path;
  }

  @Override
  public Optional<PeerCall> call(Case work) {
    if (work.stem().equals(TERNARY)) {
      return Optional.of(new Product(work, "x", "NT", "y"));
    }
    // BLAS has no epilogues.
    return work.mode().length() == 2
        ? Optional.of(new Product(work, "a", work.mode(), "c"))
        : Optional.empty();
  }

  private final class Product implements PeerCall {
    private final HostMemory memory = new HostMemory();
    private final int m;
    private final int n;
    private final int k;
    private final boolean transA;
    private final boolean transB;
    private final FloatPointer a;
    private final FloatPointer b;
    private final Matrix result;
    private final FloatPointer c;
    private final Set<String> stored;

    Product(Case work, String left, String transposed, String product) {
      m = (int) work.size(0);
      n = (int) work.size(1);
      k = (int) work.size(2);
      transA = transposed.charAt(0) == 'T';
      transB = transposed.charAt(1) == 'T';
      a = Natives.floats(work.of(left));
      b = Natives.floats(work.stem().equals(TERNARY) ? unpacked(work) : work.of("b"));
      // With activations in int8 ours are other numbers.
      stored =
          work.stem().equals(TERNARY) && !work.mode().equals(GemmTernaryCases.FLOAT)
              ? Set.of()
              : Set.of(product);
      result = memory.matrix(DType.F32, m, n);
      c = Natives.floats(result);
    }

    private Matrix unpacked(Case work) {
      Matrix weights = memory.matrix(DType.F32, n, k);
      PackedTernary packed = GemmTernaryCases.weights(work);
      for (long r = 0; r < n; r++) {
        packed.unpackRow(r, GemmTernaryCases.SCALE, weights.rows(r, r + 1));
      }
      return weights;
    }

    private boolean isVector() {
      return m == 1;
    }

    @Override
    public String path() {
      return isVector() ? "sgemv" : "sgemm";
    }

    @Override
    public void run() {
      if (isVector()) {
        // C^T = op(B)^T A^T; one row of A lies alike in both layouts.
        sgemv.call(
            ROW_MAJOR,
            transB ? PLAIN : TRANSPOSED,
            transB ? n : k,
            transB ? k : n,
            1,
            b,
            transB ? k : n,
            a,
            1,
            0,
            c,
            1);
        return;
      }
      sgemm.call(
          ROW_MAJOR,
          transA ? TRANSPOSED : PLAIN,
          transB ? TRANSPOSED : PLAIN,
          m,
          n,
          k,
          1,
          a,
          transA ? m : k,
          b,
          transB ? k : n,
          0,
          c,
          n);
    }

    @Override
    public Set<String> store(Case results) {
      run();
      stored.forEach(name -> results.of(name).copyFrom(result));
      return stored;
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  @Override
  public void close() {}
}
