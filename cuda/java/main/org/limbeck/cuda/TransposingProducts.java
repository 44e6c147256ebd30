// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;

/**
 * Large products in tf32 of factors that do not lie along k, as wgmma takes them: they are
 * transposed into scratch before. Which products these are is a question of one matrix, as it is
 * for {@link WideProducts}.
 */
final class TransposingProducts implements Slices.Product {
  /** Of the transposing kernel: its tile, square, and its threads. */
  private static final int TILE = 32;

  private static final int BLOCK = 256;

  /**
   * The multiplications for each element that is transposed from which on that gains. By the rates
   * of an H100, at least: 8 bytes at 3 TB/s take as long as 2 x 800 operations gain at 400 instead
   * of 240 TFLOP/s.
   */
  private static final long FEWEST_USES = 1024;

  private final GemmF32.Spec spec;
  private final CachingAllocator allocator;
  private final KernelFunction transpose;
  private final WideProducts wide;
  private final Slices.Product otherwise;

  private TransposingProducts(
      Context context,
      KernelSignature transpose,
      KernelSignature wide,
      GemmF32.Spec spec,
      Slices.Product otherwise) {
    this.spec = spec;
    this.allocator = context.allocator();
    this.transpose = context.function(transpose);
    this.wide = new WideProducts(context, wide, spec, false, true, DType.F32);
    this.otherwise = otherwise;
  }

  /** Returns the kernel that transposes in the image of a stem. */
  static KernelSignature signature(String stem) {
    return new KernelSignature(stem, "lb_" + stem + "_transpose_kernel", "pl pl ll");
  }

  /**
   * Returns products that transpose their factors where that gains, and others as they are.
   *
   * @param context the device
   * @param transpose what {@link #signature} returned
   * @param wide the wide kernel of factors that lie along k
   * @param spec the specification, of which a factor does not
   * @param otherwise products for the others
   */
  static Slices.Product product(
      Context context,
      KernelSignature transpose,
      KernelSignature wide,
      GemmF32.Spec spec,
      Slices.Product otherwise) {
    return context.driver().warpGroups()
        ? new TransposingProducts(context, transpose, wide, spec, otherwise)
        : otherwise;
  }

  /** Returns whether a product uses the elements that it would transpose often enough. */
  static boolean gains(GemmF32.Spec spec, long m, long n) {
    // m n k multiplications for m k elements of A and k n of B.
    long transposed = (spec.transA() ? m : 0) + (spec.transB() ? 0 : n);
    return m * n >= FEWEST_USES * transposed;
  }

  private static long pitch(long k) {
    return Math.ceilDiv(k, 4) * 4;
  }

  /** Returns whether the copy engine can fetch what is not transposed of one matrix of a batch. */
  private boolean fetches(GemmF32.Arguments args, long index) {
    GemmF32.Batch batch = args.batch();
    return (spec.transA() || Products.chunked(args.a(), batch.offsetA(index)))
        && (!spec.transB() || Products.chunked(args.b(), batch.offsetB(index)));
  }

  @Override
  public void launch(GemmF32.Arguments args, long from, long to, long terms, long sums) {
    if (!gains(spec, args.m(), args.n()) || !wide.suits(args, terms)) {
      otherwise.launch(args, from, to, terms, sums);
      return;
    }
    for (long i = from; i < to; i++) {
      long own = sums == 0 ? 0 : sums + (i - from) * Slices.bytes(spec, args, terms);
      if (fetches(args, i)) {
        launch(args, i, terms, own);
      } else {
        otherwise.launch(args, i, i + 1, terms, own);
      }
    }
  }

  private void launch(GemmF32.Arguments args, long index, long terms, long sums) {
    long pitch = pitch(args.k(spec));
    long ofA = spec.transA() ? args.m() * pitch * Float.BYTES : 0;
    long ofB = spec.transB() ? 0 : args.n() * pitch * Float.BYTES;
    long scratch = allocator.require(ofA + ofB, "transposed factors");
    try {
      long a = 0;
      long b = 0;
      if (ofA > 0) {
        a = scratch;
        transpose(args.a(), args.batch().offsetA(index), a, pitch);
      }
      if (ofB > 0) {
        b = scratch + ofA;
        transpose(args.b(), args.batch().offsetB(index), b, pitch);
      }
      wide.launch(args, index, a, b, pitch, terms, sums);
    } finally {
      allocator.free(scratch, ofA + ofB);
    }
  }

  /** Queues the transposition of a factor, so many elements behind where it is. */
  private void transpose(Matrix x, long behind, long to, long pitch) {
    long first = x.buffer().address() + x.offsetBytes() + behind * Float.BYTES;
    transpose
        .address(first)
        .int64(x.rowStride())
        .address(to)
        .int64(pitch)
        .int64(x.rows())
        .int64(x.cols())
        .launch(Products.tiles(x, TILE), BLOCK);
  }
}
