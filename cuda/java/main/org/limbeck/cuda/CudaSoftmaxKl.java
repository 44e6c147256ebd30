// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.kernels.op.SoftmaxKl.Arguments;
import org.limbeck.kernels.op.SoftmaxKl.Mode;
import org.limbeck.kernels.op.SoftmaxKl.Spec;
import org.limbeck.kernels.op.SoftmaxKl.Teacher;
import org.limbeck.kernels.parallel.WorkerPool;

/** softmax_kl in CUDA: {@code cuda/src/softmax_kl}. */
final class CudaSoftmaxKl implements Kernel<Arguments> {
  private static final String NAME = "softmax_kl";
  private static final String PARAMETERS = "pl pl pl pl l ppp pl pl pp p pp lll ii ddddddddd";
  private static final KernelSignature EXACT = signature("exact", PARAMETERS);
  private static final KernelSignature KEPT = signature("kept", "p l p");
  private static final KernelSignature TOTAL = signature("total", "pp ll p d i p");

  /** What the kernels in float of a mode have in common. */
  private enum Family {
    FORWARD,
    DIRECT,
    MIXED;

    private final KernelSignature warp = signature("warp");
    private final KernelSignature block = signature("block");
    private final KernelSignature one = signature("resident_1");
    private final KernelSignature four = signature("resident_4");
    private final KernelSignature eight = signature("resident_8");

    private KernelSignature signature(String variant) {
      return CudaSoftmaxKl.signature(name().toLowerCase() + "_" + variant, PARAMETERS);
    }

    static Family of(Spec spec) {
      return switch (spec.mode()) {
        case FORWARD_KL -> spec.twoSided() ? DIRECT : FORWARD;
        case SOFT_CE, LOGIT_MSE -> FORWARD;
        case REVERSE_KL, SYMMETRIC_KL, TOTAL_VARIATION -> DIRECT;
        case JS -> MIXED;
          // A skew of 0 leaves one of the two rows.
        case SKEW_FORWARD_KL -> spec.alpha() == 0 ? FORWARD : MIXED;
        case SKEW_REVERSE_KL -> spec.alpha() == 0 ? DIRECT : MIXED;
      };
    }
  }

  static final Stem STEM =
      new Stem(
          NAME,
          CudaSoftmaxKl::register,
          EXACT,
          KEPT,
          TOTAL,
          Family.FORWARD.warp,
          Family.FORWARD.block,
          Family.FORWARD.one,
          Family.FORWARD.four,
          Family.FORWARD.eight,
          Family.DIRECT.warp,
          Family.DIRECT.block,
          Family.DIRECT.one,
          Family.DIRECT.four,
          Family.DIRECT.eight,
          Family.MIXED.warp,
          Family.MIXED.block,
          Family.MIXED.one,
          Family.MIXED.four,
          Family.MIXED.eight);

  // THREADS in the kernels, and EXACT_THREADS.
  private static final int BLOCK = 512;
  private static final int EXACT_BLOCK = 256;

  private static final int MAX_CLUSTER = 8;

  /** Both logits of four columns. */
  private static final int QUAD_BYTES = 2 * 4 * Float.BYTES;

  /** What a block needs beside its rows: the shared memory of sums, and what the driver takes. */
  private static final int BESIDE_BYTES = 4 << 10;

  private final Context context;
  private final Spec spec;
  private final KernelFunction exact;
  private final KernelFunction kept;
  private final KernelFunction total;
  private final KernelFunction warp;
  private final KernelFunction block;

  /** By the number of blocks: 1, 4, 8; null where there are no clusters. */
  private final KernelFunction[] residents = new KernelFunction[MAX_CLUSTER + 1];

  private final long sharedBytes;

  private CudaSoftmaxKl(Context context, Spec spec) {
    this.context = context;
    this.spec = spec;
    exact = context.function(EXACT);
    kept = context.function(KEPT);
    total = context.function(TOTAL);
    Family family = Family.of(spec);
    warp = context.function(family.warp);
    block = context.function(family.block);
    int bytes = context.driver().sharedBytes() - BESIDE_BYTES;
    sharedBytes = bytes;
    residents[1] = context.function(family.one).allowShared(bytes);
    if (context.driver().clusters()) {
      residents[4] = context.function(family.four).allowShared(bytes);
      residents[8] = context.function(family.eight).allowShared(bytes);
    }
  }

