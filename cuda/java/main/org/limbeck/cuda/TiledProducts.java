// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

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

  private TiledProducts(Context context, KernelSignature[] kernels, GemmF32.Spec spec) {
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

  /**
   * Returns a kernel of the tiles, or of the wide ones where these suit.
   *
   * @param context the device
   * @param kernels what {@link #signatures} returned
   * @param wide the wide kernel of the transposition, or null if there is none
   * @param spec the specification
   * @param factors the type of the factors
   */
  static Kernel<GemmF32.Arguments> kernel(
      Context context,
      KernelSignature[] kernels,
      KernelSignature wide,
      GemmF32.Spec spec,
      DType factors) {
    TiledProducts tiled = new TiledProducts(context, kernels, spec);
    if (wide == null || !context.driver().warpGroups()) {
      return (args, pool) -> tiled.launch(args);
    }
    WideProducts large = new WideProducts(context, wide, spec, factors);
    return (args, pool) -> {
      if (!large.suits(args)) {
        tiled.launch(args);
      } else if (Products.chunked(args)) {
        large.launch(args);
      } else {
        // As each matrix alone, for the same bits.
        for (long i = 0; i < args.batch().count(); i++) {
          if (WideProducts.chunked(args, i)) {
            large.launch(args, i);
          } else {
            tiled.launchGathered(args, i);
          }
        }
      }
    };
  }

  /** Queues the products of all matrices of a batch. */
  private void launch(GemmF32.Arguments args) {
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
  private void launchGathered(GemmF32.Arguments args, long index) {
    Products.launch(gathered, SMALL, BLOCK, SMALL_SHARED, spec, args, index, index + 1);
  }
}
