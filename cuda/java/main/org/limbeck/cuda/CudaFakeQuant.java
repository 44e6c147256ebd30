// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;
import org.limbeck.kernels.op.Kernel;

/**
 * fake_quant in CUDA: {@code cuda/src/fake_quant}. Groups that a warp or a block holds take one
 * kernel; larger ones are cut into pieces: statistics, what these add up to, then levels.
 */
final class CudaFakeQuant {
  private static final String NAME = "fake_quant";
  private static final int EACH = 8;
  private static final int BLOCK = 256;
  private static final int WARP = 32;
  private static final int LARGE_BLOCK = 512;

  /** The bytes of a partial statistic, at most, and of the parameters of a group. */
  private static final int SLOT = 16;

  private static final KernelSignature KEPT_PARTIAL = signature("kept_partial", "pl p p lll l f");
  private static final KernelSignature KEPT_COMBINE = signature("kept_combine", "pp p l");
  private static final KernelSignature BACKWARD = signature("backward", "pl p pl pl lll l f");
  private static final KernelSignature BACKWARD_LSQ =
      signature("backward_lsq", "pl p pl pl p ll ii");
  private static final KernelSignature BACKWARD_STEP = signature("backward_step", "pl p l i");

  static final Stem STEM = new Stem(NAME, CudaFakeQuant::register, kernels());

  private CudaFakeQuant() {}

  private static KernelSignature signature(String variant, String parameters) {
    return new KernelSignature(NAME, "lb_fake_quant_" + variant + "_kernel", parameters);
  }

  /** What the kernels of a scheme are called. */
  private static String name(Scheme scheme) {
    return switch (scheme) {
      case TERNARY_TWN -> "ternary";
      case UNIFORM_SYMMETRIC -> "symmetric";
      case UNIFORM_MINMAX -> "minmax";
      case LSQ, SIGN -> scheme.name().toLowerCase(Locale.ROOT);
      case MIDRISE2 -> "midrise";
    };
  }

  private static KernelSignature group(Scheme scheme, String size) {
    return signature(name(scheme) + "_" + size + "_group", "pl pl pl pp lll l f i");
  }

  private static KernelSignature partial(Scheme scheme) {
    String statistic =
        switch (scheme) {
          case TERNARY_TWN, MIDRISE2, SIGN -> "sum";
          case UNIFORM_SYMMETRIC, LSQ -> "top";
          case UNIFORM_MINMAX -> "range";
        };
    return signature(statistic + "_partial", "pl p lll l f");
  }

  private static KernelSignature combine(Scheme scheme) {
    return signature(name(scheme) + "_combine", "pp ppp ll i");
  }

  private static KernelSignature apply(Scheme scheme) {
    return signature(name(scheme) + "_apply", "pl pl pl p lll l f i");
  }

  private static KernelSignature[] kernels() {
    List<KernelSignature> all = new ArrayList<>();
    for (Scheme scheme : Scheme.values()) {
      if (scheme != Scheme.LSQ) {
        all.add(group(scheme, "warp"));
        all.add(group(scheme, "small"));
        all.add(group(scheme, "large"));
      }
      if (!all.contains(partial(scheme))) {
        all.add(partial(scheme));
      }
      all.add(combine(scheme));
      all.add(apply(scheme));
    }
    all.addAll(List.of(KEPT_PARTIAL, KEPT_COMBINE, BACKWARD, BACKWARD_LSQ, BACKWARD_STEP));
    return all.toArray(KernelSignature[]::new);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(FakeQuant.FORWARD, spec -> forward(context.get(), spec));
    table.add(
        FakeQuant.BACKWARD,
        spec ->
            spec.scheme() == Scheme.LSQ
                ? backwardLsq(context.get(), spec)
                : backward(context.get(), spec));
  }

  /** Sets what kernels call group_rows, group_cols and across. */
  private static KernelFunction cut(
      KernelFunction kernel, FakeQuant.Group group, boolean one, Matrix x) {
    if (one) {
      return kernel.int64(1).int64(x.elements()).int64(1);
    }
    long cols = group.colsIn(x.cols());
    return kernel.int64(group.rowsIn(x.rows())).int64(cols).int64(x.cols() / cols);
  }

