// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.SoftmaxKl.Arguments;
import org.limbeck.kernels.op.SoftmaxKl.Mode;
import org.limbeck.kernels.op.SoftmaxKl.Spec;
import org.limbeck.kernels.scalar.ScalarSoftmaxKl;

/** The rows that one thread does for {@link VectorSoftmaxKl}: the order of passes and blocks. */
final class KlRow {
  /** Of a row at once where seven arrays of scratch are filled. */
  private static final long SMALL_BLOCK = 1024L * Float.BYTES;

  // Offsets in scratch. CLAMPED is a block for logits brought into bounds. The distance of the
  // arrays is no multiple of 4096: stores to one and loads from another would be taken for the
  // same address.
  private static final long LANES = 0;
  private static final long TAIL_Z = 4 * Tail.SLOT_BYTES;
  private static final long TAIL_U = 5 * Tail.SLOT_BYTES;
  private static final long TAIL_G = 6 * Tail.SLOT_BYTES;
  private static final long CLAMPED = 8 * Tail.SLOT_BYTES;
  private static final long ARRAYS = CLAMPED + RowExps.BLOCK;
  private static final long STEP = SMALL_BLOCK + 2 * Tail.SLOT_BYTES;
  // Of a forward divergence the arrays hold x and zeros.
  private static final long ZEROS = ARRAYS + RowExps.BLOCK;
  private static final long STAGED = ZEROS + RowExps.BLOCK;

  /** Gradients of another size than this are not made from products in float. */
  private static final double LARGEST_FACTOR = 1e12;

  /** Squares of larger differences would overflow. */
  private static final float LARGEST_SQUARED = 1e15f;

  /** Beyond this difference of the tops the logits are brought together before subtracting. */
  private static final float SHIFTED = 16;

  private final Spec spec;
  private final ScalarSoftmaxKl reference;
  private final boolean forwardOnly;
  private final boolean mixes;
  private final boolean squares;
  private final boolean narrow;
  private final float inverseZ;
  private final float inverseU;
  private final RowExps student;
  private final RowExps teacher;
  private final RowExps hardStudent;

  // A block of gradients on their way to a segment.
  private final float[] result = new float[(int) (RowExps.BLOCK / Float.BYTES)];

  // Of the call.
  private Arguments a;
  private double factor;
  private MemorySegment scratch;
  private MemorySegment mask;
  private long maskAt;
  private long kept;
  private long bytes;
  private long whole;
  private long line;

  // Of the row: where its logits are, and what the passes find.
  private MemorySegment zs;
  private long zo;
  private MemorySegment us;
  private long uo;
  // And where its gradients go, null if they are not wanted.
  private MemorySegment gs;
  private long go;
  private MemorySegment ts;
  private long to;
  private double entropy;
  private float shift;
  private float offset;
  private double loss;
  private double sumH;
  private double sumK;

  KlRow(Spec spec) {
    this.spec = spec;
    reference = new ScalarSoftmaxKl(spec);
    student = new RowExps(spec.temperature());
    teacher = new RowExps(spec.teacherTemperature());
    hardStudent = spec.temperature() == 1 ? student : new RowExps(1);
    inverseZ = student.inverse();
    inverseU = teacher.inverse();
    boolean unskewed = spec.alpha() == 0 && spec.mode() == Mode.SKEW_FORWARD_KL;
    forwardOnly =
        (spec.mode() == Mode.FORWARD_KL || spec.mode() == Mode.SOFT_CE || unskewed)
            && !spec.twoSided();
    squares = spec.mode() == Mode.LOGIT_MSE;
    narrow = spec.logits() == DType.BF16;
    mixes =
        spec.mode() == Mode.JS
            || (spec.alpha() != 0
                && (spec.mode() == Mode.SKEW_FORWARD_KL || spec.mode() == Mode.SKEW_REVERSE_KL));
  }

