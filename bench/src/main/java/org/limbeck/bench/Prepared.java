// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.cases.StemCases;
import org.limbeck.kernels.Limbeck;

/**
 * A case that was checked and warmed up, ready to be measured. Cold buffers are so many copies of
 * its tensors, used in turn, that none of them is in a cache when its turn comes.
 */
final class Prepared implements AutoCloseable {
  /** What a mode ends with that runs on cold buffers. */
  static final String COLD_SUFFIX = ".cold";

  private static final int MOST_COPIES = 512;
  private static final double FLOPS_CHECKED_IN_FULL = 2e8;
  private static final long BYTES_CHECKED_IN_FULL = 1L << 22;

  private final List<Case> copies = new ArrayList<>();
  private Runnable ours;

  private Prepared() {}

  /**
   * Opens tensors and compares with the reference.
   *
   * @param stem what to measure
   * @param mode what to run of it
   * @param size the sizes of the shape
   * @param cold whether the caches are to miss
   * @param limbeck the library with the backend to measure
   * @param reference the library with the scalar backend
   * @param checked whether this case's results are known to be right, so that only the small shape
   *     is compared
   * @param warmUpMillis how long small work warms the kernels up
   * @throws org.limbeck.bench.cases.DifferenceException if a result differs from the reference's
   */
  static Prepared open(
      StemCases stem,
      String mode,
      long[] size,
      boolean cold,
      Limbeck limbeck,
      Limbeck reference,
      boolean checked,
      int warmUpMillis) {
    try (Case small = stem.openSmall(mode)) {
      Bench.settle(warmUpMillis, small.bind(limbeck));
    }
    try (Case small = stem.openSmall(mode)) {
      small.check(limbeck, reference, true);
    }
    Prepared prepared = new Prepared();
    try {
      Case first = stem.open(mode, size);
      prepared.copies.add(first);
      if (!checked) {
        first.check(limbeck, reference, checkedInFull(first));
      }
      for (int i = 1; i < (cold ? coldCopies(first.footprint()) : 1); i++) {
        prepared.copies.add(stem.open(mode, size));
      }
      prepared.ours = prepared.inTurn(c -> c.bind(limbeck));
      return prepared;
    } catch (RuntimeException | Error e) {
      prepared.close();
      throw e;
    }
  }

  private static boolean checkedInFull(Case c) {
    return c.work().flops() <= FLOPS_CHECKED_IN_FULL && c.footprint() <= BYTES_CHECKED_IN_FULL;
  }

  private static int coldCopies(long footprint) {
    return (int) Math.max(2, Math.min(MOST_COPIES, 2 * Caches.LAST_LEVEL / footprint + 1));
  }

  /** Returns a copy of the case. */
  Case first() {
    return copies.get(0);
  }

  /** Returns our call. */
  Runnable ours() {
    return ours;
  }

  /** Returns a call that goes through the copies. */
  Runnable inTurn(Function<Case, Runnable> binding) {
    Runnable[] calls = copies.stream().map(binding).toArray(Runnable[]::new);
    return calls.length == 1 ? calls[0] : new Turns(calls);
  }

  private static final class Turns implements Runnable {
    private final Runnable[] calls;
    private int next;

    Turns(Runnable[] calls) {
      this.calls = calls;
    }

    @Override
    public void run() {
      calls[next].run();
      next = next + 1 == calls.length ? 0 : next + 1;
    }
  }

  @Override
  public void close() {
    copies.forEach(Case::close);
  }
}
