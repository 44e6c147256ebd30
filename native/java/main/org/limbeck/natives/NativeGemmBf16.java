// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * gemm_bf16 in C: {@code native/src/gemm_bf16}, split by {@link PackedGemm}. Small matrices of a
 * batch are not split.
 */
final class NativeGemmBf16 extends PackedGemm implements Kernel<Arguments> {
  /** Matrices of a batch with fewer products than this are not split. */
  private static final double WHOLE_PRODUCTS = 1 << 27;

  /** About how many products pay for handing a matrix to a thread. */
  private static final double CHUNK_PRODUCTS = 1 << 20;

  private final int tier;
  private final GemmF32.Spec spec;
  private final int options;

  // Of the call in progress.
  private Arguments args;

  NativeGemmBf16(Tier tier, GemmF32.Spec spec) {
    super("lb_gemm_bf16", LimbeckH.lb_gemm_bf16_per_word(tier.bits()));
    this.tier = tier.bits();
    this.spec = spec;
    this.options = NativeGemmF32.options(spec);
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    args = a;
    long k = a.k(spec);
    shape(a.m(), a.n(), k);
    double products = (double) a.m() * a.n() * Math.max(1, k);
    long count = a.batch().count();
    if (isFew()) {
      few(pool, tier, count);
    } else if (count > 1 && products < WHOLE_PRODUCTS) {
      each(pool, count, (long) Math.max(1, CHUNK_PRODUCTS / Math.max(1, products)));
    } else {
      for (long i = 0; i < count; i++) {
        product(pool, i);
      }
    }
    args = null;
  }

  @Override
  int packRows(
      long matrix, long row, long k, long depth, MemorySegment packed, long first, long end)
      throws Throwable {
    boolean trans = spec.transA();
    long offset = args.batch().offsetA(matrix);
    return (int)
        LimbeckH.lb_gemm_bf16_pack_a$handle()
            .invokeExact(
                tier,
                options,
                Native.pointer(args.a()),
                offset + Native.at(args.a(), trans ? k : row, trans ? row : k),
                args.a().rowStride(),
                packed,
                first,
                end,
                depth);
  }

  @Override
  int packCols(
      long matrix,
      long col,
      long k,
      long depth,
      MemorySegment packed,
      long packedAt,
      long first,
      long end)
      throws Throwable {
    boolean trans = spec.transB();
    long offset = args.batch().offsetB(matrix);
    return (int)
        LimbeckH.lb_gemm_bf16_pack_b$handle()
            .invokeExact(
                tier,
                options,
                Native.pointer(args.b()),
                offset + Native.at(args.b(), trans ? col : k, trans ? k : col),
                args.b().rowStride(),
                packed,
                packedAt,
                first,
                end,
                depth);
  }

  @Override
  int multiply(
      long matrix,
      long row,
      long col,
      MemorySegment packed,
      long packedB,
      long from,
      long to,
      long colFrom,
      long colTo,
      long kFrom,
      long kTo,
      long k)
      throws Throwable {
    return (int)
        LimbeckH.lb_gemm_bf16$handle()
            .invokeExact(
                tier,
                options,
                spec.alpha(),
                packed,
                packed,
                packedB,
                spec.beta(),
                Native.pointer(args.c()),
                args.batch().offsetC(matrix) + Native.at(args.c(), row, col),
                args.c().rowStride(),
                Native.optional(args.bias()),
                col,
                from,
                to,
                colFrom,
                colTo,
                kFrom,
                kTo,
                k);
  }

  @Override
  int multiplyFew(long matrix, long from, long to, MemorySegment scratch) throws Throwable {
    return (int)
        LimbeckH.lb_gemm_bf16_few$handle()
            .invokeExact(
                tier,
                options,
                args.m(),
                args.n(),
                args.k(spec),
                spec.alpha(),
                Native.pointer(args.a()),
                args.batch().offsetA(matrix),
                args.a().rowStride(),
                Native.pointer(args.b()),
                args.batch().offsetB(matrix),
                args.b().rowStride(),
                spec.beta(),
                Native.pointer(args.c()),
                args.batch().offsetC(matrix),
                args.c().rowStride(),
                Native.optional(args.bias()),
                from,
                to,
                scratch);
  }
}
