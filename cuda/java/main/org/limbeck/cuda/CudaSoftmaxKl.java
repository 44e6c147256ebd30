// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.DType;
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
  private static final KernelSignature KEPT = signature("kept", "p l p");
  private static final KernelSignature TOTAL = signature("total", "pp ll p d i p");

  /**
   * The blocks that hold a row.
   *
   * @param threads FORWARD_THREADS and so on in the kernels
   * @param together how many have the registers they need on a multiprocessor
   */
  private record Blocks(int threads, int together) {}

  /** What the kernels in float of some modes, or of top-k teachers, have in common. */
  private enum Family {
    FORWARD("forward", "_resident", new Blocks(448, 2), new Blocks(256, 3)),
    DIRECT("direct", "_resident", new Blocks(320, 2), new Blocks(320, 2)),
    MIXED("mixed", "_resident", new Blocks(320, 2), new Blocks(320, 2)),
    TOP_K("top_k", "", new Blocks(256, 2), new Blocks(256, 2));

    private final String variant;
    private final String resident;

    private final Blocks ofF32;
    private final Blocks ofBf16;

    Family(String variant, String resident, Blocks ofF32, Blocks ofBf16) {
      this.variant = variant;
      this.resident = resident;
      this.ofF32 = ofF32;
      this.ofBf16 = ofBf16;
    }

    Blocks blocks(DType logits) {
      return logits == DType.BF16 ? ofBf16 : ofF32;
    }

    /** Returns the kernel of a warp or of a block on a row. */
    private KernelSignature kernel(DType logits, String team) {
      return ofType(logits, variant + "_" + team);
    }

    /**
     * Returns the kernel of the blocks that hold a row: 1, 4, 8, or "wide", which are 8 with twice
     * the threads, where each fills a multiprocessor.
     */
    private KernelSignature resident(DType logits, Object blocks) {
      return ofType(logits, variant + resident + "_" + blocks);
    }

    static Family of(Spec spec) {
      if (spec.teacher() != Teacher.DENSE) {
        return TOP_K;
      }
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

  // THREADS in the kernels, and EXACT_THREADS.
  private static final int BLOCK = 512;
  private static final int EXACT_BLOCK = 256;

  private static final int[] CLUSTERS = {1, 4, 8};
  private static final int MAX_CLUSTER = 8;
  private static final String WIDE = "wide";

  static final Stem STEM = new Stem(NAME, CudaSoftmaxKl::register, signatures());

  /** Of the logits that a thread reads at once. */
  private static final int GROUP_BYTES = 16;

  /** What a block needs beside its rows: the shared memory of sums, and what the driver takes. */
  private static final int BESIDE_BYTES = 2 << 10;

  private final Context context;
  private final Spec spec;
  private final KernelFunction exact;
  private final KernelFunction kept;
  private final KernelFunction total;
  private final Family family;
  private final Blocks held;

  /** Where rows are short, and where they are too long to be held; null with a top-k teacher. */
  private final KernelFunction warp;

  private final KernelFunction block;

  /** By the number of blocks: 1, 4, 8; null where there are no clusters. */
  private final KernelFunction[] residents = new KernelFunction[MAX_CLUSTER + 1];

  /** For rows of which no two blocks fit on a multiprocessor; null where there is none. */
  private final KernelFunction wide;

  private final long sharedBytes;

  private CudaSoftmaxKl(Context context, Spec spec) {
    this.context = context;
    this.spec = spec;
    DType logits = spec.logits();
    exact = context.function(ofType(logits, "exact"));
    kept = context.function(KEPT);
    total = context.function(TOTAL);
    family = Family.of(spec);
    held = family.blocks(logits);
    boolean dense = family != Family.TOP_K;
    warp = dense ? context.function(family.kernel(logits, "warp")) : null;
    block = dense ? context.function(family.kernel(logits, "block")) : null;
    sharedBytes = context.driver().sharedBytes();
    int bytes = (int) sharedBytes - BESIDE_BYTES;
    boolean clusters = context.driver().clusters();
    for (int blocks : clusters ? CLUSTERS : new int[] {1}) {
      residents[blocks] = context.function(family.resident(logits, blocks)).allowShared(bytes);
    }
    wide =
        dense && clusters
            ? context.function(family.resident(logits, WIDE)).allowShared(bytes)
            : null;
  }

  private static KernelSignature[] signatures() {
    List<KernelSignature> all = new ArrayList<>(List.of(KEPT, TOTAL));
    for (DType logits : List.of(DType.F32, DType.BF16)) {
      all.add(ofType(logits, "exact"));
      for (Family family : Family.values()) {
        for (int blocks : CLUSTERS) {
          all.add(family.resident(logits, blocks));
        }
        if (family != Family.TOP_K) {
          all.add(family.resident(logits, WIDE));
          all.add(family.kernel(logits, "warp"));
          all.add(family.kernel(logits, "block"));
        }
      }
    }
    return all.toArray(KernelSignature[]::new);
  }

  /** Returns a kernel on logits of a type. */
  private static KernelSignature ofType(DType logits, String variant) {
    return signature(logits == DType.BF16 ? "bf16_" + variant : variant, PARAMETERS);
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
      int blocks = blocks(a);
      long todo = 0;
      if (blocks > 0 || block != null) {
        todo = scratch + marks;
        launchFloat(a, blocks, scratch, todo, factor, columns, known);
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

  private void launchFloat(
      Arguments a, int blocks, long losses, long todo, long factor, long columns, double known) {
    long rows = a.student().rows();
    long cols = a.student().cols();
    if (blocks > 0) {
      boolean alone = wide != null && blocks == MAX_CLUSTER && !fit(2, a, blocks);
      KernelFunction kernel = alone ? wide : residents[blocks];
      int threads = alone ? 2 * held.threads() : held.threads();
      arguments(kernel, a, losses, todo, factor, columns, known);
      kernel.launch(rows * blocks, 1, threads, (int) sliceBytes(a, blocks));
    } else if (Rows.warp(cols)) {
      arguments(warp, a, losses, todo, factor, columns, known);
      Rows.launch(warp, rows, cols);
    } else {
      arguments(block, a, losses, todo, factor, columns, known);
      block.launch(rows, BLOCK);
    }
  }

  /** Returns the dynamic shared memory of each of the blocks that hold a row. */
  private static long sliceBytes(Arguments a, int blocks) {
    int elementBytes = a.student().type().bytes();
    long groups =
        Math.ceilDiv(Math.ceilDiv(a.student().cols(), GROUP_BYTES / elementBytes), blocks);
    // Both logits, or the student's as floats and once more those of the top k.
    return a.topIds() == null
        ? 2 * groups * GROUP_BYTES
        : (groups * (GROUP_BYTES / elementBytes) + a.topIds().cols()) * Float.BYTES;
  }

  /** Returns whether a multiprocessor has shared memory for so many of the blocks of rows. */
  private boolean fit(int together, Arguments a, int blocks) {
    return together * (sliceBytes(a, blocks) + BESIDE_BYTES) <= sharedBytes;
  }

  /**
   * Returns how many blocks hold a row: the fewest of which several fit on a multiprocessor, so
   * that one reads while another computes; else as many as there may be; 0 where that is not
   * enough, and where a warp does a row.
   */
  private int blocks(Arguments a) {
    if (warp != null && Rows.warp(a.student().cols())) {
      return 0;
    }
    for (int blocks = 1; blocks <= MAX_CLUSTER; blocks++) {
      if (residents[blocks] != null && fit(held.together(), a, blocks)) {
        return blocks;
      }
    }
    int most = residents[MAX_CLUSTER] == null ? 1 : MAX_CLUSTER;
    return fit(1, a, most) ? most : 0;
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
