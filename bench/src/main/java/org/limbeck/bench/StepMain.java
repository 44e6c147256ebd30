// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.limbeck.bench.step.LimbeckStep;
import org.limbeck.bench.step.StepPeer;
import org.limbeck.bench.step.StepProblem;
import org.limbeck.bench.step.TrainingStep;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.DeviceException;
import org.limbeck.kernels.op.GemmF32;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Times whole training steps, tells in which stems the time goes, and compares with other
 * libraries.
 *
 * <p>Prints a CSV, one line for each number of threads. With a peer, one for each number of threads
 * and setting of the peer: both sides take turns in a process of their own, after their first step
 * has been compared. Exits 0 on success, 1 if both sides are different work, 2 on bad usage.
 *
 * @param <P> what is computed on
 */
abstract class StepMain<P extends StepProblem> implements Callable<Integer> {
  /** The columns of {@link #shares}. */
  static final String SHARES = "gemm_f32_pct,other_stems_pct,outside_kernels_pct,stems";

  static final String HEADER = "shape,losses,threads,backend,median_ns,tokens_per_second," + SHARES;

  static final String PEER_HEADER =
      "shape,losses,threads,backend,peer,setting,tokens_per_second,peer_tokens_per_second,ratio,"
          + "ratio_low,ratio_high,ratios,fma_gflops_low,first_step_differences,peer_path,"
          + SHARES;

  private static final String GEMM = "gemm_f32";

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Mixin private WatchedOptions watched;

  @Option(names = "--warmup", description = "Steps before (default: ${DEFAULT-VALUE}).")
  private int warmup = 5;

  @Option(names = "--steps", description = "Steps that are timed (default: ${DEFAULT-VALUE}).")
  private int steps = 20;

  @Option(
      names = "--peer",
      paramLabel = "NAME",
      description = {
        "Takes turns with another library's step: torch. Each setting of the peer and each",
        "number of threads gets a process of its own."
      })
  private String peer;

  @Option(
      names = "--settings",
      split = ",",
      description = "The peer's settings (default: all it has).")
  private List<String> settings = List.of();

  @Option(
      names = "--pairs",
      description =
          "With a peer: the turns into which --steps are split (default: ${DEFAULT-VALUE}).")
  private int pairs = 5;

  // Of the processes that --peer starts.
  @Option(names = "--setting", hidden = true)
  private String setting;

  @Option(names = "--setting-threads", hidden = true)
  private int settingThreads = 1;

  /**
   * Checks the options of the problem.
   *
   * @throws UsageException if one is out of range
   * @throws IllegalArgumentException if they do not go together
   */
  abstract void check();

  /** Returns the class of what is computed on. */
  abstract Class<P> problem();

  /** Returns the sizes in a few characters. */
  abstract String shape();

  /** Returns what is minimised. */
  abstract String losses();

  /** Returns the probability of dropping in steps that are timed. */
  abstract double dropout();

  /** Returns how far the first steps of both sides may be from each other. */
  abstract PairedSteps.Bounds bounds();

  /**
   * Makes Limbeck's step.
   *
   * @param limbeck where operations come from; closed with the step
   * @param precision that of layers' products
   */
  abstract LimbeckStep<P> open(Limbeck limbeck, GemmF32.Precision precision);

  /**
   * Sees a step before it is timed.
   *
   * @param step the step, which nobody has taken yet
   * @param precision that of its products
   */
  void opened(LimbeckStep<P> step, GemmF32.Precision precision) {}

  /**
   * Sees the times of a step.
   *
   * @param step the step
   * @param precision that of its products
   * @param nanos the times, the shortest first
   */
  void measured(LimbeckStep<P> step, GemmF32.Precision precision, long[] nanos) {}

  /** Returns the command line of a command that times; tests give it other streams. */
  static CommandLine commandLine(Callable<Integer> command) {
    return new CommandLine(command)
        .setParameterExceptionHandler(
            (e, arguments) ->
                report(
                    e.getCommandLine(),
                    e.getMessage() + " (--help shows the usage)",
                    Main.BAD_INPUT))
        .setExecutionExceptionHandler(
            (e, line, parsed) -> {
              if (e instanceof UsageException
                  || e instanceof BadInputException
                  || e instanceof BackendUnavailableException
                  || e instanceof IllegalArgumentException) {
                return report(line, e.getMessage(), Main.BAD_INPUT);
              }
              if (e instanceof DeviceException) {
                return report(line, "the device failed: " + e.getMessage(), Main.FAILED);
              }
              if (e instanceof PairedSteps.DifferentWorkException) {
                return report(line, e.getMessage(), Main.FAILED);
              }
              throw e;
            });
  }

  private static int report(CommandLine line, String message, int exit) {
    line.getErr().println(line.getCommandName() + ": " + message);
    line.getErr().flush();
    return exit;
  }

  @Override
  public Integer call() {
    require("--warmup", warmup, 0);
    require("--steps", steps, 1);
    require("--pairs", pairs, 1);
    watched.check();
    check();
    PrintWriter out = spec.commandLine().getOut();
    if (setting != null) {
      out.println(compare());
      return 0;
    }
    if (peer != null) {
      if (!watched.device().device().isHost()) {
        throw new UsageException(
            "--peer " + peer + ": given --device " + watched.device().name() + ", expected host");
      }
      return comparePeers();
    }
    boolean first = true;
    for (int n : watched.threads()) {
      String line = measure(n);
      if (first) {
        out.println(HEADER);
        first = false;
      }
      out.println(line);
      out.flush();
    }
    return 0;
  }

