// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.distill.Distillation;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.RandomNormal;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Times whole steps of quantization-aware training with distillation and tells in which stems the
 * time goes: the teacher's forward, the ternary student's forward with dropout and backward, the
 * losses, the optimizer, and the weights quantized anew. Weights and tokens are random, sequences
 * have no padding.
 *
 * <p>Prints a CSV, one line for each number of threads. Exits 0 on success, 2 on bad usage.
 */
@Command(
    name = "qat-kd-step",
    mixinStandardHelpOptions = true,
    description = "Times steps of QAT-KD on random data; the default shape is that of MiniLM-L6.")
public final class QatKdStepMain implements Callable<Integer> {
  static final String HEADER =
      "shape,losses,threads,backend,median_ns,tokens_per_second,gemm_f32_pct,other_stems_pct,"
          + "outside_kernels_pct,stems";

  private static final String GEMM = "gemm_f32";
  private static final int LABELS = 2;
  private static final double DROPOUT = 0.1;
  private static final double DEVIATION = 0.02;
  private static final int POSITIONS = 512;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Option(names = "--layers", description = "Encoder layers (default: ${DEFAULT-VALUE}).")
  private int layers = 6;

  @Option(names = "--hidden", description = "Width (default: ${DEFAULT-VALUE}).")
  private int hidden = 384;

  @Option(names = "--heads", description = "Attention heads (default: ${DEFAULT-VALUE}).")
  private int heads = 12;

  @Option(names = "--intermediate", description = "Feed-forward width (default: 4 x hidden).")
  private int intermediate;

  @Option(names = "--vocabulary", description = "Word pieces (default: ${DEFAULT-VALUE}).")
  private int vocabulary = 30_522;

  @Option(names = "--batch", description = "Sequences (default: ${DEFAULT-VALUE}).")
  private int batch = 32;

  @Option(names = "--length", description = "Their length (default: ${DEFAULT-VALUE}).")
  private int length = 64;

  @Option(names = "--losses", description = "The losses (default: ${DEFAULT-VALUE}).")
  private String losses = "map+output";

  @Option(
      names = "--backend",
      split = ",",
      description = "The backends to choose from (default: all).")
  private List<String> backends = List.of();

  @Option(names = "--threads", split = ",", description = "The numbers of threads (default: 1,2).")
  private List<Integer> threads = List.of(1, 2);

  @Option(names = "--warmup", description = "Steps before (default: ${DEFAULT-VALUE}).")
  private int warmup = 5;

  @Option(names = "--steps", description = "Steps that are timed (default: ${DEFAULT-VALUE}).")
  private int steps = 20;

  /** For picocli. */
  public QatKdStepMain() {}

  /** Times steps and ends the JVM with an exit code. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  /** Returns the command line; tests give it other streams. */
  static CommandLine commandLine() {
    return new CommandLine(new QatKdStepMain())
        .setParameterExceptionHandler(
            (e, arguments) ->
                report(e.getCommandLine(), e.getMessage() + " (--help shows the usage)"))
        .setExecutionExceptionHandler(
            (e, line, parsed) -> {
              if (e instanceof UsageException
                  || e instanceof BackendUnavailableException
                  || e instanceof IllegalArgumentException) {
                return report(line, e.getMessage());
              }
              throw e;
            });
  }

  private static int report(CommandLine line, String message) {
    line.getErr().println("qat-kd-step: " + message);
    line.getErr().flush();
    return Main.BAD_INPUT;
  }

  @Override
  public Integer call() {
    require("--batch", batch, 1);
    require("--length", length, 1);
    require("--vocabulary", vocabulary, 2);
    require("--intermediate", intermediate, 0);
    require("--warmup", warmup, 0);
    require("--steps", steps, 1);
    threads.forEach(n -> require("--threads", n, 1));
    BertConfig config =
        new BertConfig(
            layers,
            hidden,
            heads,
            intermediate == 0 ? 4 * hidden : intermediate,
            vocabulary,
            Math.max(POSITIONS, length),
            2,
            1e-12);
    LossConfiguration configuration = LossConfiguration.parse(losses);
    PrintWriter out = spec.commandLine().getOut();
    boolean first = true;
    for (int n : threads) {
      String line = measure(config, configuration, n);
      if (first) {
        out.println(HEADER);
        first = false;
      }
      out.println(line);
      out.flush();
    }
    return 0;
  }

