// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.PrintWriter;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.limbeck.bench.Work.Bound;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;

/**
 * Turns measurements into lines of the results CSV, each as a percentage of the ceiling of the same
 * number of threads, which must have been added before.
 *
 * <p>No peer is measured here: those columns are empty.
 */
final class Results {
  static final String HEADER =
      "stem,shape,mode,threads,backend,median_ns,gflops,gbps,roofline_pct,"
          + "peer,peer_path,peer_median_ns,ratio";

  private final List<PrintWriter> writers;
  private final Map<Bound, Map<String, Double>> ceilings = new EnumMap<>(Bound.class);

  /** Begins the CSV on each of the writers. */
  Results(List<PrintWriter> writers) {
    this.writers = writers;
    print(HEADER);
  }

  /** Prints a measurement; one of a ceiling also counts for those that follow. */
  void add(Stem stem, RunResult result) {
    BenchmarkParams params = result.getParams();
    Work work = stem.work(params);
    double median = result.getPrimaryResult().getStatistics().getPercentile(50);
    double rate = work.rate(median);
    String threads = params.getParam("threads");
    Map<String, Double> ofBound = ceilings.computeIfAbsent(work.bound(), b -> new HashMap<>());
    if (stem == Stem.CEILING) {
      ofBound.put(threads, rate);
    }
    String backend = stem == Stem.CEILING ? "" : params.getParam("backend");
    print(
        String.format(
            Locale.ROOT,
            "%s,%s,%s,%s,%s,%.0f,%s,%s,%.1f,,,,",
            work.stem(),
            work.shape(),
            work.mode(),
            threads,
            backend,
            median,
            work.flops() == 0 ? "" : String.format(Locale.ROOT, "%.1f", rate),
            work.bytes() == 0 ? "" : String.format(Locale.ROOT, "%.1f", rate),
            100 * rate / ofBound.get(threads)));
  }

  private void print(String line) {
    for (PrintWriter writer : writers) {
      writer.println(line);
      writer.flush();
    }
  }
}
