// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmF32;

/**
 * A kernel for large products on sm_90a: {@code wide_product.h}. Which products are its own is a
 * question of one matrix, since their sums may be rounded otherwise than those of other kernels.
 */
final class WideProducts {
  static final String PARAMETERS = "tt plll p lll l ff i ii ll iii";

  private static final int ROWS = 128;
  private static final int COLS = 256;
  private static final int BLOCK = 384;

  // The ring, the pieces, the barriers, and what the beginning may lack to a multiple of 1024.
  private static final int SHARED = 4 * 49_152 + 8 * 2560 + 64 + 1024;

  private final Driver driver;
  private final GemmF32.Spec spec;
  private final int terms;
  private final KernelFunction kernel;
  private final TensorMap mapA;
  private final TensorMap mapB;

  /**
   * Makes the launches of a specification.
   *
   * @param context the device
   * @param signature the kernel
   * @param spec the specification
   * @param transA whether the kernel takes A transposed
   * @param transB whether it takes B transposed
   * @param factors BF16, or F32 for what the copy engine rounds to tf32
   */
  WideProducts(
      Context context,
      KernelSignature signature,
      GemmF32.Spec spec,
      boolean transA,
      boolean transB,
      DType factors) {
    this.driver = context.driver();
    this.spec = spec;
    this.kernel = context.function(signature).allowShared(SHARED);
    this.terms = TensorMap.LINE_BYTES / factors.bytes();
    this.mapA = new TensorMap(factors, transA ? terms : ROWS);
    this.mapB = new TensorMap(factors, transB ? COLS : terms);
  }

  private static long down(GemmF32.Arguments args) {
    return Math.ceilDiv(args.m(), ROWS);
  }

  private static long across(GemmF32.Arguments args) {
    return Math.ceilDiv(args.n(), COLS);
  }

  private static long tiles(GemmF32.Arguments args) {
    return down(args) * across(args);
  }

  /**
   * Returns whether each matrix alone, in slices of so many terms, keeps most of the device busy,
   * and most of a tile is used.
   */
  boolean suits(GemmF32.Arguments args, long slice) {
    GemmF32.Batch batch = args.batch();
    return args.m() > ROWS / 2
        && args.n() > COLS / 2
        && args.k(spec) >= terms
        && tiles(args) * Slices.count(args.k(spec), slice) >= driver.multiprocessors() * 3L / 4
        && TensorMap.reaches(args.a(), batch.outerA(), batch.innerA())
        && TensorMap.reaches(args.b(), batch.outerB(), batch.innerB());
  }

  /** Queues the whole products of all matrices, whose rows all begin at multiples of 16 bytes. */
  void launch(GemmF32.Arguments args) {
    GemmF32.Batch batch = args.batch();
    int stepsA = mapA.fill(driver, args.a(), batch, batch.outerA(), batch.innerA());
    int stepsB = mapB.fill(driver, args.b(), batch, batch.outerB(), batch.innerB());
    queue(args, 0, batch.count(), stepsA, stepsB, args.k(spec), 0);
  }

  /** Returns whether the rows of one matrix of each factor begin at multiples of 16 bytes. */
  static boolean chunked(GemmF32.Arguments args, long index) {
    GemmF32.Batch batch = args.batch();
    return Products.chunked(args.a(), batch.offsetA(index))
        && Products.chunked(args.b(), batch.offsetB(index));
  }

  /**
   * Queues the product of one matrix of a batch, {@link #chunked} there; in slices of so many terms
   * if there is a place for their sums.
   */
  void launch(GemmF32.Arguments args, long index, long slice, long sums) {
    launch(args, index, 0, 0, 0, slice, sums);
  }

  /**
   * Queues the product of one matrix of a batch of which a factor has been transposed to lie along
   * k.
   *
   * @param a where A [m, k] is, 0 for where the arguments have it
   * @param b where the transposed B [n, k] is, 0 for where the arguments have it
   * @param pitch from one row to the next of those, in elements
   */
  void launch(
      GemmF32.Arguments args, long index, long a, long b, long pitch, long slice, long sums) {
    GemmF32.Batch batch = args.batch();
    if (a == 0) {
      mapA.fill(driver, args.a(), batch.offsetA(index));
    } else {
      mapA.fill(driver, a, args.m(), args.k(spec), pitch);
    }
    if (b == 0) {
      mapB.fill(driver, args.b(), batch.offsetB(index));
    } else {
      mapB.fill(driver, b, args.n(), args.k(spec), pitch);
    }
    queue(args, batch.offsetC(index), 1, 0, 0, slice, sums);
  }

  private void queue(
      GemmF32.Arguments args,
      long behind,
      long count,
      int stepsA,
      int stepsB,
      long slice,
      long sums) {
    long slices = Slices.count(args.k(spec), slice);
    // Tiles that an int does not count have a C that no memory holds.
    int all = Math.toIntExact(tiles(args) * slices * count);
    kernel.tensorMap(mapA).tensorMap(mapB);
    Products.output(kernel, args, behind, sums);
    kernel.int64(args.m()).int64(args.n()).int64(args.k(spec)).int64(args.batch().inner());
    Products.epilogue(kernel, spec, sums);
    kernel
        .int32(stepsA)
        .int32(stepsB)
        .int64(slices)
        .int64(slice)
        .int32((int) down(args))
        .int32((int) across(args))
        .int32(all)
        .launch(Math.min(driver.multiprocessors(), all), 1, BLOCK, SHARED);
  }
}
