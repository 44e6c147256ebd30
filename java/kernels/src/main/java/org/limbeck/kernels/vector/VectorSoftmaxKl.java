// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.SoftmaxKl.Arguments;
import org.limbeck.kernels.op.SoftmaxKl.Spec;
import org.limbeck.kernels.op.SoftmaxKl.Teacher;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * softmax_kl, Vector API. Row loss sum f(p, q) with p = softmax(u / Tt), q = softmax(z / T); dz =
 * (h - q sum h) / T, h = q df/dq; forward: dz = (q - p) / T.
 *
 * <p>student, teacher, gradStudent, gradTeacher f32 or bf16 [rows, cols], any row stride, aligned
 * to an element; a gradient may lie over its logits. Rows of bf16 are widened into scratch, where
 * their gradients are found too. Removed columns are replaced in a copy of the row. Rows with NaN,
 * infinities (other than -infinity on both sides) or logits beyond 1e30 go to the reference.
 *
 * <p>exp to 2 ulp, sums in float lanes within a block and in double over blocks, divergences from
 * terms of one sign, with a series for |x| below 0.3. Rows are split over threads; row losses are
 * added in the order of the rows by the caller.
 *
 * <p>Forward: the exponentials of both rows, found block by block in one reading, stay in arrays of
 * the thread, 8 bytes an element; loss and gradient come from them and the logits. 2 exps and about
 * 50 flops an element; 8 bytes read, 4 written (bf16: 4 and 2), more where a row pair leaves the
 * second cache level. Factors of the gradient beyond 1e12 or its inverse: the reference. The other
 * modes: two passes over the exponentials, one for the sum of h; with a mixture 2 exps more. Tails:
 * padded to a vector in scratch.
 */
final class VectorSoftmaxKl implements Kernel<Arguments> {
  private static final RangeBody<VectorSoftmaxKl, Arguments> ROWS =
      (kernel, a, scratch, from, to) -> {
        KlRow row = kernel.take();
        row.begin(a, kernel.factor, scratch, kernel.mask, kernel.maskAt, kernel.kept);
        for (long r = from; r < to; r++) {
          kernel.losses.set(ValueLayout.JAVA_DOUBLE, r * Double.BYTES, row.run(r));
        }
        kernel.giveBack(row);
      };

  private final Spec spec;
  private AtomicReferenceArray<KlRow> free = new AtomicReferenceArray<>(0);

  // Of the call in progress.
  private double factor;
  private MemorySegment losses;
  private MemorySegment mask;
  private long maskAt;
  private long kept;

  private VectorSoftmaxKl(Spec spec) {
    this.spec = spec;
  }

  static Support<Arguments> support(Spec spec) {
    if (spec.teacher() != Teacher.DENSE) {
      return new Support.No<>("has no kernel for top-k teachers");
    }
    if (spec.softCap() != 0) {
      return new Support.No<>("has no soft cap of logits");
    }
    if (!ordinary(spec.temperature()) || !ordinary(spec.teacherTemperature())) {
      return new Support.No<>("takes temperatures from 1e-3 to 1e6");
    }
    return new Support.Yes<>(new VectorSoftmaxKl(spec));
  }

  private static boolean ordinary(double temperature) {
    return temperature >= 1e-3 && temperature <= 1e6;
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    long rows = a.student().rows();
    long cols = a.student().cols();
    factor = spec.normaliser().factor(rows, a.rowWeight());
    maskAt = rows * Double.BYTES;
    losses = pool.shared().reserve(maskAt + (a.columnMask() == null ? 0 : cols * Float.BYTES));
    kept = cols;
    mask = null;
    if (a.columnMask() != null) {
      mask = losses;
      kept = widen(a.columnMask(), mask, maskAt);
    }
    if (free.length() < pool.threads()) {
      free = new AtomicReferenceArray<>(pool.threads());
      for (int i = 0; i < free.length(); i++) {
        free.set(i, new KlRow(spec));
      }
    }
    pool.forRange(rows, Lanes.rowsPerChunk(cols), this, a, ROWS);
    if (a.loss() != null) {
      double sum = 0;
      for (long r = 0; r < rows; r++) {
        sum += losses.get(ValueLayout.JAVA_DOUBLE, r * Double.BYTES);
      }
      a.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
  }

  /** Writes a mask as floats and returns how many columns it keeps. */
  private static long widen(Matrix columnMask, MemorySegment to, long at) {
    MemorySegment from = columnMask.segment();
    long fo = columnMask.rowOffsetBytes(0);
    long kept = 0;
    for (long c = 0; c < columnMask.cols(); c++) {
      boolean keep = from.get(ValueLayout.JAVA_BYTE, fo + c) != 0;
      to.set(ValueLayout.JAVA_FLOAT, at + c * Float.BYTES, keep ? 1f : 0f);
      kept += keep ? 1 : 0;
    }
    return kept;
  }

  /** Takes the state of one thread. There are as many as threads, so one is always free. */
  private KlRow take() {
    for (int i = 0; ; i = (i + 1) % free.length()) {
      KlRow row = free.getAndSet(i, null);
      if (row != null) {
        return row;
      }
    }
  }

  private void giveBack(KlRow row) {
    for (int i = 0; ; i = (i + 1) % free.length()) {
      if (free.compareAndSet(i, null, row)) {
        return;
      }
    }
  }
}
