// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import java.util.stream.Stream;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.Kernel;

/** attention in CUDA: {@code cuda/src/attention}. */
final class CudaAttention {
  private static final String NAME = "attention";

  /** The columns of a tile of a product; its rows are these or twice as many. */
  private static final int TILE = 64;

  // What the kernels' ints hold, with room for a tile.
  private static final long MAX_SIZE = 1 << 30;

  private static final Variant WEIGHTS = new Variant("weights", "pl pl p pl pl pl iiii ff i");
  private static final Variant CONTEXT = new Variant("context", "pl pl pl iiii");
  private static final Variant GRAD_MAPS = new Variant("grad_maps", "pl pl pl iiii");
  private static final Variant GRAD_KEYS = new Variant("grad_keys", "pl pl pl iiii f");
  private static final Variant GRAD_QUERY = new Variant("grad_query", "pl pl pl pl pl iiii f");

  static final Stem STEM =
      new Stem(
          NAME,
          CudaAttention::register,
          Stream.of(WEIGHTS, CONTEXT, GRAD_MAPS, GRAD_KEYS, GRAD_QUERY)
              .flatMap(Variant::signatures)
              .toList());

  private CudaAttention() {}

  /** The kernels of a product: with tiles of 64 and of 128 rows, in float32 and in tf32. */
  private record Variant(String name, String parameters) {
    private KernelSignature signature(int rows, Precision precision) {
      String suffix = precision == Precision.TF32 ? "_tf32_kernel" : "_kernel";
      return new KernelSignature(NAME, "lb_attention_" + name + "_" + rows + suffix, parameters);
    }

    Stream<KernelSignature> signatures() {
      return Stream.of(Precision.values())
          .flatMap(p -> Stream.of(signature(TILE, p), signature(2 * TILE, p)));
    }

    Tiled of(Context context, Attention.Spec spec) {
      return new Tiled(
          context.function(signature(TILE, spec.precision())),
          context.function(signature(2 * TILE, spec.precision())));
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
    table.add(Attention.CONTEXT, spec -> context(context.get(), spec));
    table.add(Attention.CONTEXT_BACKWARD, spec -> contextBackward(context.get(), spec));
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
    Tiled kernel = WEIGHTS.of(context, spec);
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

  private static Kernel<Attention.Context> context(Context context, Attention.Spec spec) {
    Tiled kernel = CONTEXT.of(context, spec);
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

  private static Kernel<Attention.ContextBackward> contextBackward(
      Context context, Attention.Spec spec) {
    Tiled maps = GRAD_MAPS.of(context, spec);
    Tiled keys = GRAD_KEYS.of(context, spec);
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
    Tiled query = GRAD_QUERY.of(context, spec);
    Tiled keys = GRAD_KEYS.of(context, spec);
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
