// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What a paired run gave. Ours and the peer's alternate; a calibration loop runs between all of
 * them, and a pair beside which it moved is discarded.
 *
 * @param nanos the median time of a call of ours
 * @param peerNanos that of the peer's; NaN without a peer
 * @param ratio the median of the ratios peer / ours; NaN without a peer
 * @param spread half the interquartile range of the ratios, or of our times without a peer, as a
 *     share of the median
 * @param ourSpread that of our times
 * @param kept the pairs that count
 * @param taken all pairs
 */
record Paired(
    double nanos,
    double peerNanos,
    double ratio,
    double spread,
    double ourSpread,
    int kept,
    int taken) {
  /** A pair beside which the calibration loop moved by more is discarded. */
  static final double CALIBRATION_BOUND = 0.05;

  /** Fewer pairs that count leave the measurement to chance. */
  static final int FEWEST_PAIRS = 3;

  private static final int MOST_PAIRS = 51;
  private static final int USUAL_PAIRS = 5;

  /** Where a pair takes longer, the fewest do. */
  private static final double LONG_PAIR_NANOS = 2.5e8;

  /** So many are taken, and no more, to find enough that count. */
  private static final int PATIENCE = 15;

  /** Of a longer call it does not matter whether threads are awake. */
  private static final double LONG_CALL_NANOS = 2e7;

  /**
   * Of short calls a side takes so many parts and counts the middle one: where another process gets
   * a processor, it has it for about as long as a part takes.
   */
  private static final int PARTS = 3;

  /** A shorter part of a side is repeated: the clock and the change of code would count. */
  private static final double SHORTEST_PART_NANOS = 1.5e6;

  /**
   * Measures.
   *
   * @param ours our call
   * @param peer the peer's; null for none
   * @param rest waits until the peer's threads rest
   * @param calibration a loop of fixed work on all threads
   * @param millis about how long it may take; some pairs are taken in any case
   * @param once whether to take one pair of one call each, for a check
   */
  static Paired run(
      Runnable ours, Runnable peer, Runnable rest, Runnable calibration, int millis, boolean once) {
    Runnable other = peer == null ? () -> {} : peer;
    Side ourSide = once ? Side.once(ours) : Side.of(ours);
    Side peerSide = once || peer == null ? Side.once(other) : Side.of(other);
    Side loop = new Side(calibration, 1, true);
    int most = once ? 1 : MOST_PAIRS;
    double[] our = new double[most];
    double[] their = new double[most];
    double[] loops = new double[most + 1];
    long end = System.nanoTime() + millis * 1_000_000L;
    loops[0] = loop.nanos();
    int taken = 0;
    int usual = USUAL_PAIRS;
    while (taken < most
        && (taken < usual
            || System.nanoTime() < end
            || (taken < PATIENCE && undisturbed(loops, taken).length < FEWEST_PAIRS))) {
      if (taken % 2 == 0) {
        our[taken] = ourSide.nanos();
        their[taken] = peerSide.nanos();
        rest.run();
      } else {
        their[taken] = peerSide.nanos();
        rest.run();
        our[taken] = ourSide.nanos();
      }
      if (our[taken] * ourSide.calls + their[taken] * peerSide.calls > LONG_PAIR_NANOS) {
        usual = FEWEST_PAIRS;
      }
      taken++;
      loops[taken] = loop.nanos();
    }
    return summary(our, their, loops, taken, peer != null);
  }

  /** Summarises pairs; loop i ran before pair i, loop i + 1 after it. */
  static Paired summary(double[] our, double[] their, double[] loops, int taken, boolean hasPeer) {
    int[] still = undisturbed(loops, taken);
    // Too few would be worse than disturbed ones; the count tells.
    int[] used = still.length >= FEWEST_PAIRS ? still : IntStream.range(0, taken).toArray();
    double[] ours = pick(our, used);
    double[] ratios = new double[used.length];
    for (int i = 0; i < used.length; i++) {
      ratios[i] = hasPeer ? their[used[i]] / our[used[i]] : our[used[i]];
    }
    double middle = quantile(ratios, 0.5);
    return new Paired(
        quantile(ours, 0.5),
        hasPeer ? quantile(pick(their, used), 0.5) : Double.NaN,
        hasPeer ? middle : Double.NaN,
        spread(ratios),
        spread(ours),
        still.length,
        taken);
  }

  private static int[] undisturbed(double[] loops, int taken) {
    double usual = quantile(Arrays.copyOf(loops, taken + 1), 0.5);
    return IntStream.range(0, taken)
        .filter(i -> near(loops[i], usual) && near(loops[i + 1], usual))
        .toArray();
  }

  private static boolean near(double loop, double usual) {
    return Math.abs(loop / usual - 1) <= CALIBRATION_BOUND;
  }

  private static double[] pick(double[] values, int[] indices) {
    return Arrays.stream(indices).mapToDouble(i -> values[i]).toArray();
  }

  private static double spread(double[] values) {
    return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / quantile(values, 0.5);
  }

  private static double quantile(double[] values, double share) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    double at = share * (sorted.length - 1);
    int low = (int) at;
    int high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  }

  /**
   * A side of a pair.
   *
   * @param work a call
   * @param calls how many are timed in a part
   * @param isShort whether it has several parts, and one more call goes before them, which wakes up
   *     the threads they need
   */
  private record Side(Runnable work, int calls, boolean isShort) {
    static Side once(Runnable work) {
      return new Side(work, 1, false);
    }

    /** Finds out how long calls take; the first one is not counted. */
    static Side of(Runnable work) {
      work.run();
      double first = time(work, 1);
      if (first >= SHORTEST_PART_NANOS) {
        return new Side(work, 1, first < LONG_CALL_NANOS);
      }
      int trial = (int) Math.min(1000, Math.max(1, SHORTEST_PART_NANOS / first / 4));
      double usual = Math.max(1, time(work, trial));
      return new Side(work, (int) Math.max(1, Math.ceil(SHORTEST_PART_NANOS / usual)), true);
    }

    /** Returns the time of a call. */
    double nanos() {
      if (!isShort) {
        return time(work, calls);
      }
      work.run();
      double[] parts = new double[PARTS];
      for (int i = 0; i < PARTS; i++) {
        parts[i] = time(work, calls);
      }
      return quantile(parts, 0.5);
    }

    private static double time(Runnable work, int calls) {
      long begin = System.nanoTime();
      for (int i = 0; i < calls; i++) {
        work.run();
      }
      return (double) (System.nanoTime() - begin) / calls;
    }
  }
}