  /** Takes up a chunk of rows of a call. */
  void begin(
      Arguments arguments,
      double callFactor,
      Workspace workspace,
      MemorySegment columnMask,
      long columnMaskAt,
      long keptColumns) {
    a = arguments;
    factor = callFactor;
    mask = columnMask;
    maskAt = columnMaskAt;
    kept = keptColumns;
    bytes = a.student().cols() * Float.BYTES;
    whole = Lanes.wholeBytes(bytes);
    line = (bytes + 3 * Tail.SLOT_BYTES) & -Tail.SLOT_BYTES;
    scratch = workspace.reserve(STAGED + (narrow ? 3 : 2) * line);
    student.reserve(bytes);
    teacher.reserve(bytes);
    hardStudent.reserve(spec.hardWeight() == 0 ? 0 : bytes);
  }

  /** Does a row and returns its part of the loss before the normaliser. */
  double run(long r) {
    long label = spec.hardWeight() == 0 ? -1 : a.labels().getLong(0, r);
    boolean hard = spec.hardWeight() != 0 && label != spec.ignoreIndex();
    float weight = a.rowWeight() == null ? 1 : a.rowWeight().getFloat(0, r);
    boolean soft = weight != 0 && spec.softWeight() != 0 && kept > 0;
    double softFactor = spec.softWeight() * spec.scale() * weight;
    if (soft && forwardOnly && !foldable(softFactor * factor)) {
      return reference.row(a, r, factor);
    }
    placeGradients(r, hard);
    if (soft || hard) {
      place(r, soft, hard);
      if ((soft && !statistics(hard)) || (hard && !hardStatistics(soft))) {
        return reference.row(a, r, factor);
      }
    }
    double divergence = 0;
    if (soft) {
      divergence = divergence(softFactor * factor);
    } else {
      clear(gs, go);
      clear(ts, to);
    }
    double crossEntropy = hard ? hard(label) : 0;
    if (factor == 0) {
      clear(gs, go);
      clear(ts, to);
    }
    if (narrow) {
      narrow(gs, go, a.gradStudent(), r);
      narrow(ts, to, a.gradTeacher(), r);
    }
    if (a.rowLoss() != null) {
      a.rowLoss()
          .setDouble(0, r, spec.softWeight() * divergence + spec.hardWeight() * crossEntropy);
    }
    return (soft ? softFactor * divergence : 0) + spec.hardWeight() * crossEntropy;
  }

  /** Whether a divergence times this factor loses nothing in float. */
  private boolean foldable(double coefficient) {
    double by = Math.abs(coefficient / spec.temperature());
    return by == 0 || (by >= 1 / LARGEST_FACTOR && by <= LARGEST_FACTOR);
  }

  private void clear(MemorySegment s, long at) {
    if (s == null) {
      return;
    }
    for (long i = 0; i < bytes; i += Float.BYTES) {
      s.set(ValueLayout.JAVA_FLOAT, at + i, 0f);
    }
  }

  private void narrow(MemorySegment s, long at, Matrix gradient, long r) {
    if (s != null) {
      Bf16Rows.narrow(s, at, gradient.segment(), gradient.rowOffsetBytes(r), a.student().cols());
    }
  }

  /**
   * Finds where gradients go; of bfloat16 first over the widened logits, if they are not needed.
   */
  private void placeGradients(long r, boolean hard) {
    gs = segment(a.gradStudent());
    ts = segment(a.gradTeacher());
    if (narrow) {
      go = hard ? STAGED + 2 * line : STAGED;
      to = STAGED + line;
    } else {
      go = gs == null ? 0 : a.gradStudent().rowOffsetBytes(r);
      to = ts == null ? 0 : a.gradTeacher().rowOffsetBytes(r);
    }
  }

  private MemorySegment segment(Matrix gradient) {
    return gradient == null ? null : narrow ? scratch : gradient.segment();
  }

