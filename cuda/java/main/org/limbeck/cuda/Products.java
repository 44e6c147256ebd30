// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;

/** What products of matrices share: tiles, copies of 16 bytes, outputs, launches over a batch. */
final class Products {
  /** What kernels of products of floats take, single or in batches. */
  static final String BATCHED = "plll plll plll p llll ff i ll";

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
    return tiles(c.rows(), c.cols(), size);
  }

  /** Returns how many square tiles cover a matrix of such sizes. */
  static long tiles(long rows, long cols, int size) {
    return Math.ceilDiv(rows, size) * Math.ceilDiv(cols, size);
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

  /**
   * Gives where a kernel writes, its strides and the bias: parameters {@code plll p}.
   *
   * @param behind where C begins, in elements behind the first of the batch
   * @param sums where the sums of slices go instead, without strides and bias; 0 for C
   */
  static void output(KernelFunction kernel, GemmF32.Arguments args, long behind, long sums) {
    if (sums != 0) {
      kernel.address(sums).int64(Slices.pitch(args.n())).int64(0).int64(0).address(0);
      return;
    }
    Matrix c = args.c();
    kernel
        .address(c.buffer().address() + c.offsetBytes() + behind * Float.BYTES)
        .int64(c.rowStride())
        .int64(args.batch().outerC())
        .int64(args.batch().innerC())
        .pointer(args.bias());
  }

  /**
   * Gives what is done to a sum: parameters {@code ff i}; nothing where sums of slices are wanted.
   */
  static void epilogue(KernelFunction kernel, GemmF32.Spec spec, long sums) {
    if (sums != 0) {
      kernel.float32(1).float32(0).int32(activation(GemmF32.Epilogue.NONE));
    } else {
      kernel.float32(spec.alpha()).float32(spec.beta()).int32(activation(spec.epilogue()));
    }
  }

  /**
   * A kernel of {@link #BATCHED} parameters.
   *
   * @param function the kernel, a block for each square tile
   * @param tile the rows and columns of a tile
   * @param block the threads of a block
   * @param sharedBytes dynamic shared memory
   */
  record Tiled(KernelFunction function, int tile, int block, int sharedBytes) {
    /** Queues it for some matrices of a batch, with the parameters of {@link Slices.Product}. */
    void launch(
        GemmF32.Spec spec, GemmF32.Arguments args, long from, long to, long terms, long sums) {
      GemmF32.Batch batch = args.batch();
      long k = args.k(spec);
      for (long first = from; first < to; first += MAX_GRID_Y) {
        function
            .matrix(args.a())
            .int64(batch.outerA())
            .int64(batch.innerA())
            .matrix(args.b())
            .int64(batch.outerB())
            .int64(batch.innerB());
        output(function, args, 0, sums);
        function.int64(args.m()).int64(args.n()).int64(k).int64(batch.inner());
        epilogue(function, spec, sums);
        long matrices = Math.min(MAX_GRID_Y, to - first);
        function
            .int64(first)
            .int64(terms)
            .launch(tiles(args.c(), tile), matrices, Slices.count(k, terms), block, sharedBytes);
      }
    }
  }
}
