// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Runs the benchmarks and sets each time against the machine's ceilings from the same run: a CSV on
 * the standard output, progress on the standard error stream.
 *
 * <p>The columns are those of the project's results; no peer is measured here, so those are empty.
 */
public final class Main {
  private static final String HEADER =
      "stem,shape,mode,threads,backend,median_ns,gflops,gbps,roofline_pct,"
          + "peer,peer_path,peer_median_ns,ratio";

  private final double[] gflopsPeak = new double[3];
  private final double[] copyGbps = new double[3];

  private Main() {}

  /**
   * Runs the benchmarks.
   *
   * @param arguments a regular expression that selects benchmarks; the ceilings always run
   * @throws RunnerException if JMH cannot run
   */
  public static void main(String[] arguments) throws RunnerException {
    String include = arguments.length > 0 ? arguments[0] : ".*Benchmark.*";
    System.out.println(HEADER);
    Main main = new Main();
    List<RunResult> results = new ArrayList<>(main.run("CeilingsBenchmark"));
    results.addAll(main.run(include));
    results.stream().filter(r -> name(r).startsWith("Ceilings")).forEach(main::noteCeiling);
    results.forEach(r -> System.out.println(main.row(r)));
  }

  private Collection<RunResult> run(String include) throws RunnerException {
    return new Runner(
            new OptionsBuilder()
                .include(include)
                .exclude(include.startsWith("Ceilings") ? "^$" : "CeilingsBenchmark")
                .forks(1)
                .warmupIterations(3)
                .warmupTime(TimeValue.seconds(1))
                .measurementIterations(5)
                .measurementTime(TimeValue.seconds(1))
                .jvmArgs(flags())
                .output("/dev/stderr")
                .build())
        .run();
  }

  private static String[] flags() {
    return ManagementFactory.getRuntimeMXBean().getInputArguments().toArray(String[]::new);
  }

  private static String name(RunResult result) {
    String name = result.getParams().getBenchmark();
    return name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1);
  }

  private static int threads(RunResult result) {
    return Integer.parseInt(result.getParams().getParam("threads"));
  }

  private static double median(RunResult result) {
    return result.getPrimaryResult().getStatistics().getPercentile(50);
  }

  private void noteCeiling(RunResult result) {
    int threads = threads(result);
    if (name(result).endsWith("fma")) {
      gflopsPeak[threads] = CeilingsBenchmark.fmaFlops(threads) / median(result);
    } else {
      copyGbps[threads] = CeilingsBenchmark.copyBytes() / median(result);
    }
  }

  private String row(RunResult result) {
    String name = name(result);
    int threads = threads(result);
    if (name.startsWith("Ceilings")) {
      boolean fma = name.endsWith("fma");
      return line(
          "ceiling",
          fma ? "registers" : "128MiB",
          fma ? "fma" : "copy",
          result,
          fma ? CeilingsBenchmark.fmaFlops(threads) : 0,
          fma ? 0 : CeilingsBenchmark.copyBytes(),
          100);
    }
    String shape = result.getParams().getParam("shape");
    long[] size = GemmF32Benchmark.sizes(shape);
    double elements = (double) size[0] * size[1];
    if (name.startsWith("Gemm")) {
      double flops = 2 * elements * size[2];
      return line(
          "gemm_f32",
          shape,
          result.getParams().getParam("layout"),
          result,
          flops,
          0,
          100 * flops / median(result) / gflopsPeak[threads]);
    }
    boolean kl = name.startsWith("SoftmaxKl");
    String mode =
        kl
            ? "forward_kl+gradient"
            : result.getParams().getParam("scheme") + "." + name.substring(name.indexOf('.') + 1);
    // Streams of four bytes an element: two read and one written, or as many as the passes need.
    double bytes = elements * 4 * (mode.equals("ternary.forward") ? 4 : 3);
    return line(
        kl ? "softmax_kl" : "fake_quant",
        shape,
        mode,
        result,
        0,
        bytes,
        100 * bytes / median(result) / copyGbps[threads]);
  }

  private static String line(
      String stem,
      String shape,
      String mode,
      RunResult result,
      double flops,
      double bytes,
      double percent) {
    String backend = result.getParams().getParam("backend");
    return String.format(
        Locale.ROOT,
        "%s,%s,%s,%d,%s,%.0f,%.1f,%.1f,%.1f,,,,",
        stem,
        shape,
        mode,
        threads(result),
        backend == null ? "" : backend,
        median(result),
        flops / median(result),
        bytes / median(result),
        percent);
  }
}