  /**
   * Finds the row, or copies it: widened, without masked columns, or to outlive a gradient in
   * place.
   */
  private void place(long r, boolean soft, boolean hard) {
    zs = a.student().segment();
    zo = a.student().rowOffsetBytes(r);
    if (soft) {
      us = a.teacher().segment();
      uo = a.teacher().rowOffsetBytes(r);
    }
    if (narrow) {
      Bf16Rows.widen(zs, zo, scratch, STAGED, a.student().cols());
      studentIsStaged();
      if (soft) {
        Bf16Rows.widen(us, uo, scratch, STAGED + line, a.student().cols());
        teacherIsStaged();
      }
    }
    // A square of 0 is 0; for a softmax the floor is as good as -infinity.
    float removed = squares && !hard ? 0 : KlLeaves.FLOOR;
    if (mask != null) {
      KlLeaves.stage(zs, zo, mask, maskAt, scratch, STAGED, bytes, removed);
      studentIsStaged();
      if (soft) {
        KlLeaves.stage(us, uo, mask, maskAt, scratch, STAGED + line, bytes, removed);
        teacherIsStaged();
      }
    } else if (hard && !narrow) {
      MemorySegment.copy(zs, zo, scratch, STAGED, bytes);
      studentIsStaged();
    }
  }

  private void studentIsStaged() {
    zs = scratch;
    zo = STAGED;
  }

  private void teacherIsStaged() {
    us = scratch;
    uo = STAGED + line;
  }

  // Statistics.

  /** Finds what the soft term needs; returns false for a row that the reference must do. */
  private boolean statistics(boolean hard) {
    if (squares) {
      return !(hard && mask != null) && squarable(us, uo) && squarable(zs, zo);
    }
    if (!teacher.scan(us, uo, bytes, scratch, CLAMPED, TAIL_U, LANES)
        || !student.scan(zs, zo, bytes, scratch, CLAMPED, TAIL_Z, LANES)) {
      return false;
    }
    if (student.floored() || teacher.floored()) {
      if (hard || !KlLeaves.floorsMatch(zs, zo, us, uo, bytes)) {
        return false;
      }
      raiseToFloor();
    }
    float apart = student.top() - teacher.top();
    shift = Math.abs(apart) <= SHIFTED ? 0 : apart;
    double rest = (double) student.top() - teacher.top() - shift;
    offset = (float) (rest * inverseZ + (student.logSum() - teacher.logSum()));
    entropy = spec.mode() == Mode.SOFT_CE ? entropy() : 0;
    return true;
  }

  /** Statistics of the student at temperature 1; returns false for a row for the reference. */
  private boolean hardStatistics(boolean soft) {
    boolean known = soft && !squares && hardStudent == student;
    return (known || hardStudent.scan(zs, zo, bytes, scratch, CLAMPED, TAIL_Z, LANES))
        && !hardStudent.floored();
  }

  /** Whether all squares of differences are finite. */
  private boolean squarable(MemorySegment s, long at) {
    return ExpSum.within(s, at, bytes, LARGEST_SQUARED, scratch, TAIL_Z);
  }

  /** The entropy of the teacher, for - sum p log q. */
  private double entropy() {
    double mean = 0;
    for (long i = 0; i < whole; i += RowExps.BLOCK) {
      long n = Math.min(RowExps.BLOCK, whole - i);
      float dot =
          KlLeaves.dot(
              us, uo + i, count(n), teacher.top(), teacher.exps(), RowExps.at(i), scratch, LANES);
      mean += (double) dot * teacher.scale(i, inverseU);
    }
    if (whole < bytes) {
      Tail.pad(us, uo + whole, bytes - whole, scratch, TAIL_U, KlLeaves.FLOOR);
      int exps = RowExps.at(whole);
      float dot =
          KlLeaves.dot(
              scratch, TAIL_U, Lanes.FLOATS, teacher.top(), teacher.exps(), exps, scratch, LANES);
      mean += (double) dot * teacher.scale(whole, inverseU);
    }
    return teacher.logSum() - mean;
  }

  /** Goes on with copies of the rows in which the floor stands for -infinity. */
  private void raiseToFloor() {
    raiseToFloor(zs, zo, STAGED);
    raiseToFloor(us, uo, STAGED + line);
    studentIsStaged();
    teacherIsStaged();
  }

