// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

/**
 * Products with too few tiles for a device, whose sums are cut along k: {@code slices.h}. Belongs
 * to one operation object.
 *
 * <p>Slices depend on the sizes of one matrix alone, and so do the bits of a result: neither on the
 * batch nor on the device.
 */
final class Slices {
  /** Slices::THREADS in the kernels. */
  private static final int BLOCK = 256;

  private static final int TILE = 128;

  /**
   * The tiles that are computed at a time: two on each of the 132 multiprocessors of an H100. Other
   * devices of its class have nearly as many, and their number may not decide about bits.
   */
  private static final long PLACES = 2 * 132;

  /**
   * The sums of a slice are written and read once more: 8 bytes for 2 x 512 operations take the
   * second cache level about as long as these take the tensor cores in bf16.
   */
  private static final long FEWEST_TERMS = 512;

  /**
   * Shorter sums have too few slices: small tiles keep a device about as busy, without another
   * kernel that adds.
   */
  private static final long SHORTEST = 2048;

  /** Slices begin at multiples of 128 bytes, whatever the factors: whole steps of every kernel. */
  private static final long STEP = 64;

  /** The tiles of a batch whose sums wait at a time: 33 MiB, which the second cache level keeps. */
  private static final long WAITING = 2 * PLACES;

  /** Queues kernels that multiply. */
  @FunctionalInterface
  interface Product {
    /**
     * Queues the products of the matrices of a batch from one on to another, or the sums of their
     * slices.
     *
     * @param args all matrices
     * @param from the first matrix
     * @param to the matrix behind the last
     * @param terms the terms of a slice; k where sums are not cut
     * @param sums where the sums of slices go, F32 [to - from, slices, m, pitch]; 0: products go
     *     into C
     */
    void launch(GemmF32.Arguments args, long from, long to, long terms, long sums);
  }

  private final CachingAllocator allocator;
  private final KernelFunction add;
  private final GemmF32.Spec spec;
  private final Product product;

  private Slices(Context context, KernelSignature add, GemmF32.Spec spec, Product product) {
    this.allocator = context.allocator();
    this.add = context.function(add);
    this.spec = spec;
    this.product = product;
  }

  /** Returns the kernel that adds slices in the image of a stem. */
  static KernelSignature signature(String stem) {
    return new KernelSignature(stem, "lb_" + stem + "_add_slices_kernel", "pll plll p lll ff i l");
  }

  /**
   * Returns the kernel of an operation.
   *
   * @param context the device
   * @param add what {@link #signature} returned
   * @param spec the specification
   * @param product the kernels that multiply
   */
  static Kernel<GemmF32.Arguments> kernel(
      Context context, KernelSignature add, GemmF32.Spec spec, Product product) {
    Slices slices = new Slices(context, add, spec, product);
    return (args, pool) -> slices.run(args);
  }

  /**
   * Returns the terms of a slice, k where sums are not cut. They are cut where large tiles take
   * less than two thirds of the places, into the fewest slices that take four fifths of them, in
   * several rounds if need be, or else into as many as there may be.
   *
   * @param m the rows of C
   * @param n the columns of C
   * @param k the length of the sums
   */
  static long terms(long m, long n, long k) {
    long tiles = Products.tiles(m, n, TILE);
    if (k < SHORTEST || 3 * tiles >= 2 * PLACES) {
      return k;
    }
    long slices = 2;
    while (slices < k / FEWEST_TERMS && !taken(tiles * slices)) {
      slices++;
    }
    return up(Math.ceilDiv(k, slices), STEP);
  }

  private static boolean taken(long blocks) {
    return 5 * blocks >= 4 * up(blocks, PLACES);
  }

  private static long up(long count, long multiple) {
    return Math.ceilDiv(count, multiple) * multiple;
  }

  /** Returns the number of slices of so many terms, 1 for k = 0. */
  static long count(long k, long terms) {
    return k <= terms ? 1 : Math.ceilDiv(k, terms);
  }

  /** Returns the row stride of sums: rows begin at multiples of 16 bytes. */
  static long pitch(long n) {
    return up(n, 4);
  }

  /** Returns how many bytes the sums of one matrix take, in slices of so many terms. */
  static long bytes(GemmF32.Spec spec, GemmF32.Arguments args, long terms) {
    return count(args.k(spec), terms) * args.m() * pitch(args.n()) * Float.BYTES;
  }

  private void run(GemmF32.Arguments args) {
    long matrices = args.batch().count();
    long k = args.k(spec);
    long terms = terms(args.m(), args.n(), k);
    if (terms == k) {
      product.launch(args, 0, matrices, k, 0);
      return;
    }
    long tiles = Products.tiles(args.c(), TILE) * count(k, terms);
    long together = Math.clamp(WAITING / tiles, 1, matrices);
    long each = bytes(spec, args, terms);
    long sums = allocator.require(together * each, "the sums of slices");
    try {
      for (long from = 0; from < matrices; from += together) {
        long to = Math.min(matrices, from + together);
        product.launch(args, from, to, terms, sums);
        add(args, from, to, count(k, terms), sums);
      }
    } finally {
      allocator.free(sums, together * each);
    }
  }

  private void add(GemmF32.Arguments args, long from, long to, long slices, long sums) {
    long pitch = pitch(args.n());
    add.address(sums).int64(pitch).int64(slices);
    Products.output(add, args, 0, 0);
    add.int64(args.m()).int64(args.n()).int64(args.batch().inner());
    Products.epilogue(add, spec, 0);
    add.int64(from).launch(Math.ceilDiv(args.m() * pitch / 4, BLOCK), to - from, BLOCK, 0);
  }
}
