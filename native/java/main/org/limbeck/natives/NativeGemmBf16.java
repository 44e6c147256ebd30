// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * gemm_bf16 in C: {@code native/src/gemm_bf16}, split by {@link PackedGemm}. Small matrices of a
 * batch are not split.
 */
final class NativeGemmBf16 extends PackedGemm<Arguments> implements Kernel<Arguments> {
  /** Matrices of a batch with fewer products than this are not split. */
  private static final double WHOLE_PRODUCTS = 1 << 27;

  /** About how many products pay for handing a matrix to a thread. */
  private static final double CHUNK_PRODUCTS = 1 << 20;

  private final int tier;
  private final GemmF32.Spec spec;
  private final int options;

  NativeGemmBf16(Tier tier, GemmF32.Spec spec) {
    super(LimbeckH.lb_gemm_bf16_per_word(tier.bits()));
    this.tier = tier.bits();
    this.spec = spec;
    this.options =
        (spec.transA() ? LimbeckH.LB_GEMM_TRANS_A() : 0)
            + (spec.transB() ? LimbeckH.LB_GEMM_TRANS_B() : 0)
            + epilogue(spec.epilogue());
  }

  private static int epilogue(GemmF32.Epilogue epilogue) {
    return switch (epilogue) {
      case NONE -> 0;
      case BIAS -> LimbeckH.LB_GEMM_BIAS();
      case BIAS_GELU -> LimbeckH.LB_GEMM_BIAS_GELU();
      case BIAS_RELU -> LimbeckH.LB_GEMM_BIAS_RELU();
    };
  }

  @Override
  public void run(Arguments args, WorkerPool pool) {
    long k = args.k(spec);
    shape(args.m(), args.n(), k);
    double products = (double) args.m() * args.n() * Math.max(1, k);
    long count = args.batch().count();
    if (count > 1 && products < WHOLE_PRODUCTS) {
      each(args, pool, count, (long) Math.max(1, CHUNK_PRODUCTS / Math.max(1, products)));
      return;
    }
    for (long i = 0; i < count; i++) {
      product(args, pool, i);
    }
  }

  @Override
  void packRows(
      Arguments args,
      long matrix,
      long row,
      long k,
      long depth,
      MemorySegment packed,
      long first,
      long end) {
    boolean trans = spec.transA();
    long offset = args.batch().offsetA(matrix);
    try {
      int status =
          (int)
              LimbeckH.lb_gemm_bf16_pack_a$handle()
                  .invokeExact(
                      tier,
                      options,
                      Native.pointer(args.a(), trans ? k : row, offset + (trans ? row : k)),
                      args.a().rowStride(),
                      packed,
                      first,
                      end,
                      depth);
      Native.check(status, GemmBf16.OP);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  @Override
  void packCols(
      Arguments args,
      long matrix,
      long col,
      long k,
      long depth,
      MemorySegment packed,
      long offset,
      long first,
      long end) {
    boolean trans = spec.transB();
    long begin = args.batch().offsetB(matrix);
    try {
      int status =
          (int)
              LimbeckH.lb_gemm_bf16_pack_b$handle()
                  .invokeExact(
                      tier,
                      options,
                      Native.pointer(args.b(), trans ? col : k, begin + (trans ? k : col)),
                      args.b().rowStride(),
                      packed.asSlice(offset),
                      first,
                      end,
                      depth);
      Native.check(status, GemmBf16.OP);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  @Override
  void multiply(
      Arguments args,
      long matrix,
      long row,
      long col,
      MemorySegment packed,
      long offset,
      long from,
      long to,
      long colFrom,
      long colTo,
      long kFrom,
      long kTo,
      long k) {
    try {
      int status =
          (int)
              LimbeckH.lb_gemm_bf16$handle()
                  .invokeExact(
                      tier,
                      options,
                      spec.alpha(),
                      packed,
                      packed.asSlice(offset),
                      spec.beta(),
                      Native.pointer(args.c(), row, args.batch().offsetC(matrix) + col),
                      args.c().rowStride(),
                      Native.optional(args.bias(), 0, col),
                      from,
                      to,
                      colFrom,
                      colTo,
                      kFrom,
                      kTo,
                      k);
      Native.check(status, GemmBf16.OP);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }
}
