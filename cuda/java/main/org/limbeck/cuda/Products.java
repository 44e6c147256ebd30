// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;

/** What the products of matrices share: tiles, copies of 16 bytes, launches over a batch. */
final class Products {
  /** What kernels of products of floats take, single or in batches. */
  static final String BATCHED = "plll plll plll p llll ff i l";

  private static final long MAX_GRID_Y = 65_535;
  private static final long CHUNK = 16;

  private Products() {}

  /**
   * Returns the kernels' number of an epilogue's function; the bias is null where there is none.
   */
  static int activation(GemmF32.Epilogue epilogue) {
    return switch (epilogue) {
      case NONE, BIAS -> 0;
      case BIAS_GELU -> 1;
      case BIAS_RELU -> 2;
    };
  }

  /** Returns the place of a transposition among nn, nt, tn and tt. */
  static int transposed(GemmF32.Spec spec) {
    return (spec.transA() ? 2 : 0) + (spec.transB() ? 1 : 0);
  }

  /** Returns how many square tiles cover a matrix. */
  static long tiles(Matrix c, int size) {
    return Math.ceilDiv(c.rows(), size) * Math.ceilDiv(c.cols(), size);
  }

  /**
   * Returns whether every row, so many elements behind where it is, begins at a multiple of 16
   * bytes.
   */
  static boolean chunked(Matrix m, long behind) {
    long address = m.buffer().address() + m.offsetBytes() + behind * m.type().bytes();
    return (address | m.rowStrideBytes()) % CHUNK == 0;
  }

  /** Returns whether every row of both factors of every matrix begins at a multiple of 16 bytes. */
  static boolean chunked(GemmF32.Arguments args) {
    GemmF32.Batch batch = args.batch();
    long bytes = args.a().type().bytes();
    boolean outer = batch.outer() == 1 || (batch.outerA() | batch.outerB()) * bytes % CHUNK == 0;
    boolean inner = batch.inner() == 1 || (batch.innerA() | batch.innerB()) * bytes % CHUNK == 0;
    return outer && inner && chunked(args.a(), 0) && chunked(args.b(), 0);
  }

  /** Queues a kernel of {@link #BATCHED} parameters, a block for each square tile. */
  static void launch(
      KernelFunction kernel,
      int tile,
      int block,
      int sharedBytes,
      GemmF32.Spec spec,
      GemmF32.Arguments args) {
    launch(kernel, tile, block, sharedBytes, spec, args, 0, args.batch().count());
  }

  /** Queues a kernel as the other does, for the matrices from one on to another. */
  static void launch(
      KernelFunction kernel,
      int tile,
      int block,
      int sharedBytes,
      GemmF32.Spec spec,
      GemmF32.Arguments args,
      long from,
      long to) {
    GemmF32.Batch batch = args.batch();
    long tiles = tiles(args.c(), tile);
    for (long first = from; first < to; first += MAX_GRID_Y) {
      kernel
          .matrix(args.a())
          .int64(batch.outerA())
          .int64(batch.innerA())
          .matrix(args.b())
          .int64(batch.outerB())
          .int64(batch.innerB())
          .matrix(args.c())
          .int64(batch.outerC())
          .int64(batch.innerC())
          .pointer(args.bias())
          .int64(args.m())
          .int64(args.n())
          .int64(args.k(spec))
          .int64(batch.inner())
          .float32(spec.alpha())
          .float32(spec.beta())
          .int32(activation(spec.epilogue()))
          .int64(first)
          .launch(tiles, Math.min(MAX_GRID_Y, to - first), block, sharedBytes);
    }
  }
}