  private static KernelSignature signature(String variant, String parameters) {
    return new KernelSignature(NAME, "lb_softmax_kl_" + variant + "_kernel", parameters);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(SoftmaxKl.OP, spec -> new CudaSoftmaxKl(context.get(), spec));
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    long rows = a.student().rows();
    long cols = a.student().cols();
    // In scratch: the losses of rows, the factor, the kept columns, the marks of rows.
    long marks = (rows + 2) * Long.BYTES;
    long bytes = marks + rows * Integer.BYTES;
    long scratch = context.allocator().require(bytes, "the row losses of softmax_kl");
    try {
      boolean weighted =
          spec.normaliser().kind() == Normaliser.Kind.MEAN_WEIGHTS && a.rowWeight() != null;
      long factor = weighted ? scratch + rows * Long.BYTES : 0;
      double known = weighted ? 0 : spec.normaliser().factor(rows, null);
      if (weighted) {
        total.address(0).pointer(a.rowWeight()).int64(rows).int64(rows).address(0).float64(1);
        total.int32(1).address(factor).launch(1, BLOCK);
      }
      long columns = 0;
      if (a.columnMask() != null) {
        columns = scratch + (rows + 1) * Long.BYTES;
        kept.pointer(a.columnMask()).int64(cols).address(columns).launch(1, BLOCK);
      }
      long todo = 0;
      if (spec.teacher() == Teacher.DENSE) {
        todo = scratch + marks;
        launchDense(a, scratch, todo, factor, columns, known);
      }
      arguments(exact, a, scratch, todo, factor, columns, known);
      exact.launch(Math.min(rows, 4L * context.driver().multiprocessors()), EXACT_BLOCK);
      if (a.loss() != null) {
        total.address(scratch).address(0).int64(rows).int64(rows).address(factor).float64(known);
        total.int32(0).pointer(a.loss()).launch(1, BLOCK);
      }
    } finally {
      context.allocator().free(scratch, bytes);
    }
  }

  private void launchDense(
      Arguments a, long losses, long todo, long factor, long columns, double known) {
    long rows = a.student().rows();
    long cols = a.student().cols();
    if (Rows.warp(cols)) {
      arguments(warp, a, losses, todo, factor, columns, known);
      Rows.launch(warp, rows, cols);
      return;
    }
    int blocks = blocks(cols);
    KernelFunction kernel = blocks == 0 ? block : residents[blocks];
    arguments(kernel, a, losses, todo, factor, columns, known);
    if (blocks == 0) {
      kernel.launch(rows, BLOCK);
    } else {
      kernel.launch(rows * blocks, 1, BLOCK, (int) sliceBytes(cols, blocks));
    }
  }

  private static long sliceBytes(long cols, int blocks) {
    return Math.ceilDiv(Math.ceilDiv(cols, 4), blocks) * QUAD_BYTES;
  }

  /**
   * Returns how many blocks hold a row: the fewest of which two fit on a multiprocessor, so that one
   * reads while the other computes; else as many as there may be; 0 where that is not enough.
   */
  private int blocks(long cols) {
    for (int blocks = 1; blocks <= MAX_CLUSTER; blocks++) {
      if (residents[blocks] != null && sliceBytes(cols, blocks) <= sharedBytes / 2) {
        return blocks;
      }
    }
    boolean fits = residents[MAX_CLUSTER] != null && sliceBytes(cols, MAX_CLUSTER) <= sharedBytes;
    return fits ? MAX_CLUSTER : 0;
  }

  private void arguments(
      KernelFunction kernel,
      Arguments a,
      long losses,
      long todo,
      long factor,
      long columns,
      double known) {
    kernel
        .matrix(a.student())
        .matrix(a.teacher())
        .matrix(a.topIds())
        .matrix(a.topProbabilities())
        .int64(a.topIds() == null ? 0 : a.topIds().cols())
        .pointer(a.rowWeight())
        .pointer(a.columnMask())
        .pointer(a.labels())
        .matrix(a.gradStudent())
        .matrix(a.gradTeacher())
        .pointer(a.rowLoss())
        .address(losses)
        .address(todo)
        .address(factor)
        .address(columns)
        .int64(a.student().rows())
        .int64(a.student().cols())
        .int64(spec.ignoreIndex())
        .int32(mode(spec.mode()))
        .int32(teacher(spec.teacher()))
        .float64(spec.temperature())
        .float64(spec.teacherTemperature())
        .float64(weight(spec))
        .float64(spec.softCap())
        .float64(spec.softWeight())
        .float64(spec.scale())
        .float64(spec.hardWeight())
        .float64(spec.labelSmoothing())
        .float64(known);
  }

  private static int mode(Mode mode) {
    return switch (mode) {
      case FORWARD_KL -> 0;
      case REVERSE_KL -> 1;
      case SYMMETRIC_KL -> 2;
      case JS -> 3;
      case SKEW_FORWARD_KL -> 4;
      case SKEW_REVERSE_KL -> 5;
      case SOFT_CE -> 6;
      case TOTAL_VARIATION -> 7;
      case LOGIT_MSE -> 8;
    };
  }

  private static int teacher(Teacher teacher) {
    return switch (teacher) {
      case DENSE -> 0;
      case TOP_K_RAW -> 1;
      case TOP_K_RENORM -> 2;
      case TOP_K_TAIL -> 3;
      case TOP_K_BOTH_RENORM -> 4;
    };
  }

  /** Returns the weight of the teacher's row in the mixture that a mode compares with. */
  private static double weight(Spec spec) {
    return switch (spec.mode()) {
      case JS -> spec.beta();
      case SKEW_REVERSE_KL -> 1 - spec.alpha();
      default -> spec.alpha();
    };
  }
}
