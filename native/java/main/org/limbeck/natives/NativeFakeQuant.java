// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * fake_quant in C: {@code native/src/fake_quant}. Small groups are split over threads whole, large
 * ones in pieces: their statistics, what these add up to, then values and codes.
 */
final class NativeFakeQuant {
  private static final LibraryCall<NativeFakeQuant, FakeQuant.Forward> GROUPS =
      new LibraryCall<>("lb_fake_quant_forward") {
        @Override
        int call(NativeFakeQuant kernel, FakeQuant.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_fake_quant_forward$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.scheme,
                      kernel.spec.bits(),
                      kernel.spec.clip(),
                      kernel.step,
                      Native.pointer(a.x()),
                      kernel.cut.stride(a.x()),
                      Native.optional(a.y()),
                      kernel.cut.stride(a.y()),
                      Native.optional(a.codes()),
                      kernel.cut.stride(a.codes()),
                      Native.optional(a.scale()),
                      Native.optional(a.zero()),
                      from,
                      to,
                      kernel.cut.rows,
                      kernel.cut.cols,
                      kernel.cut.across);
        }
      };
  private static final LibraryCall<NativeFakeQuant, FakeQuant.Forward> REDUCE =
      new LibraryCall<>("lb_fake_quant_reduce") {
        @Override
        int call(NativeFakeQuant kernel, FakeQuant.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_fake_quant_reduce$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.scheme,
                      kernel.spec.clip(),
                      (kernel.second ? kernel.partials : MemorySegment.NULL)
                          .asSlice(kernel.second ? kernel.parametersAt : 0),
                      Native.pointer(a.x()),
                      kernel.cut.stride(a.x()),
                      kernel.partials,
                      from,
                      to,
                      kernel.cut.rows,
                      kernel.cut.cols,
                      kernel.cut.across);
        }
      };
  private static final LibraryCall<NativeFakeQuant, FakeQuant.Forward> PARAMETERS =
      new LibraryCall<>("lb_fake_quant_parameters") {
        @Override
        int call(NativeFakeQuant kernel, FakeQuant.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_fake_quant_parameters$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.scheme,
                      kernel.second ? 1 : 0,
                      kernel.spec.bits(),
                      kernel.spec.clip(),
                      kernel.step,
                      kernel.partials,
                      kernel.partials.asSlice(kernel.parametersAt),
                      Native.optional(a.scale()),
                      Native.optional(a.zero()),
                      from,
                      to,
                      kernel.cut.rows,
                      kernel.cut.cols);
        }
      };
  private static final LibraryCall<NativeFakeQuant, FakeQuant.Forward> APPLY =
      new LibraryCall<>("lb_fake_quant_apply") {
        @Override
        int call(NativeFakeQuant kernel, FakeQuant.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_fake_quant_apply$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.scheme,
                      kernel.spec.bits(),
                      kernel.spec.clip(),
                      kernel.partials.asSlice(kernel.parametersAt),
                      Native.pointer(a.x()),
                      kernel.cut.stride(a.x()),
                      Native.optional(a.y()),
                      kernel.cut.stride(a.y()),
                      Native.optional(a.codes()),
                      kernel.cut.stride(a.codes()),
                      from,
                      to,
                      kernel.cut.rows,
                      kernel.cut.cols,
                      kernel.cut.across);
        }
      };
  private static final LibraryCall<NativeFakeQuant, FakeQuant.Backward> PASS =
      new LibraryCall<>("lb_fake_quant_backward") {
        @Override
        int call(
            NativeFakeQuant kernel, FakeQuant.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_fake_quant_backward$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.spec.clip(),
                      Native.optional(kernel.bounded),
                      kernel.cut.stride(a.x()),
                      Native.optional(kernel.bounds),
                      Native.pointer(a.gradY()),
                      kernel.cut.stride(a.gradY()),
                      Native.pointer(a.gradX()),
                      kernel.cut.stride(a.gradX()),
                      from,
                      to,
                      kernel.cut.rows,
                      kernel.cut.cols,
                      kernel.cut.across);
        }
      };
  private static final LibraryCall<NativeFakeQuant, FakeQuant.Backward> STEP =
      new LibraryCall<>("lb_fake_quant_backward_step") {
        @Override
        int call(
            NativeFakeQuant kernel, FakeQuant.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_fake_quant_backward_step$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.spec.bits(),
                      kernel.spec.ste() == Ste.PLAIN ? 1 : 0,
                      kernel.step,
                      Native.pointer(a.x()),
                      kernel.cut.stride(a.x()),
                      Native.pointer(a.gradY()),
                      kernel.cut.stride(a.gradY()),
                      Native.pointer(a.gradX()),
                      kernel.cut.stride(a.gradX()),
                      kernel.partials,
                      from,
                      to,
                      kernel.cut.rows,
                      kernel.cut.cols,
                      kernel.cut.across);
        }
      };

  private final int tier;
  private final FakeQuant.Spec spec;
  private final int scheme;
  private final int qp;
  private final boolean boundByScale;
  private final boolean everywhere;

  // Of the call in progress.
  private final FakeQuantCut cut = new FakeQuantCut();
  private float step;
  // Partial statistics of all units, then the parameters of all groups.
  private MemorySegment partials;
  private long parametersAt;
  private boolean second;
  // What bounds the gradient; null where nothing does.
  private Matrix bounded;
  private Matrix bounds;

  private NativeFakeQuant(Tier tier, FakeQuant.Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
    this.scheme = scheme(spec.scheme());
    this.qp = (1 << (spec.bits() - 1)) - 1;
    this.boundByScale = spec.scheme() == Scheme.MIDRISE2 && spec.ste() == Ste.CLIPPED;
    this.everywhere =
        spec.ste() == Ste.PLAIN || !boundByScale && spec.clip() == Float.POSITIVE_INFINITY;
  }

  static Kernel<FakeQuant.Forward> forward(Tier tier, FakeQuant.Spec spec) {
    return new NativeFakeQuant(tier, spec)::run;
  }

  static Kernel<FakeQuant.Backward> backward(Tier tier, FakeQuant.Spec spec) {
    return new NativeFakeQuant(tier, spec)::run;
  }

  private static int scheme(Scheme scheme) {
    return switch (scheme) {
      case TERNARY_TWN -> LimbeckH.LB_FAKE_QUANT_TERNARY();
      case UNIFORM_SYMMETRIC -> LimbeckH.LB_FAKE_QUANT_SYMMETRIC();
      case UNIFORM_MINMAX -> LimbeckH.LB_FAKE_QUANT_MINMAX();
      case LSQ -> LimbeckH.LB_FAKE_QUANT_LSQ();
      case MIDRISE2 -> LimbeckH.LB_FAKE_QUANT_MIDRISE();
      case SIGN -> LimbeckH.LB_FAKE_QUANT_SIGN();
    };
  }

  private static boolean contiguous(Matrix m) {
    return m == null || m.isContiguous();
  }

  private static float step(Matrix step) {
    return step == null ? 1 : step.getFloat(0, 0);
  }

  private void run(FakeQuant.Forward a, WorkerPool pool) {
    cut.cut(spec.group(), a.x(), contiguous(a.x()) && contiguous(a.y()) && contiguous(a.codes()));
    step = step(a.step());
    // One thread does one group after the other, each still in its caches; the sums are the same.
    if (cut.pieces == 1 || pool.threads() == 1) {
      pool.forRange(cut.groups, cut.unitsPerChunk(), this, a, GROUPS);
      return;
    }
    parametersAt = cut.units() * 2 * Double.BYTES;
    long parameterBytes = cut.groups * LimbeckH.LB_FAKE_QUANT_PARAMETERS() * Float.BYTES;
    partials = pool.shared().reserve(parametersAt + parameterBytes);
    int passes = spec.scheme() == Scheme.TERNARY_TWN ? 2 : 1;
    for (int pass = 0; pass < passes; pass++) {
      second = pass == 1;
      pool.forRange(cut.units(), cut.unitsPerChunk(), this, a, REDUCE);
      PARAMETERS.whole(this, a, cut.groups);
    }
    if (a.y() != null || a.codes() != null) {
      pool.forRange(cut.units(), cut.unitsPerChunk(), this, a, APPLY);
    }
    partials = null;
  }

  private void run(FakeQuant.Backward a, WorkerPool pool) {
    boolean lsq = spec.scheme() == Scheme.LSQ;
    if (!lsq && everywhere && a.gradX().sameView(a.gradY())) {
      return;
    }
    cut.cut(
        boundByScale ? spec.group() : FakeQuant.Group.TENSOR,
        a.x(),
        contiguous(a.x()) && contiguous(a.gradY()) && contiguous(a.gradX()));
    if (!lsq) {
      bounded = everywhere ? null : a.x();
      bounds = boundByScale ? a.scale() : null;
      pool.forRange(cut.units(), cut.unitsPerChunk(), this, a, PASS);
      bounded = null;
      bounds = null;
      return;
    }
    step = step(a.step());
    partials = pool.shared().reserve(cut.units() * Double.BYTES);
    pool.forRange(cut.units(), cut.unitsPerChunk(), this, a, STEP);
    double sum = Native.sum(partials, 0, cut.units());
    partials = null;
    double factor = 1 / Math.sqrt((double) a.x().elements() * qp);
    a.gradStep().setFloat(0, 0, (float) (a.gradStep().getFloat(0, 0) + factor * sum));
  }
}
