// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Locale;

/**
 * What the machine's fused multiply-adds reach at the moment, to see where the host lends less than
 * its processors; needs the Vector API.
 */
final class FmaCeiling implements AutoCloseable {
  private static final long SMALL = 1L << 15;
  private static final int CALLS = 10;

  private final CeilingsBenchmark benchmark;
  private final double flops;
  private double lowest = Double.POSITIVE_INFINITY;

  /** Starts threads and warms up, where the JVM has the Vector API. */
  FmaCeiling(int threads) {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      benchmark = null;
      flops = 0;
      return;
    }
    benchmark = new CeilingsBenchmark();
    benchmark.threads = threads;
    benchmark.shape = SMALL;
    benchmark.warmUpMillis = 0;
    benchmark.open();
    Bench.warmUp(200, benchmark::fma);
    flops = CeilingsBenchmark.fmaFlops(threads);
  }

  /** Measures, the best of some calls. */
  void measure() {
    if (benchmark == null) {
      return;
    }
    long best = Long.MAX_VALUE;
    for (int i = 0; i < CALLS; i++) {
      long begin = System.nanoTime();
      benchmark.fma();
      best = Math.min(best, System.nanoTime() - begin);
    }
    lowest = Math.min(lowest, flops / best);
  }

  /** Returns the lowest measurement in GFLOP/s, or nothing without one. */
  String lowest() {
    return lowest == Double.POSITIVE_INFINITY ? "" : String.format(Locale.ROOT, "%.0f", lowest);
  }

  @Override
  public void close() {
    if (benchmark != null) {
      benchmark.close();
    }
  }
}