  private static void require(String option, int given, int least) {
    if (given < least) {
      throw new UsageException(option + " is " + given + ", expected at least " + least);
    }
  }

  private String measure(BertConfig config, LossConfiguration configuration, int n) {
    Map<String, Long> nanosByStem = new HashMap<>();
    Backends timed = TimedBackend.all(Backends.discover().limitTo(backends), nanosByStem);
    try (Limbeck limbeck = Limbeck.open(timed, Device.HOST, n);
        Compute compute = new Compute(limbeck);
        HostMemory host = new HostMemory()) {
      BertClassifier teacher = new BertClassifier(compute, config, LABELS, Quantization.NONE);
      BertClassifier student = new BertClassifier(compute, config, LABELS, Quantization.TERNARY);
      fill(compute, teacher);
      student.copyFrom(teacher);
      TokenBatch tokens = tokens(host);
      Optimizer optimizer =
          Optimizer.bertAdam(compute, student.parameters(), 2e-5, Schedule.CONSTANT);
      long[] nanos = new long[steps];
      try (Distillation distillation =
          new Distillation(compute, student, teacher, configuration, batch, length)) {
        for (int step = -warmup; step < steps; step++) {
          if (step == 0) {
            nanosByStem.clear();
          }
          long begin = System.nanoTime();
          student.parameters().zeroGradients();
          distillation.step(tokens, new Pass(DROPOUT, 1, step + warmup));
          optimizer.step();
          student.refreshWeights();
          if (step >= 0) {
            nanos[step] = System.nanoTime() - begin;
          }
        }
      }
      return line(config, n, limbeck.backends(), nanos, nanosByStem);
    }
  }

  private static void fill(Compute compute, BertClassifier network) {
    long stream = 0;
    for (Parameter parameter : network.parameters().all()) {
      if (parameter.name().endsWith("LayerNorm.weight")) {
        Tensors.upload(compute.memory(), parameter.value(), i -> 1f);
      } else {
        RandomNormal.fill(compute.memory(), parameter.value(), DEVIATION, 1, stream++);
      }
    }
    network.refreshWeights();
  }

  private TokenBatch tokens(HostMemory host) {
    int rows = Math.multiplyExact(batch, length);
    long[] words = new long[rows];
    long[] positions = new long[rows];
    for (int i = 0; i < rows; i++) {
      words[i] = 1 + Integer.remainderUnsigned(Philox.word(2, 0, i, 0), vocabulary - 1);
      positions[i] = i % length;
    }
    int[] lengths = new int[batch];
    Arrays.fill(lengths, length);
    return new TokenBatch(
        batch,
        length,
        host.copyOf(words),
        host.copyOf(new long[rows]),
        host.copyOf(positions),
        host.copyOf(lengths));
  }

  private String line(
      BertConfig config, int n, Backends used, long[] nanos, Map<String, Long> nanosByStem) {
    double total = Arrays.stream(nanos).sum();
    double inKernels = nanosByStem.values().stream().mapToLong(Long::longValue).sum();
    double gemm = nanosByStem.getOrDefault(GEMM, 0L);
    long[] sorted = nanos.clone();
    Arrays.sort(sorted);
    long median = (sorted[(steps - 1) / 2] + sorted[steps / 2]) / 2;
    String stems =
        nanosByStem.entrySet().stream()
            .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
            .map(e -> String.format(Locale.ROOT, "%s=%.1f", e.getKey(), 100 * e.getValue() / total))
            .collect(Collectors.joining(" "));
    return String.format(
        Locale.ROOT,
        "%dx%d_b%d_s%d,%s,%d,%s,%d,%.0f,%.1f,%.1f,%.1f,%s",
        config.layers(),
        config.hidden(),
        batch,
        length,
        losses,
        n,
        used.available().get(0).name(),
        median,
        1e9 * batch * length / median,
        100 * gemm / total,
        100 * (inKernels - gemm) / total,
        100 * (total - inKernels) / total,
        stems);
  }
}
