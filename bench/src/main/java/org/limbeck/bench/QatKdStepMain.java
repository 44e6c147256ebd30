// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.nio.file.Path;
import java.util.Locale;
import org.limbeck.bench.step.FirstStep;
import org.limbeck.bench.step.LimbeckQatKdStep;
import org.limbeck.bench.step.LimbeckStep;
import org.limbeck.bench.step.QatKdProblem;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.distill.LossConfiguration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Times whole steps of quantization-aware training with distillation: the teacher's forward, the
 * ternary student's forward with dropout and backward, the losses, the optimizer, and the weights
 * quantized anew. Weights and tokens are random, sequences have no padding.
 */
@Command(
    name = "qat-kd-step",
    mixinStandardHelpOptions = true,
    description = "Times steps of QAT-KD on random data; the default shape is that of MiniLM-L6.")
public final class QatKdStepMain extends StepMain<QatKdProblem> {
  private static final double DROPOUT = 0.1;
  private static final int POSITIONS = 512;

  /** What the whole step is called among the stems of results. */
  private static final String STEM = "qat_kd_step";

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
  private String terms = "map+output";

  @Option(
      names = "--write",
      paramLabel = "FILE",
      description = {
        "Writes a safetensors file for another program that takes the same step: parameters,",
        "tokens, and the loss, gradients and changed parameters of a first step without dropout."
      })
  private Path written;

  @Option(
      names = "--append",
      paramLabel = "FILE",
      description = "Appends the times to FILE in the columns of cuda's GpuBench.")
  private Path times;

  /** For picocli. */
  public QatKdStepMain() {}

  /** Times steps and ends the JVM with an exit code. */
  public static void main(String[] arguments) {
    System.exit(commandLine(new QatKdStepMain()).execute(arguments));
  }

  @Override
  void check() {
    require("--batch", batch, 1);
    require("--length", length, 1);
    require("--vocabulary", vocabulary, 2);
    require("--intermediate", intermediate, 0);
    config();
    LossConfiguration.parse(terms);
    requireSingle("--write", written);
    requireSingle("--append", times);
  }

  private BertConfig config() {
    return new BertConfig(
        layers,
        hidden,
        heads,
        intermediate == 0 ? 4 * hidden : intermediate,
        vocabulary,
        Math.max(POSITIONS, length),
        2,
        1e-12);
  }

  @Override
  Class<QatKdProblem> problem() {
    return QatKdProblem.class;
  }

  @Override
  String shape() {
    return layers + "x" + hidden + "_b" + batch + "_s" + length;
  }

  @Override
  String losses() {
    return terms;
  }

  @Override
  double dropout() {
    return DROPOUT;
  }

  @Override
  PairedSteps.Bounds bounds() {
    return PairedSteps.Bounds.QUANTIZED;
  }

  @Override
  LimbeckStep<QatKdProblem> open(Limbeck limbeck, GemmF32.Precision precision) {
    return new LimbeckQatKdStep(
        limbeck, precision, config(), LossConfiguration.parse(terms), batch, length);
  }

  @Override
  void opened(LimbeckStep<QatKdProblem> step, GemmF32.Precision precision) {
    if (written != null) {
      FirstStep.write(written, step, shape(), precision, DROPOUT);
    }
  }

  @Override
  void measured(LimbeckStep<QatKdProblem> step, GemmF32.Precision precision, long[] nanos) {
    if (times != null) {
      String mode = precision.name().toLowerCase(Locale.ROOT);
      GpuTimes.append(
          times,
          String.join(",", STEM, shape(), mode, step.codePath()),
          nanos,
          QatKdProblem.operations(config(), batch, length));
    }
  }
}
