// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.function.Consumer;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.cases.Shapes;
import org.limbeck.bench.cases.Stems;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.openjdk.jmh.util.Statistics;

/** Measures cases with JMH, a fork each. */
final class JmhRun {
  private JmhRun() {}

  /**
   * Measures.
   *
   * @param cases what to measure
   * @param threads the numbers of threads
   * @param ceilings those of this run
   * @param once whether one call each in this JVM is enough, for a check
   * @param quiet whether JMH prints nothing
   * @param rows takes rows as they come
   * @throws RunnerException if a benchmark fails, its check included
   */
  static void run(
      List<Worker.Request> cases,
      List<Integer> threads,
      Ceilings ceilings,
      boolean once,
      boolean quiet,
      Consumer<QuickRun.Outcome> rows)
      throws RunnerException {
    // JMH crosses its parameters; shapes of one kernel go together.
    for (Worker.Request kernel :
        new LinkedHashSet<>(cases.stream().map(JmhRun::withoutShape).toList())) {
      String[] shapes =
          cases.stream()
              .filter(c -> withoutShape(c).equals(kernel))
              .map(Worker.Request::shape)
              .distinct()
              .toArray(String[]::new);
      for (RunResult result : run(kernel, shapes, threads, once, quiet)) {
        rows.accept(outcome(kernel, result, ceilings));
      }
    }
  }

  private static Worker.Request withoutShape(Worker.Request c) {
    return Worker.Request.of(c.stem(), "", c.mode(), c.cold(), c.backend());
  }

  private static Iterable<RunResult> run(
      Worker.Request kernel, String[] shapes, List<Integer> threads, boolean once, boolean quiet)
      throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include("\\." + CaseBenchmark.class.getSimpleName() + "\\.")
            .shouldFailOnError(true)
            .param("stem", kernel.stem())
            .param("mode", kernel.mode())
            .param("buffers", kernel.cold() ? "cold" : "hot")
            .param("backend", kernel.backend())
            .param("shape", shapes)
            .param("threads", threads.stream().map(String::valueOf).toArray(String[]::new));
    if (once) {
      options
          .param("warmUpMillis", "0")
          .mode(Mode.SingleShotTime)
          .forks(0)
          .warmupIterations(0)
          .measurementIterations(1);
    } else {
      options
          .forks(1)
          .warmupIterations(2)
          .warmupTime(TimeValue.milliseconds(700))
          .measurementIterations(3)
          .measurementTime(TimeValue.seconds(1));
    }
    return new Runner(options.build(), progress(quiet)).run();
  }

  private static QuickRun.Outcome outcome(
      Worker.Request kernel, RunResult result, Ceilings ceilings) {
    BenchmarkParams params = result.getParams();
    String shape = params.getParam("shape");
    int threads = Integer.parseInt(params.getParam("threads"));
    Statistics times = result.getPrimaryResult().getStatistics();
    double median = times.getPercentile(50);
    double spread = (times.getPercentile(75) - times.getPercentile(25)) / 2 / median;
    try (Case c =
        Stems.find(kernel.stem()).orElseThrow().open(kernel.mode(), Shapes.sizes(shape))) {
      Ceilings.Roofline roofline =
          ceilings.roofline(c.work(), threads, c.footprint(), kernel.cold());
      Row row =
          Row.of(
              kernel.stem(),
              shape,
              kernel.label(),
              threads,
              kernel.backend(),
              median,
              c.work(),
              roofline.nanos());
      int samples = (int) Math.min(Integer.MAX_VALUE, times.getN());
      return new QuickRun.Outcome(row, roofline.ceiling(), spread, spread, samples, samples);
    }
  }

  private static OutputFormat progress(boolean quiet) {
    return quiet
        ? OutputFormatFactory.createFormatInstance(
            new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8),
            VerboseMode.SILENT)
        : OutputFormatFactory.createFormatInstance(System.err, VerboseMode.NORMAL);
  }
}
