// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Runs the benchmarks and sets each time against the machine's ceilings from the same run: a CSV on
 * the standard output, JMH's progress with an estimate on the standard error stream.
 *
 * <p>Exits 0 on success, 1 if a benchmark fails its check, 2 on bad usage.
 */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    description = {
      "Measures the machine's ceilings, then kernels as a percentage of them.",
      "Prints a CSV on the standard output, progress on the standard error stream."
    })
public final class Main implements Callable<Integer> {
  static final int FAILED = 1;
  static final int BAD_INPUT = 2;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Option(
      names = "--stem",
      paramLabel = "NAME",
      split = ",",
      description = "The stems to measure (default: gemm_f32, softmax_kl and fake_quant).")
  private List<String> stems = List.of("gemm_f32", "softmax_kl", "fake_quant");

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      split = ",",
      description = "The backends to measure (default: vector).")
  private List<String> backends = List.of("vector");

  @Option(
      names = "--threads",
      paramLabel = "N",
      split = ",",
      description = "The numbers of threads (default: 1,2).")
  private List<Integer> threads = List.of(1, 2);

  @Option(
      names = "--shapes",
      paramLabel = "DIR",
      description = "A directory with <stem>.csv and ceiling.csv (default: the built-in shapes).")
  private Path shapes;

  @Option(names = "--csv", paramLabel = "FILE", description = "Writes the CSV to a file too.")
  private Path csv;

  @Option(
      names = "--once",
      description = "Runs each benchmark once, cold, in this JVM: a check, not a measurement.")
  private boolean once;

  @Option(names = "--quiet", description = "Prints no progress.")
  private boolean quiet;

  /** For picocli. */
  public Main() {}

  /** Runs the benchmarks and ends the JVM with an exit code. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  /** Returns the command line; tests give it other streams. */
  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setParameterExceptionHandler(
            (e, arguments) ->
                report(e.getCommandLine(), e.getMessage() + " (--help shows the usage)", BAD_INPUT))
        .setExecutionExceptionHandler(
            (e, line, parsed) -> {
              if (e instanceof UsageException || e instanceof BackendUnavailableException) {
                return report(line, e.getMessage(), BAD_INPUT);
              }
              if (e instanceof RunnerException) {
                return report(line, "a benchmark failed: " + rootMessage(e), FAILED);
              }
              throw e;
            });
  }

  private static int report(CommandLine line, String message, int exit) {
    line.getErr().println("bench: " + message);
    line.getErr().flush();
    return exit;
  }

  /** Returns the innermost message: what a benchmark itself said, where it ran in this JVM. */
  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null || root.getSuppressed().length > 0) {
      root = root.getCause() != null ? root.getCause() : root.getSuppressed()[0];
    }
    return root.getMessage();
  }

  @Override
  public Integer call() throws RunnerException {
    List<Stem> chosen = new ArrayList<>(List.of(Stem.CEILING));
    stems.forEach(name -> chosen.add(stem(name)));
    checkArguments();
    // A bad file is an error now and not after the first stem.
    List<List<String>> shapesOfStems = chosen.stream().map(s -> Shapes.of(s, shapes)).toList();
    try (PrintWriter file = csv == null ? null : open(csv)) {
      PrintWriter out = spec.commandLine().getOut();
      Results results = new Results(file == null ? List.of(out) : List.of(out, file));
      for (int i = 0; i < chosen.size(); i++) {
        for (RunResult result : run(chosen.get(i), shapesOfStems.get(i))) {
          results.add(chosen.get(i), result);
        }
      }
    }
    return 0;
  }

  private Stem stem(String name) {
    Stem stem = Stem.find(name);
    if (stem == null) {
      throw new UsageException("there is no benchmark of the stem " + name);
    }
    return stem;
  }

  private void checkArguments() {
    for (int n : threads) {
      if (n < 1 || n > Runtime.getRuntime().availableProcessors()) {
        throw new UsageException(
            "--threads is "
                + n
                + ", expected 1 to the number of processors, "
                + Runtime.getRuntime().availableProcessors());
      }
    }
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      throw new UsageException(
          "the ceilings need the Vector API; start the JVM with --add-modules"
              + " jdk.incubator.vector");
    }
    // One that is absent is an error now and not in the middle of the run.
    Limbeck.open(backends, 1).close();
  }

  private static PrintWriter open(Path csv) {
    try {
      return new PrintWriter(Files.newBufferedWriter(csv, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UsageException(csv + ": the file cannot be written", e);
    }
  }

  private Iterable<RunResult> run(Stem stem, List<String> shapesOfStem) throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(stem.include())
            .shouldFailOnError(true)
            .param("shape", shapesOfStem.toArray(String[]::new))
            .param("threads", threads.stream().map(String::valueOf).toArray(String[]::new));
    if (stem != Stem.CEILING) {
      options.param("backend", backends.toArray(String[]::new));
    }
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
    return new Runner(options.build(), progress()).run();
  }

  private OutputFormat progress() {
    return quiet
        ? OutputFormatFactory.createFormatInstance(
            new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8),
            VerboseMode.SILENT)
        : OutputFormatFactory.createFormatInstance(System.err, VerboseMode.NORMAL);
  }
}
