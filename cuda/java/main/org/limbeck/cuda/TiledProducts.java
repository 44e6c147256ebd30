// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.DType;
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

  /** The SHARED_BYTES of all tiles, or a little more. */
  private static final int SHARED = 73_728;

  private final GemmF32.Spec spec;
  private final Products.Tiled small;
  private final Products.Tiled gathered;
  private final Products.Tiled large;
  private final long enough;

  private TiledProducts(Context context, KernelSignature[] kernels, GemmF32.Spec spec) {
    this.spec = spec;
    int first = Products.transposed(spec) * TILES.length;
    small = tiles(context, kernels[first], SMALL);
    gathered = tiles(context, kernels[first + 1], SMALL);
    large = tiles(context, kernels[first + 2], LARGE);
    enough = context.driver().multiprocessors();
  }

  private static Products.Tiled tiles(Context context, KernelSignature signature, int size) {
    KernelFunction function = context.function(signature).allowShared(SHARED);
    return new Products.Tiled(function, size, BLOCK, SHARED);
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
   * Returns products by the tiles, or by the wide ones where these suit.
   *
   * @param context the device
   * @param kernels what {@link #signatures} returned
   * @param wide the wide kernel of the transposition, or null if there is none
   * @param spec the specification
   * @param factors the type of the factors
   */
  static Slices.Product product(
      Context context,
      KernelSignature[] kernels,
      KernelSignature wide,
      GemmF32.Spec spec,
      DType factors) {
    TiledProducts tiled = new TiledProducts(context, kernels, spec);
    if (wide == null || !context.driver().warpGroups()) {
      return tiled::launch;
    }
    WideProducts large =
        new WideProducts(context, wide, spec, spec.transA(), spec.transB(), factors);
    return (args, from, to, terms, sums) -> {
      if (!large.suits(args, terms)) {
        tiled.launch(args, from, to, terms, sums);
      } else if (sums == 0 && Products.chunked(args)) {
        large.launch(args);
      } else {
        // As each matrix alone, for the same bits; one in slices is work enough for the device.
        for (long i = from; i < to; i++) {
          long own = sums == 0 ? 0 : sums + (i - from) * Slices.bytes(spec, args, terms);
          if (WideProducts.chunked(args, i)) {
            large.launch(args, i, terms, own);
          } else {
            tiled.gathered.launch(spec, args, i, i + 1, terms, own);
          }
        }
      }
    };
  }

  private void launch(GemmF32.Arguments args, long from, long to, long terms, long sums) {
    long tiles = Products.tiles(args.c(), LARGE) * Slices.count(args.k(spec), terms);
    Products.Tiled kernel = gathered;
    if (Products.chunked(args)) {
      // Fewer large tiles than would keep the device busy: small ones.
      kernel = tiles * (to - from) >= enough ? large : small;
    }
    kernel.launch(spec, args, from, to, terms, sums);
  }
}