  private void raiseToFloor(MemorySegment s, long at, long to) {
    float floor = KlLeaves.FLOOR;
    ExpSum.clamp(s, at, scratch, to, whole, 0, floor, -floor);
    for (long i = whole; i < bytes; i += Float.BYTES) {
      float value = Math.max(s.get(ValueLayout.JAVA_FLOAT, at + i), floor);
      scratch.set(ValueLayout.JAVA_FLOAT, to + i, value);
    }
  }

  // The soft term.

  private double divergence(double coefficient) {
    loss = 0;
    if (forwardOnly || squares) {
      double by = coefficient * (squares ? 2 : 1 / spec.temperature());
      onePass(by == 0 ? null : gs, (float) by);
      if (by == 0) {
        // Not before the logits, over which they may lie, have been read.
        clear(gs, go);
      }
      return spec.mode() == Mode.SOFT_CE ? loss + entropy : loss;
    }
    sumH = 0;
    sumK = 0;
    twoPasses(null, null, 0, 0, 0, 0);
    double total = loss;
    if (gs != null || ts != null) {
      twoPasses(
          gs,
          ts,
          (float) sumH,
          (float) sumK,
          (float) (coefficient / spec.temperature()),
          (float) (coefficient / spec.teacherTemperature()));
    }
    return total;
  }

  private void padTails() {
    Tail.pad(zs, zo + whole, bytes - whole, scratch, TAIL_Z, KlLeaves.FLOOR);
    Tail.pad(us, uo + whole, bytes - whole, scratch, TAIL_U, KlLeaves.FLOOR);
  }

  /** Loss and gradient together, block by block. */
  private void onePass(MemorySegment g, float by) {
    for (long i = 0; i < whole; i += RowExps.BLOCK) {
      long n = Math.min(RowExps.BLOCK, whole - i);
      onePassBlock(i, zs, zo + i, us, uo + i, g, go + i, n, n, by);
    }
    if (whole < bytes) {
      padTails();
      long rest = bytes - whole;
      onePassBlock(whole, scratch, TAIL_Z, scratch, TAIL_U, g, go + whole, Lanes.BYTES, rest, by);
    }
  }

  /** Does n bytes of logits, and stores the gradient of the first {@code kept} bytes. */
  private void onePassBlock(
      long i,
      MemorySegment z,
      long zAt,
      MemorySegment u,
      long uAt,
      MemorySegment g,
      long gAt,
      long n,
      long kept,
      float by) {
    int at = RowExps.at(i);
    int count = count(n);
    if (squares) {
      loss += KlLeaves.squares(z, zAt, u, uAt, result, 0, count, by, scratch, LANES);
    } else {
      // Without a gradient the loss still has a factor, which is taken out again.
      double fold = g == null ? 1 : by;
      float q = student.scale(i, fold);
      float p = -teacher.scale(i, fold);
      float[] ez = student.exps();
      float[] eu = teacher.exps();
      float sum;
      if (shift == 0 && inverseZ == inverseU) {
        sum =
            KlLeaves.forward(
                z, zAt, u, uAt, ez, eu, at, result, count, inverseZ, offset, q, p, scratch, LANES);
      } else {
        ratios(z, zAt, u, uAt, n);
        MemorySegment m = scratch;
        sum =
            KlLeaves.forward(m, ZEROS, m, ARRAYS, ez, eu, at, result, count, 1, 0, q, p, m, LANES);
      }
      loss += sum / fold;
    }
    if (g != null) {
      MemorySegment.copy(result, 0, g, ValueLayout.JAVA_FLOAT, gAt, count(kept));
    }
  }

  /** Fills two blocks of scratch with -x and with zeros. */
  private void ratios(MemorySegment z, long zAt, MemorySegment u, long uAt, long n) {
    float change = inverseZ - inverseU;
    KlLeaves.ratios(
        z, zAt, u, uAt, n, inverseZ, change, teacher.top(), shift, offset, scratch, ARRAYS);
    for (long i = 0; i < n; i += Float.BYTES) {
      scratch.set(ValueLayout.JAVA_FLOAT, ZEROS + i, 0f);
    }
  }

  private static int count(long n) {
    return (int) (n / Float.BYTES);
  }

