// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import org.limbeck.bench.step.LimbeckQatKdStep;
import org.limbeck.bench.step.LimbeckStep;
import org.limbeck.bench.step.QatKdProblem;
import org.limbeck.kernels.backend.Backends;
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
  LimbeckStep<QatKdProblem> open(Backends from, int n) {
    return new LimbeckQatKdStep(from, n, config(), LossConfiguration.parse(terms), batch, length);
  }

  @Override
  long tokens(QatKdProblem problem) {
    return problem.tokens().length;
  }
}