  /** Returns the quads of a group. */
  private static long quads(FakeQuant.Group group, boolean one, Matrix x) {
    return one
        ? Math.ceilDiv(x.elements(), 4)
        : group.rowsIn(x.rows()) * Math.ceilDiv(group.colsIn(x.cols()), 4);
  }

  /** Returns whether a matrix can be taken as one row. */
  private static boolean flat(Matrix m) {
    return m == null || m.isContiguous();
  }

  /** Gives a matrix; one that is a single row needs no stride. */
  private static KernelFunction matrix(KernelFunction kernel, boolean one, Matrix m) {
    return kernel.pointer(m).int64(one || m == null ? 0 : m.rowStride());
  }

  private static Kernel<FakeQuant.Forward> forward(Context context, FakeQuant.Spec spec) {
    Scheme scheme = spec.scheme();
    boolean held = scheme != Scheme.LSQ;
    KernelFunction warp = held ? context.function(group(scheme, "warp")) : null;
    KernelFunction small = held ? context.function(group(scheme, "small")) : null;
    KernelFunction large = held ? context.function(group(scheme, "large")) : null;
    Pieces pieces = new Pieces(context, spec);
    return (a, pool) -> {
      Matrix x = a.x();
      boolean one =
          spec.group().equals(FakeQuant.Group.TENSOR) && flat(x) && flat(a.y()) && flat(a.codes());
      long quads = quads(spec.group(), one, x);
      long groups = spec.group().count(x.rows(), x.cols());
      if (!held || quads > EACH * LARGE_BLOCK) {
        pieces.run(a, one, groups, Math.ceilDiv(quads, EACH * BLOCK));
      } else if (quads > EACH * BLOCK) {
        group(large, spec, a, one, groups).launch(groups, LARGE_BLOCK);
      } else if (quads > EACH * WARP) {
        group(small, spec, a, one, groups).launch(groups, BLOCK);
      } else {
        group(warp, spec, a, one, groups).launch(Math.ceilDiv(groups, BLOCK / WARP), BLOCK);
      }
    };
  }

  private static KernelFunction group(
      KernelFunction kernel, FakeQuant.Spec spec, FakeQuant.Forward a, boolean one, long groups) {
    matrix(kernel, one, a.x());
    matrix(kernel, one, a.y());
    matrix(kernel, one, a.codes()).pointer(a.scale()).pointer(a.zero());
    cut(kernel, spec.group(), one, a.x()).int64(groups);
    return kernel.float32(spec.clip()).int32(spec.bits());
  }

  /** The kernels for groups that no block holds. */
  private static final class Pieces {
    private final Context context;
    private final FakeQuant.Spec spec;
    private final KernelFunction partial;
    private final KernelFunction combine;
    private final KernelFunction keptPartial;
    private final KernelFunction keptCombine;
    private final KernelFunction apply;

    Pieces(Context context, FakeQuant.Spec spec) {
      Scheme scheme = spec.scheme();
      boolean ternary = scheme == Scheme.TERNARY_TWN;
      this.context = context;
      this.spec = spec;
      partial = context.function(partial(scheme));
      combine = context.function(combine(scheme));
      keptPartial = ternary ? context.function(KEPT_PARTIAL) : null;
      keptCombine = ternary ? context.function(KEPT_COMBINE) : null;
      apply = context.function(apply(scheme));
    }

    void run(FakeQuant.Forward a, boolean one, long groups, long pieces) {
      long partials = groups * pieces * SLOT;
      long bytes = partials + groups * SLOT;
      long scratch = context.allocator().require(bytes, "the statistics of fake_quant.forward");
      try {
        launch(a, one, groups, pieces, scratch, scratch + partials);
      } finally {
        context.allocator().free(scratch, bytes);
      }
    }

