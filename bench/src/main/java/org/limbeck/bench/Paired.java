// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What a paired run gave. Ours and the peer's alternate, each after a calibration loop that takes
 * as long as usual; a pair beside which it did not is discarded.
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
  /** Fewer pairs that count leave the measurement to chance. */
  static final int FEWEST_PAIRS = 3;

  private static final int MOST_PAIRS = 51;
  private static final int USUAL_PAIRS = 5;

  /** Where a pair takes longer, the fewest do. */
  private static final double LONG_PAIR_NANOS = 1e8;

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
   * @param calibration tells whether the threads have their processors to themselves
   * @param millis about how long it may take; some pairs are taken in any case
   * @param once whether to take one pair of one call each, for a check
   */
  static Paired run(
      Runnable ours,
      Runnable peer,
      Runnable rest,
      Calibration calibration,
      int millis,
      boolean once) {
    Runnable other = peer == null ? () -> {} : peer;
    Side ourSide = once ? Side.once(ours) : Side.of(ours);
    Side peerSide = once || peer == null ? Side.once(other) : Side.of(other);
    int most = once ? 1 : MOST_PAIRS;
    double[] our = new double[most];
    double[] their = new double[most];
    boolean[] undisturbed = new boolean[most];
    int kept = 0;
    long end = System.nanoTime() + millis * 1_000_000L;
    int taken = 0;
    int usual = USUAL_PAIRS;
    while (taken < most
        && (taken < usual
            || System.nanoTime() < end
            || (taken < PATIENCE && kept < FEWEST_PAIRS))) {
      boolean alone = calibration.await();
      if (taken % 2 == 0) {
        our[taken] = ourSide.nanos();
        alone &= peer == null || calibration.await();
        their[taken] = peerSide.nanos();
        rest.run();
      } else {
        their[taken] = peerSide.nanos();
        rest.run();
        alone &= peer == null || calibration.await();
        our[taken] = ourSide.nanos();
      }
      if (our[taken] * ourSide.calls + their[taken] * peerSide.calls > LONG_PAIR_NANOS) {
        usual = FEWEST_PAIRS;
      }
      undisturbed[taken] = alone && calibration.isUsual();
      kept += undisturbed[taken] ? 1 : 0;
      taken++;
    }
    return summary(our, their, Arrays.copyOf(undisturbed, taken), peer != null);
  }

  /** Summarises pairs, of which those that are undisturbed count. */
  static Paired summary(double[] our, double[] their, boolean[] undisturbed, boolean hasPeer) {
    int[] all = IntStream.range(0, undisturbed.length).toArray();
    int[] still = Arrays.stream(all).filter(i -> undisturbed[i]).toArray();
    // Too few would be worse than disturbed ones; the count tells.
    int[] used = still.length >= FEWEST_PAIRS ? still : all;
    double[] ours = pick(our, used);
    double[] ratios = new double[used.length];
    for (int i = 0; i < used.length; i++) {
      ratios[i] = hasPeer ? their[used[i]] / our[used[i]] : our[used[i]];
    }
    double middle = Quantiles.of(ratios, 0.5);
    return new Paired(
        Quantiles.of(ours, 0.5),
        hasPeer ? Quantiles.of(pick(their, used), 0.5) : Double.NaN,
        hasPeer ? middle : Double.NaN,
        spread(ratios),
        spread(ours),
        still.length,
        all.length);
  }

  private static double[] pick(double[] values, int[] indices) {
    return Arrays.stream(indices).mapToDouble(i -> values[i]).toArray();
  }

  private static double spread(double[] values) {
    return (Quantiles.of(values, 0.75) - Quantiles.of(values, 0.25))
        / 2
        / Quantiles.of(values, 0.5);
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
      return Quantiles.of(parts, 0.5);
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