  /**
   * Refuses an option that needs a single measurement where there are several, or a peer.
   *
   * @param given its value, or null without it
   */
  final void requireSingle(String option, Object given) {
    if (given != null && (peer != null || watched.threads().size() != 1)) {
      throw new UsageException(option + " needs one number of --threads, and no --peer");
    }
  }

  static void require(String option, int given, int least) {
    if (given < least) {
      throw new UsageException(option + " is " + given + ", expected at least " + least);
    }
  }

  private String measure(int n) {
    Map<String, Long> nanosByStem = new HashMap<>();
    try (LimbeckStep<P> step = open(n, nanosByStem)) {
      opened(step, watched.device().precision());
      long[] nanos = new long[steps];
      for (int i = -warmup; i < steps; i++) {
        if (i == 0) {
          nanosByStem.clear();
        }
        long begin = System.nanoTime();
        step.gradients(dropout());
        step.update();
        if (i >= 0) {
          nanos[i] = System.nanoTime() - begin;
        }
      }
      long total = Arrays.stream(nanos).sum();
      Arrays.sort(nanos);
      measured(step, watched.device().precision(), nanos);
      double median = Quantiles.of(Arrays.stream(nanos).asDoubleStream().toArray(), 0.5);
      return String.format(
          Locale.ROOT,
          "%s,%s,%d,%s,%.0f,%.1f,%s",
          shape(),
          losses(),
          n,
          step.codePath(),
          median,
          tokensPerSecond(step, median),
          shares(total, nanosByStem));
    }
  }

  private LimbeckStep<P> open(int n, Map<String, Long> nanosByStem) {
    return open(watched.open(n, nanosByStem), watched.device().precision());
  }

  private int comparePeers() {
    StepPeer<P> found = Peers.find(peer, problem());
    for (String each : settings) {
      if (!found.settings().contains(each)) {
        throw new UsageException(
            "--settings is " + each + ", expected some of " + String.join(",", found.settings()));
      }
    }
    if (steps % pairs != 0) {
      throw new UsageException("--steps is " + steps + ", expected a multiple of --pairs " + pairs);
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println(PEER_HEADER);
    for (int n : watched.threads()) {
      for (String each : settings.isEmpty() ? found.settings() : settings) {
        List<String> arguments =
            new ArrayList<>(spec.commandLine().getParseResult().originalArgs());
        arguments.add("--setting=" + each);
        arguments.add("--setting-threads=" + n);
        int exit = Peers.run(getClass(), arguments, found, each, n, out);
        if (exit != 0) {
          return exit;
        }
      }
    }
    return 0;
  }

  private String compare() {
    int n = settingThreads;
    Map<String, Long> nanosByStem = new HashMap<>();
    try (LimbeckStep<P> ours = open(n, nanosByStem);
        FmaCeiling ceiling = new FmaCeiling(n)) {
      P problem = ours.problem();
      try (TrainingStep theirs = Peers.open(Peers.find(peer, problem()), problem, setting, n)) {
        PairedSteps both = new PairedSteps(ours, theirs);
        PairedSteps.Differences differences = both.check(problem.parameters(), bounds());
        both.warmUp(warmup, dropout());
        nanosByStem.clear();
        PairedSteps.Pair[] times = both.time(pairs, steps / pairs, dropout(), ceiling::measure);
        double[] ratios = Arrays.stream(times).mapToDouble(PairedSteps.Pair::ratio).toArray();
        double[] mine = Arrays.stream(times).mapToDouble(PairedSteps.Pair::ours).toArray();
        double[] peers = Arrays.stream(times).mapToDouble(PairedSteps.Pair::peer).toArray();
        return String.format(
            Locale.ROOT,
            "%s,%s,%d,%s,%s,%s,%.1f,%.1f,%.3f,%.3f,%.3f,%s,%s,%s,%s,%s",
            shape(),
            losses(),
            n,
            ours.codePath(),
            peer,
            setting,
            tokensPerSecond(ours, Quantiles.of(mine, 0.5)),
            tokensPerSecond(ours, Quantiles.of(peers, 0.5)),
            Quantiles.of(ratios, 0.5),
            Arrays.stream(ratios).min().orElseThrow(),
            Arrays.stream(ratios).max().orElseThrow(),
            Arrays.stream(ratios)
                .mapToObj(r -> String.format(Locale.ROOT, "%.3f", r))
                .collect(Collectors.joining(" ")),
            ceiling.lowest(),
            differences,
            theirs.codePath(),
            shares(Arrays.stream(mine).sum() * (steps / pairs), nanosByStem));
      }
    }
  }

  private static double tokensPerSecond(LimbeckStep<?> step, double nanos) {
    return 1e9 * step.tokens() / nanos;
  }

  /**
   * Returns the last columns: how a total splits, in percent; empty where nothing was counted.
   *
   * @param total nanoseconds
   * @param nanosByStem what {@link KernelTimes} counted meanwhile
   */
  static String shares(double total, Map<String, Long> nanosByStem) {
    if (nanosByStem.isEmpty()) {
      return ",,,";
    }
    double inKernels = nanosByStem.values().stream().mapToLong(Long::longValue).sum();
    double gemm = nanosByStem.getOrDefault(GEMM, 0L);
    String stems =
        nanosByStem.entrySet().stream()
            .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
            .map(e -> String.format(Locale.ROOT, "%s=%.1f", e.getKey(), 100 * e.getValue() / total))
            .collect(Collectors.joining(" "));
    return String.format(
        Locale.ROOT,
        "%.1f,%.1f,%.1f,%s",
        100 * gemm / total,
        100 * (inKernels - gemm) / total,
        100 * (total - inKernels) / total,
        stems);
  }
}
