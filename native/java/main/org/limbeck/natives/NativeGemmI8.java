// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.kernels.op.GemmI8.Arguments;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** gemm_i8 in C: {@code native/src/gemm_i8}, split by {@link PackedGemm}. */
final class NativeGemmI8 extends PackedGemm implements Kernel<Arguments> {
  private final int tier;
  private final boolean transB;

  // Of the call in progress.
  private Arguments args;

  NativeGemmI8(Tier tier, GemmI8.Spec spec) {
    super("lb_gemm_i8", LimbeckH.lb_gemm_i8_per_word(tier.bits()));
    this.tier = tier.bits();
    this.transB = spec.transB();
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    args = a;
    shape(a.m(), a.n(), a.k());
    if (isFew()) {
      few(pool, tier, 1);
    } else {
      product(pool, 0);
    }
    args = null;
  }

  @Override
  int packRows(
      long matrix, long row, long k, long depth, MemorySegment packed, long first, long end)
      throws Throwable {
    return (int)
        LimbeckH.lb_gemm_i8_pack_a$handle()
            .invokeExact(
                tier,
                Native.pointer(args.a()),
                Native.at(args.a(), row, k),
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
    return (int)
        LimbeckH.lb_gemm_i8_pack_b$handle()
            .invokeExact(
                tier,
                transB ? LimbeckH.LB_GEMM_TRANS_B() : 0,
                Native.pointer(args.b()),
                Native.at(args.b(), transB ? col : k, transB ? k : col),
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
        LimbeckH.lb_gemm_i8$handle()
            .invokeExact(
                tier,
                packed,
                packed,
                packedB,
                Native.pointer(args.c()),
                Native.at(args.c(), row, col),
                args.c().rowStride(),
                Native.optional(args.rowScale()),
                row,
                Native.optional(args.colScale()),
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
        LimbeckH.lb_gemm_i8_few$handle()
            .invokeExact(
                tier,
                transB ? LimbeckH.LB_GEMM_TRANS_B() : 0,
                args.m(),
                args.n(),
                args.k(),
                Native.pointer(args.a()),
                0L,
                args.a().rowStride(),
                Native.pointer(args.b()),
                0L,
                args.b().rowStride(),
                Native.pointer(args.c()),
                0L,
                args.c().rowStride(),
                Native.optional(args.rowScale()),
                Native.optional(args.colScale()),
                Native.optional(args.bias()),
                from,
                to,
                scratch);
  }
}