  /**
   * Without gradients: the loss and the sums of h and k. With them: the gradients from these sums,
   * over h and k computed again.
   */
  private void twoPasses(
      MemorySegment dz, MemorySegment du, float h, float k, float byStudent, float byTeacher) {
    for (long i = 0; i < whole; i += SMALL_BLOCK) {
      long n = Math.min(SMALL_BLOCK, whole - i);
      block(i, zs, zo + i, us, uo + i, n);
      if (dz != null) {
        KlLeaves.chain(scratch, ARRAYS + 4 * STEP, ARRAYS + STEP, h, byStudent, dz, go + i, n);
      }
      if (du != null) {
        KlLeaves.chain(scratch, ARRAYS + 5 * STEP, ARRAYS, k, byTeacher, du, to + i, n);
      }
    }
    if (whole == bytes) {
      return;
    }
    padTails();
    long n = Lanes.BYTES;
    block(whole, scratch, TAIL_Z, scratch, TAIL_U, n);
    if (dz != null) {
      KlLeaves.chain(scratch, ARRAYS + 4 * STEP, ARRAYS + STEP, h, byStudent, scratch, TAIL_G, n);
      Tail.unpad(scratch, TAIL_G, dz, go + whole, bytes - whole);
    }
    if (du != null) {
      KlLeaves.chain(scratch, ARRAYS + 5 * STEP, ARRAYS, k, byTeacher, scratch, TAIL_G, n);
      Tail.unpad(scratch, TAIL_G, du, to + whole, bytes - whole);
    }
  }

  /** Fills the arrays of scratch for a block and adds to loss, sumH and sumK. */
  private void block(long at, MemorySegment z, long zAt, MemorySegment u, long uAt, long n) {
    for (long i = 0; i < 3 * Lanes.BYTES; i += Float.BYTES) {
      scratch.set(ValueLayout.JAVA_FLOAT, LANES + i, 0f);
    }
    KlLeaves.probabilities(
        z,
        zAt,
        u,
        uAt,
        student.exps(),
        teacher.exps(),
        RowExps.at(at),
        count(n),
        inverseZ,
        inverseZ - inverseU,
        teacher.top(),
        shift,
        offset,
        student.scale(at, 1),
        teacher.scale(at, 1),
        scratch,
        ARRAYS,
        STEP);
    KlLeaves.series(scratch, ARRAYS + 2 * STEP, ARRAYS + 6 * STEP, n);
    KlLeaves.differences(scratch, ARRAYS, STEP, n);
    if (mixes) {
      mixedBlock(n);
    } else {
      switch (spec.mode()) {
        case REVERSE_KL, SKEW_REVERSE_KL -> KlLeaves.direct(scratch, ARRAYS, STEP, n, 0, 1, LANES);
        case SYMMETRIC_KL -> KlLeaves.direct(scratch, ARRAYS, STEP, n, 0.5f, 0.5f, LANES);
        case TOTAL_VARIATION -> KlLeaves.variation(scratch, ARRAYS, STEP, n, LANES);
        default -> KlLeaves.direct(scratch, ARRAYS, STEP, n, 1, 0, LANES);
      }
    }
    if (!mixes) {
      loss += Lanes.sum(scratch, LANES);
    }
    sumH += Lanes.sum(scratch, LANES + Lanes.BYTES);
    sumK += Lanes.sum(scratch, LANES + 2 * Lanes.BYTES);
  }

  private void mixedBlock(long n) {
    double alpha = spec.alpha();
    double weight =
        spec.mode() == Mode.JS
            ? spec.beta()
            : spec.mode() == Mode.SKEW_FORWARD_KL ? alpha : 1 - alpha;
    float w = (float) weight;
    float logWeight = (float) Math.log(w);
    float logRest = (float) Math.log(1 - w);
    KlLeaves.mixture(scratch, ARRAYS, STEP, n, logWeight, logRest);
    long v = ARRAYS + 4 * STEP;
    ExpSum.store(scratch, v, scratch, v, true, n, 0, 1, scratch);
    KlLeaves.mixtureNear(scratch, ARRAYS, STEP, n, 1 - w);
    KlLeaves.mixtureLog(scratch, ARRAYS, STEP, n);
    switch (spec.mode()) {
      case JS -> mixed(n, w, w, 1 - w, 1 - w, 0, 0);
      case SKEW_FORWARD_KL -> mixed(n, w, 1, 0, 0, 1 - w, 0);
      default -> mixed(n, w, 0, 1, 1, 0, (float) alpha);
    }
  }

