// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;

/** attention in CUDA: {@code cuda/src/attention}. */
final class CudaAttention {
  private static final String NAME = "attention";

  /** The columns of a tile of a product; its rows are these or twice as many. */
  private static final int TILE = 64;

  // What the kernels' ints hold, with room for a tile.
  private static final long MAX_SIZE = 1 << 30;

  private static final Pair WEIGHTS = new Pair("weights", "pl pl p pl pl pl iiii ff i");
  private static final Pair CONTEXT = new Pair("context", "pl pl pl iiii");
  private static final Pair GRAD_MAPS = new Pair("grad_maps", "pl pl pl iiii");
  private static final Pair GRAD_KEYS = new Pair("grad_keys", "pl pl pl iiii f");
  private static final Pair GRAD_QUERY = new Pair("grad_query", "pl pl pl pl pl iiii f");

  static final Stem STEM =
      new Stem(
          NAME,
          CudaAttention::register,
          WEIGHTS.small(),
          WEIGHTS.large(),
          CONTEXT.small(),
          CONTEXT.large(),
          GRAD_MAPS.small(),
          GRAD_MAPS.large(),
          GRAD_KEYS.small(),
          GRAD_KEYS.large(),
          GRAD_QUERY.small(),
          GRAD_QUERY.large());

  private CudaAttention() {}

  /** A kernel with tiles of 64 rows, and the same with 128. */
  private record Pair(KernelSignature small, KernelSignature large) {
    Pair(String variant, String parameters) {
      this(
          new KernelSignature(NAME, "lb_attention_" + variant + "_64_kernel", parameters),
          new KernelSignature(NAME, "lb_attention_" + variant + "_128_kernel", parameters));
    }

    Tiled of(Context context) {
      return new Tiled(context.function(small), context.function(large));
    }
  }

  private record Tiled(KernelFunction small, KernelFunction large) {
    /** Large tiles, unless half of the last one would be empty in a matrix of few. */
    private static boolean isLarge(long rows) {
      return rows > 4 * 2 * TILE || Math.ceilDiv(rows, TILE) % 2 == 0;
    }

    /** Returns the kernel whose tiles suit a product of so many rows. */
    KernelFunction of(long rows) {
      return isLarge(rows) ? large : small;
    }

    /** Queues that kernel: a block for each tile of rows of each example and head, and column. */
    void launch(AttentionShape shape, long rows, long columns) {
      int tile = isLarge(rows) ? 2 * TILE : TILE;
      long blocks = shape.batch() * shape.heads() * Math.ceilDiv(rows, tile) * columns;
      // A tile has a thread for each of its rows.
      of(rows).launch(blocks, tile);
    }
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(Attention.WEIGHTS, spec -> weights(context.get(), spec));
    table.add(Attention.CONTEXT, spec -> context(context.get()));
    table.add(Attention.CONTEXT_BACKWARD, spec -> contextBackward(context.get()));
    table.add(Attention.WEIGHTS_BACKWARD, spec -> weightsBackward(context.get(), spec));
  }

  /** Checks before anything is queued that the kernels' ints hold the sizes. */
  static void check(AttentionShape s) {
    check("rows of scores", s.rows());
    check("keys", s.batch() * s.keys());
  }

  private static void check(String name, long size) {
    if (size > MAX_SIZE) {
      throw new CudaException(
          "attention on CUDA: " + size + " " + name + ", expected at most " + MAX_SIZE);
    }
  }

  /** Returns the width of a head in a matrix that has heads side by side. */
  private static long width(AttentionShape s, Matrix side) {
    check(s);
    check("columns", side.cols());
    return side.cols() / s.heads();
  }

  /** Gives the sizes, which end the arguments of every kernel but for options. */
  private static KernelFunction sizes(KernelFunction kernel, AttentionShape s, long width) {
    return kernel
        .int32((int) s.heads())
        .int32((int) s.queries())
        .int32((int) s.keys())
        .int32((int) width);
  }

  private static Kernel<Attention.Weights> weights(Context context, Attention.Spec spec) {
    Tiled kernel = WEIGHTS.of(context);
    return (a, pool) -> {
      AttentionShape s = a.shape();
      long width = width(s, a.query());
      KernelFunction given =
          kernel
              .of(s.queries())
              .matrix(a.query())
              .matrix(a.key())
              .pointer(a.lengths())
              .matrix(a.mask())
              .matrix(a.scores())
              .matrix(a.maps());
      sizes(given, s, width)
          .float32((float) spec.scale(width))
          .float32(spec.maskedScore())
          .int32(spec.causal() ? 1 : 0);
      kernel.launch(s, s.queries(), 1);
    };
  }

  private static Kernel<Attention.Context> context(Context context) {
    Tiled kernel = CONTEXT.of(context);
    return (a, pool) -> {
      AttentionShape s = a.shape();
      long width = width(s, a.value());
      if (width > 0) {
        sizes(
            kernel.of(s.queries()).matrix(a.maps()).matrix(a.value()).matrix(a.context()),
            s,
            width);
        kernel.launch(s, s.queries(), Math.ceilDiv(width, TILE));
      }
    };
  }

  private static Kernel<Attention.ContextBackward> contextBackward(Context context) {
    Tiled maps = GRAD_MAPS.of(context);
    Tiled keys = GRAD_KEYS.of(context);
    return (a, pool) -> {
      AttentionShape s = a.shape();
      long width = width(s, a.value());
      KernelFunction given =
          maps.of(s.queries()).matrix(a.gradContext()).matrix(a.value()).matrix(a.gradMaps());
      sizes(given, s, width);
      maps.launch(s, s.queries(), Math.ceilDiv(s.keys(), TILE));
      gradKeys(keys, s, width, a.maps(), a.gradContext(), a.gradValue(), 1);
    };
  }

  private static Kernel<Attention.WeightsBackward> weightsBackward(
      Context context, Attention.Spec spec) {
    Tiled query = GRAD_QUERY.of(context);
    Tiled keys = GRAD_KEYS.of(context);
    return (a, pool) -> {
      AttentionShape s = a.shape();
      long width = width(s, a.query());
      float scale = (float) spec.scale(width);
      KernelFunction given =
          query
              .of(s.queries())
              .matrix(a.key())
              .matrix(a.maps())
              .matrix(a.gradMaps())
              .matrix(a.gradScores())
              .matrix(a.gradQuery());
      sizes(given, s, width).float32(scale);
      query.launch(s, s.queries(), 1);
      gradKeys(keys, s, width, a.gradMaps(), a.query(), a.gradKey(), scale);
    };
  }

  /** Queues out = scale M^T X. */
  private static void gradKeys(
      Tiled kernel, AttentionShape s, long width, Matrix m, Matrix x, Matrix out, float scale) {
    if (width > 0) {
      sizes(kernel.of(s.keys()).matrix(m).matrix(x).matrix(out), s, width).float32(scale);
      kernel.launch(s, s.keys(), Math.ceilDiv(width, TILE));
    }
  }
}
