// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static java.util.stream.Collectors.joining;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.limbeck.bench.cases.StemCases;
import org.limbeck.bench.cases.Stems;
import org.limbeck.bench.peer.Peer;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.openjdk.jmh.runner.RunnerException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Measures kernels beside the machine's ceilings and other libraries, all in the same run: a table
 * on the standard output, progress with an estimate on the standard error stream.
 *
 * <p>Exits 0 on success, 1 if a benchmark fails its check or a kernel got slower, 2 on bad usage.
 */
@Command(
    name = "limbeck bench",
    mixinStandardHelpOptions = true,
    description = {
      "Measures the machine's ceilings, then kernels as a percentage of their roofline, each beside"
          + " the same work of other libraries."
    },
    subcommands = ReportCommand.class)
public final class Main implements Callable<Integer> {
  static final int FAILED = 1;
  static final int BAD_INPUT = 2;

  private static final int ROWS_BETWEEN_SAVES = 20;

  /** How many times as long as the first time something is measured again. */
  private static final int LONGER = 3;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Option(
      names = "--stem",
      paramLabel = "NAME",
      split = ",",
      description = "The stems to measure (default: all).")
  private List<String> stems = Stems.ALL.stream().map(StemCases::stem).toList();

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      split = ",",
      description =
          "The backends to measure, several that work together with a plus between them (default:"
              + " best, for each kernel the best there is).")
  private List<String> backends = List.of(Chosen.BEST);

  @Option(
      names = "--threads",
      paramLabel = "N",
      split = ",",
      description = "The numbers of threads (default: 1 and one for each processor).")
  private List<Integer> threads =
      List.copyOf(new LinkedHashSet<>(List.of(1, Runtime.getRuntime().availableProcessors())));

  @Option(
      names = "--peers",
      paramLabel = "NAME",
      split = ",",
      description =
          "The libraries to compare with: openblas, onednn, mkl, torch, onnxruntime (default:"
              + " none). They need a build with the Maven profile peers; the launcher makes one.")
  private List<String> peers = List.of();

  @Option(
      names = "--buffers",
      paramLabel = "KIND",
      split = ",",
      description = "hot: the caches hold what they can; cold: they miss (default: hot).")
  private List<Buffers> buffers = List.of(Buffers.hot);

  @Option(
      names = "--shapes",
      paramLabel = "DIR",
      description = "A directory with <stem>.csv and ceiling.csv (default: the built-in shapes).")
  private Path shapes;

  @Option(
      names = "--millis",
      paramLabel = "N",
      description = "About how long a row takes (default: ${DEFAULT-VALUE}).")
  private int millis = 100;

  @Option(names = "--csv", paramLabel = "FILE", description = "Writes the rows to a file too.")
  private Path csv;

  @Option(
      names = "--compare",
      paramLabel = "FILE",
      description =
          "Compares with an earlier file of this kind of machine, measures again what seems slower,"
              + " and exits 1 if something got slower.")
  private Path compare;

  @Option(
      names = "--jmh",
      description = "Measures with JMH, in forks and without peers: slower, for regressions.")
  private boolean jmh;

  @Option(names = "--once", description = "Runs everything once, cold: a check, not a measurement.")
  private boolean once;

  @Option(names = "--quiet", description = "Prints no progress.")
  private boolean quiet;

  /** What the caches hold when a call begins. */
  enum Buffers {
    hot,
    cold
  }

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
              if (e instanceof UsageException
                  || e instanceof BackendUnavailableException
                  || e instanceof BadInputException) {
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
    List<StemCases> chosen = stems.stream().distinct().map(Main::stem).toList();
    List<Peer> chosenPeers = peers.stream().distinct().map(PeerFinder::find).toList();
    checkArguments();
    // A bad file is an error now and not after the first stem.
    List<String> sizes = ShapeFiles.of(Row.CEILING, 1, shapes);
    Map<StemCases, List<String>> shapesOf = new LinkedHashMap<>();
    for (StemCases stem : chosen) {
      shapesOf.put(stem, ShapeFiles.of(stem.stem(), stem.dimensionCount(), shapes));
    }
    Comparison comparison = compare == null ? null : new Comparison(compare);
    List<Worker.Request> cases = new ArrayList<>();
    shapesOf.forEach((stem, list) -> cases.addAll(requests(stem, list)));
    if (cases.isEmpty()) {
      throw new UsageException("no backend that was asked for has a kernel of these stems");
    }
    Ceilings ceilings = Ceilings.measure(threads, sizes, once);
    PrintWriter out = spec.commandLine().getOut();
    Table table = new Table(out);
    ceilings.rows().forEach(table::ceiling);
    List<QuickRun.Outcome> outcomes = new ArrayList<>();
    Consumer<QuickRun.Outcome> rows =
        outcome -> {
          outcomes.add(outcome);
          table.add(outcome);
          if (outcomes.size() % ROWS_BETWEEN_SAVES == 0) {
            save(ceilings, outcomes);
          }
        };
    int failures = 0;
    Progress progress = new Progress(quiet ? null : spec.commandLine().getErr());
    Consumer<String> problems = problem -> report(spec.commandLine(), problem, FAILED);
    if (jmh) {
      JmhRun.run(cases, threads, ceilings, once, quiet, rows);
    } else {
      failures =
          new QuickRun(ceilings, millis, once, rows, problems, progress)
              .run(cases, chosenPeers, threads);
    }
    table.end();
    save(ceilings, outcomes);
    boolean slower =
        comparison != null
            && printComparison(
                comparison.check(
                    new Comparison.Measured(outcomes, ceilings.rows()),
                    new Repeats(
                        cases, chosenPeers, sizes, LONGER * millis, once, jmh, problems, progress)),
                out);
    return failures > 0 || slower ? FAILED : 0;
  }

  /** Writes what there is: an interrupted run leaves its rows behind. */
  private void save(Ceilings ceilings, List<QuickRun.Outcome> outcomes) {
    if (csv != null) {
      List<Row> rows = new ArrayList<>(ceilings.rows());
      outcomes.forEach(outcome -> rows.add(outcome.row()));
      ResultFile.write(csv, rows);
    }
  }

  private static boolean printComparison(Comparison.Result result, PrintWriter out) {
    out.println();
    result.disproved().forEach(out::println);
    result.slower().forEach(out::println);
    if (result.slower().isEmpty()) {
      out.println("nothing got slower beyond the noise");
    }
    out.flush();
    return !result.slower().isEmpty();
  }

  /** Returns the cases of a stem that have kernels, shape after shape. */
  private List<Worker.Request> requests(StemCases stem, List<String> shapes) {
    Map<String, List<String>> backendsOf = new LinkedHashMap<>();
    for (String mode : stem.modes()) {
      backendsOf.put(mode, backends.stream().flatMap(b -> used(b, stem, mode)).distinct().toList());
    }
    List<Worker.Request> requests = new ArrayList<>();
    for (String shape : shapes) {
      for (String mode : stem.modes()) {
        for (Buffers kind : buffers) {
          for (String backend : backendsOf.get(mode)) {
            requests.add(
                Worker.Request.of(stem.stem(), shape, mode, kind == Buffers.cold, backend));
          }
        }
      }
    }
    return requests;
  }

  /** Returns the backends that run a mode; none, with a sentence, where a kernel is missing. */
  private Stream<String> used(String backend, StemCases stem, String mode) {
    try {
      return Stream.of(Chosen.used(backend, stem, mode));
    } catch (BackendUnavailableException e) {
      report(spec.commandLine(), stem.stem() + " " + mode + " is left out: " + e.getMessage(), 0);
      return Stream.empty();
    }
  }

  private static StemCases stem(String name) {
    return Stems.find(name)
        .orElseThrow(
            () ->
                new UsageException(
                    "there is no benchmark of the stem "
                        + name
                        + "; expected "
                        + Stems.ALL.stream().map(StemCases::stem).collect(joining(", "))));
  }

  private void checkArguments() {
    int processors = Runtime.getRuntime().availableProcessors();
    for (int n : threads) {
      if (n < 1 || n > processors) {
        throw new UsageException(
            "--threads is " + n + ", expected 1 to the number of processors, " + processors);
      }
    }
    if (millis < 1) {
      throw new UsageException("--millis is " + millis + ", expected at least 1");
    }
    if (jmh && !peers.isEmpty()) {
      throw new UsageException("--jmh measures no peers; leave --peers or --jmh out");
    }
    if (csv != null && !Files.isDirectory(csv.toAbsolutePath().getParent())) {
      throw new UsageException(
          csv + ": the file cannot be written, since its directory does not exist");
    }
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      throw new UsageException(
          "the ceilings need the Vector API; start the JVM with --add-modules"
              + " jdk.incubator.vector");
    }
    // One that is absent is an error now and not in the middle of the run.
    backends.forEach(backend -> Chosen.open(backend, 1).close());
  }
}