  private void mixed(
      long n,
      float weight,
      float teacherPart,
      float studentPart,
      float logPart,
      float ratioP,
      float ratioQ) {
    if (teacherPart != 0) {
      loss += teacherPart * mixedLoss(n, weight, ARRAYS, ARRAYS + 4 * STEP);
    }
    if (studentPart != 0) {
      KlLeaves.mixtureStudent(scratch, ARRAYS, STEP, n);
      loss += studentPart * mixedLoss(n, weight, ARRAYS + STEP, ARRAYS + 5 * STEP);
    }
    KlLeaves.mixedParts(
        scratch, ARRAYS, STEP, n, weight, teacherPart, logPart, ratioP, ratioQ, LANES);
  }

  private float mixedLoss(long n, float weight, long of, long logAt) {
    KlLeaves.series(scratch, logAt, ARRAYS + 6 * STEP, n);
    return KlLeaves.mixedLoss(scratch, ARRAYS, STEP, n, weight, of, logAt, LANES);
  }

  // The hard term.

  /** Returns the cross-entropy with the label and adds its gradient. */
  private double hard(long label) {
    float top = hardStudent.top();
    double smoothing = spec.labelSmoothing();
    double logSum = hardStudent.logSum();
    float gold = zs.get(ValueLayout.JAVA_FLOAT, zo + label * Float.BYTES);
    double crossEntropy = (1 - smoothing) * (logSum - ((double) gold - top));
    if (smoothing != 0) {
      crossEntropy += smoothing * (logSum - sumFromTop(top) / kept);
    }
    if (gs == null) {
      return crossEntropy;
    }
    double by = spec.hardWeight() * factor;
    float uniform = (float) (by * smoothing / kept);
    for (long i = 0; i < whole; i += RowExps.BLOCK) {
      long n = Math.min(RowExps.BLOCK, whole - i);
      float scale = hardStudent.scale(i, by);
      KlLeaves.addHard(
          zs, zo + i, gs, go + i, hardStudent.exps(), RowExps.at(i), count(n), scale, uniform);
    }
    if (whole < bytes) {
      Tail.pad(zs, zo + whole, bytes - whole, scratch, TAIL_Z, KlLeaves.FLOOR);
      Tail.pad(gs, go + whole, bytes - whole, scratch, TAIL_G, 0);
      float scale = hardStudent.scale(whole, by);
      float[] exps = hardStudent.exps();
      int at = RowExps.at(whole);
      KlLeaves.addHard(scratch, TAIL_Z, scratch, TAIL_G, exps, at, Lanes.FLOATS, scale, uniform);
      Tail.unpad(scratch, TAIL_G, gs, go + whole, bytes - whole);
    }
    long at = go + label * Float.BYTES;
    float soFar = gs.get(ValueLayout.JAVA_FLOAT, at);
    gs.set(ValueLayout.JAVA_FLOAT, at, (float) (soFar - by * (1 - smoothing)));
    return crossEntropy;
  }

  private double sumFromTop(float top) {
    double sum = 0;
    for (long i = 0; i < whole; i += RowExps.BLOCK) {
      sum += KlLeaves.sum(zs, zo + i, Math.min(RowExps.BLOCK, whole - i), top, scratch, LANES);
    }
    if (whole < bytes) {
      Tail.pad(zs, zo + whole, bytes - whole, scratch, TAIL_Z, KlLeaves.FLOOR);
      sum += KlLeaves.sum(scratch, TAIL_Z, Lanes.BYTES, top, scratch, LANES);
    }
    return sum;
  }
}
