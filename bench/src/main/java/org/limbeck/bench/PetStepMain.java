// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import org.limbeck.bench.step.LimbeckStep;
import org.limbeck.bench.step.LimbeckTranslationStep;
import org.limbeck.bench.step.TranslationProblem;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.distill.PatienceMapping;
import org.limbeck.training.distill.TranslationLosses;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Times whole steps of training a translation model: a teacher on label-smoothed cross entropy, or
 * the PET student on that, the logits and the hidden states of a teacher of its widths, whose
 * forward is part of the step. Weights are those with which training begins, tokens random.
 */
@Command(
    name = "pet-step",
    mixinStandardHelpOptions = true,
    description = {
      "Times steps of training a translation model on random data; the default shape is that of",
      "the paper on IWSLT'14. Rates count target tokens without padding."
    })
public final class PetStepMain extends StepMain<TranslationProblem> {
  private static final double ALPHA = 0.1;
  private static final double BETA = 50;

  @Mixin private PetModel model;

  @Option(names = "--sentences", description = "Sentence pairs (default: ${DEFAULT-VALUE}).")
  private int sentences = 128;

  @Option(
      names = "--length",
      description = "The longest sentence; none has less than 3/4 (default: ${DEFAULT-VALUE}).")
  private int length = 32;

  @Option(names = "--dropout", description = "As in training (default: ${DEFAULT-VALUE}).")
  private double dropout = 0.3;

  /** For picocli. */
  public PetStepMain() {}

  /** Times steps and ends the JVM with an exit code. */
  public static void main(String[] arguments) {
    System.exit(commandLine(new PetStepMain()).execute(arguments));
  }

  @Override
  void check() {
    require("--sentences", sentences, 1);
    require("--length", length, 1);
    model.config(dropout);
  }

  @Override
  Class<TranslationProblem> problem() {
    return TranslationProblem.class;
  }

  @Override
  String shape() {
    return model + "_b" + sentences + "_s" + length;
  }

  @Override
  String losses() {
    return model.isStudent() ? "ce+kd+patience" : "ce";
  }

  @Override
  double dropout() {
    return dropout;
  }

  @Override
  PairedSteps.Bounds bounds() {
    return PairedSteps.Bounds.FLOAT;
  }

  @Override
  LimbeckStep<TranslationProblem> open(Limbeck limbeck, GemmF32.Precision precision) {
    boolean distilled = model.isStudent();
    TranslationLosses losses =
        distilled
            ? TranslationLosses.patient(
                ALPHA, TranslationLosses.TEMPERATURE, BETA, PatienceMapping.SKIP)
            : TranslationLosses.crossEntropy();
    return new LimbeckTranslationStep(
        limbeck,
        precision,
        model.config(dropout),
        distilled ? model.matchedTeacher() : null,
        losses,
        sentences,
        length);
  }
}
