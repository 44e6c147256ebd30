// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * fake_quant in C: {@code native/src/fake_quant}. Small groups are split over threads whole, large
 * ones in pieces: their statistics, what these add up to, then values and codes.
 */
final class NativeFakeQuant {
  private static final RangeBody<NativeFakeQuant, FakeQuant.Forward> GROUPS =
      NativeFakeQuant::wholeGroups;
  private static final RangeBody<NativeFakeQuant, FakeQuant.Forward> REDUCE =
      NativeFakeQuant::reduceUnits;
  private static final RangeBody<NativeFakeQuant, FakeQuant.Forward> APPLY =
      NativeFakeQuant::applyUnits;
  private static final RangeBody<NativeFakeQuant, FakeQuant.Backward> PASS =
      NativeFakeQuant::passUnits;
  private static final RangeBody<NativeFakeQuant, FakeQuant.Backward> STEP =
      NativeFakeQuant::stepUnits;

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
    if (cut.pieces == 1) {
      pool.forRange(cut.groups, cut.unitsPerChunk(), this, a, GROUPS);
      return;
    }
    parametersAt = cut.units() * 2 * Double.BYTES;
    long parameterBytes = cut.groups * LimbeckH.LB_FAKE_QUANT_PARAMETERS() * Float.BYTES;
    partials = pool.shared().reserve(parametersAt + parameterBytes);
    reduce(a, pool, false);
    if (spec.scheme() == Scheme.TERNARY_TWN) {
      reduce(a, pool, true);
    }
    if (a.y() != null || a.codes() != null) {
      pool.forRange(cut.units(), cut.unitsPerChunk(), this, a, APPLY);
    }
    partials = null;
  }

  private void wholeGroups(FakeQuant.Forward a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_fake_quant_forward$handle()
                  .invokeExact(
                      tier,
                      scheme,
                      spec.bits(),
                      spec.clip(),
                      step,
                      Native.pointer(a.x()),
                      cut.stride(a.x()),
                      Native.optional(a.y()),
                      cut.stride(a.y()),
                      Native.optional(a.codes()),
                      cut.stride(a.codes()),
                      Native.optional(a.scale()),
                      Native.optional(a.zero()),
                      from,
                      to,
                      cut.rows,
                      cut.cols,
                      cut.across);
      Native.check(status, FakeQuant.FORWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void reduce(FakeQuant.Forward a, WorkerPool pool, boolean again) {
    second = again;
    pool.forRange(cut.units(), cut.unitsPerChunk(), this, a, REDUCE);
    try {
      int status =
          (int)
              LimbeckH.lb_fake_quant_parameters$handle()
                  .invokeExact(
                      tier,
                      scheme,
                      again ? 1 : 0,
                      spec.bits(),
                      spec.clip(),
                      step,
                      partials,
                      partials.asSlice(parametersAt),
                      Native.optional(a.scale()),
                      Native.optional(a.zero()),
                      0L,
                      cut.groups,
                      cut.rows,
                      cut.cols);
      Native.check(status, FakeQuant.FORWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void reduceUnits(FakeQuant.Forward a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_fake_quant_reduce$handle()
                  .invokeExact(
                      tier,
                      scheme,
                      spec.clip(),
                      (second ? partials : MemorySegment.NULL).asSlice(second ? parametersAt : 0),
                      Native.pointer(a.x()),
                      cut.stride(a.x()),
                      partials,
                      from,
                      to,
                      cut.rows,
                      cut.cols,
                      cut.across);
      Native.check(status, FakeQuant.FORWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void applyUnits(FakeQuant.Forward a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_fake_quant_apply$handle()
                  .invokeExact(
                      tier,
                      scheme,
                      spec.bits(),
                      spec.clip(),
                      partials.asSlice(parametersAt),
                      Native.pointer(a.x()),
                      cut.stride(a.x()),
                      Native.optional(a.y()),
                      cut.stride(a.y()),
                      Native.optional(a.codes()),
                      cut.stride(a.codes()),
                      from,
                      to,
                      cut.rows,
                      cut.cols,
                      cut.across);
      Native.check(status, FakeQuant.FORWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
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
    double sum = 0;
    for (long unit = 0; unit < cut.units(); unit++) {
      sum += partials.get(ValueLayout.JAVA_DOUBLE, unit * Double.BYTES);
    }
    partials = null;
    double factor = 1 / Math.sqrt((double) a.x().elements() * qp);
    a.gradStep().setFloat(0, 0, (float) (a.gradStep().getFloat(0, 0) + factor * sum));
  }

  private void passUnits(FakeQuant.Backward a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_fake_quant_backward$handle()
                  .invokeExact(
                      tier,
                      spec.clip(),
                      Native.optional(bounded),
                      cut.stride(a.x()),
                      Native.optional(bounds),
                      Native.pointer(a.gradY()),
                      cut.stride(a.gradY()),
                      Native.pointer(a.gradX()),
                      cut.stride(a.gradX()),
                      from,
                      to,
                      cut.rows,
                      cut.cols,
                      cut.across);
      Native.check(status, FakeQuant.BACKWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void stepUnits(FakeQuant.Backward a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_fake_quant_backward_step$handle()
                  .invokeExact(
                      tier,
                      spec.bits(),
                      spec.ste() == Ste.PLAIN ? 1 : 0,
                      step,
                      Native.pointer(a.x()),
                      cut.stride(a.x()),
                      Native.pointer(a.gradY()),
                      cut.stride(a.gradY()),
                      Native.pointer(a.gradX()),
                      cut.stride(a.gradX()),
                      partials,
                      from,
                      to,
                      cut.rows,
                      cut.cols,
                      cut.across);
      Native.check(status, FakeQuant.BACKWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }
}