    private void launch(
        FakeQuant.Forward a, boolean one, long groups, long pieces, long partials, long ofGroups) {
      Matrix x = a.x();
      FakeQuant.Group group = spec.group();
      matrix(partial, one, x).address(partials);
      cut(partial, group, one, x).int64(pieces).float32(spec.clip());
      partial.launch(groups * pieces, BLOCK);
      combine
          .address(partials)
          .address(ofGroups)
          .pointer(a.step())
          .pointer(a.scale())
          .pointer(a.zero())
          .int64(pieces)
          .int64(x.elements() / groups)
          .int32(spec.bits())
          .launch(groups, BLOCK);
      if (keptPartial != null) {
        matrix(keptPartial, one, x).address(ofGroups).address(partials);
        cut(keptPartial, group, one, x).int64(pieces).float32(spec.clip());
        keptPartial.launch(groups * pieces, BLOCK);
        keptCombine
            .address(partials)
            .address(ofGroups)
            .pointer(a.scale())
            .int64(pieces)
            .launch(groups, BLOCK);
      }
      if (a.y() != null || a.codes() != null) {
        matrix(apply, one, x);
        matrix(apply, one, a.y());
        matrix(apply, one, a.codes()).address(ofGroups);
        cut(apply, group, one, x).int64(pieces).float32(spec.clip()).int32(spec.bits());
        apply.launch(groups * pieces, BLOCK);
      }
    }
  }

  private static Kernel<FakeQuant.Backward> backward(Context context, FakeQuant.Spec spec) {
    KernelFunction kernel = context.function(BACKWARD);
    boolean plain = spec.ste() == Ste.PLAIN;
    boolean scaled = !plain && spec.scheme() == Scheme.MIDRISE2;
    boolean everywhere = plain || (!scaled && spec.clip() == Float.POSITIVE_INFINITY);
    // Only a bound that groups differ in needs groups.
    FakeQuant.Group group = scaled ? spec.group() : FakeQuant.Group.TENSOR;
    return (a, pool) -> {
      Matrix x = a.x();
      Matrix bounded = everywhere ? null : x;
      boolean one =
          group.equals(FakeQuant.Group.TENSOR)
              && flat(bounded)
              && flat(a.gradY())
              && flat(a.gradX());
      long quads = quads(group, one, x);
      int block = quads <= EACH * WARP ? WARP : BLOCK;
      long pieces = Math.ceilDiv(quads, EACH * block);
      matrix(kernel, one, bounded).pointer(scaled ? a.scale() : null);
      matrix(kernel, one, a.gradY());
      matrix(kernel, one, a.gradX());
      cut(kernel, group, one, x).int64(pieces).float32(spec.clip());
      kernel.launch(group.count(x.rows(), x.cols()) * pieces, block);
    };
  }

  private static Kernel<FakeQuant.Backward> backwardLsq(Context context, FakeQuant.Spec spec) {
    KernelFunction kernel = context.function(BACKWARD_LSQ);
    KernelFunction step = context.function(BACKWARD_STEP);
    return (a, pool) -> {
      Matrix x = a.x();
      boolean one = flat(x) && flat(a.gradY()) && flat(a.gradX());
      long pieces = Math.ceilDiv(quads(spec.group(), one, x), EACH * BLOCK);
      long bytes = pieces * Double.BYTES;
      long partials = context.allocator().require(bytes, "the sums of fake_quant.backward");
      try {
        matrix(kernel, one, x).pointer(a.step());
        matrix(kernel, one, a.gradY());
        matrix(kernel, one, a.gradX());
        kernel
            .address(partials)
            .int64(one ? 1 : x.rows())
            .int64(one ? x.elements() : x.cols())
            .int32(spec.bits())
            .int32(spec.ste() == Ste.PLAIN ? 1 : 0)
            .launch(pieces, BLOCK);
        step.address(partials)
            .int64(pieces)
            .pointer(a.gradStep())
            .int64(x.elements())
            .int32(spec.bits())
            .launch(1, BLOCK);
      } finally {
        context.allocator().free(partials, bytes);
      }
    };
  }
}
