// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.op.GemmF32;

/**
 * The kernels of {@code LB_TILED_PRODUCTS} in {@code float_product.h}, for one kind of factors:
 * tiles of 128 x 128, of 64 x 64, and those for rows of any alignment. All have the same bits.
 */
final class TiledProducts {
  private static final String[] TRANSPOSITIONS = {"nn", "nt", "tn", "tt"};
  private static final String[] TILES = {"small", "gathered", "large"};

  private static final int SMALL = 64;
  private static final int LARGE = 128;
  private static final int BLOCK = 128;

  // SHARED_BYTES of the tiles.
  private static final int SMALL_SHARED = 65_536;
  private static final int LARGE_SHARED = 73_728;

  private final GemmF32.Spec spec;
  private final KernelFunction small;
  private final KernelFunction gathered;
  private final KernelFunction large;
  private final long enough;

  /**
   * Makes the launches of a specification.
   *
   * @param context the device
   * @param kernels what {@link #signatures} returned
   * @param spec the specification
   */
  TiledProducts(Context context, KernelSignature[] kernels, GemmF32.Spec spec) {
    this.spec = spec;
    int first = Products.transposed(spec) * TILES.length;
    small = context.function(kernels[first]).allowShared(SMALL_SHARED);
    gathered = context.function(kernels[first + 1]).allowShared(SMALL_SHARED);
    large = context.function(kernels[first + 2]).allowShared(LARGE_SHARED);
    enough = context.driver().multiprocessors();
  }

  /**
   * Returns the kernels of a stem.
   *
   * @param stem the stem
   * @param kind what stands behind the transposition in the names, as {@code "_tf32"}
   */
  static KernelSignature[] signatures(String stem, String kind) {
    KernelSignature[] kernels = new KernelSignature[TRANSPOSITIONS.length * TILES.length];
    int i = 0;
    for (String transposition : TRANSPOSITIONS) {
      for (String tile : TILES) {
        String name = "lb_" + stem + "_" + transposition + kind + "_" + tile + "_kernel";
        kernels[i++] = new KernelSignature(stem, name, Products.BATCHED);
      }
    }
    return kernels;
  }

  /** Queues the products of all matrices of a batch. */
  void launch(GemmF32.Arguments args) {
    if (!Products.chunked(args)) {
      Products.launch(gathered, SMALL, BLOCK, SMALL_SHARED, spec, args);
    } else if (Products.tiles(args.c(), LARGE) * args.batch().count() >= enough) {
      Products.launch(large, LARGE, BLOCK, LARGE_SHARED, spec, args);
    } else {
      // Fewer large tiles than would keep the device busy.
      Products.launch(small, SMALL, BLOCK, SMALL_SHARED, spec, args);
    }
  }

  /** Queues the product of one matrix of a batch, whatever the alignment of its rows. */
  void launchGathered(GemmF32.Arguments args, long index) {
    Products.launch(gathered, SMALL, BLOCK, SMALL_SHARED, spec, args, index, index + 1);
  }
}
