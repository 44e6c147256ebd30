// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.limbeck.experiments.report.PackedResult;
import org.limbeck.experiments.run.TrainingLoop;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.data.Encoded;
import org.limbeck.training.io.PackedDirectory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.packed.PackedClassifier;
import org.limbeck.training.packed.PackedModel;

/**
 * Packs students of a task, and judges them beside their teacher: metric, predictions that differ
 * from the student's as it was trained, size, sentences a second in one pass over the development
 * set after a warm-up.
 */
final class PackedComparison {
  /** The multiplications that the reference does in some seconds. */
  private static final double BEARABLE_PRODUCTS = 1e9;

  /** A hundredth of a point of a similarity score, which goes from 0 to 5. */
  private static final float SCORE_TOLERANCE = 0.01f;

  private final Limbeck limbeck;
  private final PretrainedModel pretrained;
  private final TokenizedTask data;
  private final Activations activations;

  PackedComparison(
      Limbeck limbeck, PretrainedModel pretrained, TokenizedTask data, Activations activations) {
    this.limbeck = limbeck;
    this.pretrained = pretrained;
    this.data = data;
    this.activations = activations;
  }

  /** Returns the folder of a student's packed form. */
  static Path folder(Path run) {
    return run.resolve("packed");
  }

  /**
   * Writes the packed form of a network as its quantizers see it.
   *
   * @param directory where to
   * @param pretrained the encoder that it began as, whose name and vocabulary it keeps
   * @param task the name of its task
   */
  static void write(
      Path directory,
      Compute compute,
      BertClassifier network,
      PretrainedModel pretrained,
      String task) {
    try (HostMemory host = new HostMemory()) {
      PackedDirectory.write(
          directory,
          PackedModel.of(compute, network, pretrained.name(), task, pretrained.vocabulary(), host));
    }
  }

  /** Returns why packed students are not judged here; empty if they are. */
  Optional<String> obstacle() {
    if (!limbeck.device().isHost()) {
      return Optional.of("packed students are not judged: they run on the host alone");
    }
    boolean reference =
        limbeck
            .operation(GemmTernary.OP, new GemmTernary.Spec(activations))
            .selection()
            .backend()
            .equals("scalar");
    return reference && products() > BEARABLE_PRODUCTS
        ? Optional.of(
            "packed students are not judged: gemm_ternary has only the slow reference here, which"
                + " limbeck doctor explains")
        : Optional.empty();
  }

  /** Returns the multiplications by packed weights in a pass over the development set. */
  private double products() {
    long pieces = data.dev().stream().mapToLong(Encoded::length).sum();
    double hidden = pretrained.config().hidden();
    double perPiece = hidden * (4 * hidden + 2.0 * pretrained.config().intermediate());
    return pieces * perPiece * pretrained.config().layers();
  }

  /**
   * Judges the teacher.
   *
   * @param run the folder that holds its parameters
   */
  PackedResult teacher(Evaluator evaluator, BertClassifier teacher, Path run) {
    long disk = size(TrainingLoop.best(run));
    long memory = ModelSize.of(teacher).fullBytes();
    if (obstacle().isPresent()) {
      return result(Experiment.TEACHER, Double.NaN, -1, disk, memory, Double.NaN);
    }
    Evaluator.Network network = evaluator.network(teacher);
    evaluator.warmUp(network);
    Evaluator.Answers answers = evaluator.answers(network);
    return result(
        Experiment.TEACHER,
        answers.result().value(),
        -1,
        disk,
        memory,
        data.dev().size() / answers.seconds());
  }

  /**
   * Packs a student, opens what was written and judges it.
   *
   * @param losses the student's configuration
   * @param student the student with its best parameters
   * @param run its folder, below which the packed form is
   * @param again whether a packed form that is there already is of earlier parameters
   */
  PackedResult student(
      String losses, Compute compute, BertClassifier student, Path run, boolean again) {
    Path directory = folder(run);
    if (again || !PackedDirectory.isComplete(directory)) {
      write(directory, compute, student, pretrained, data.task().id());
    }
    try (PackedDirectory packed = PackedDirectory.open(directory)) {
      long disk = packed.diskBytes();
      long memory = packed.model().bytes();
      if (obstacle().isPresent()) {
        return result(losses, Double.NaN, -1, disk, memory, Double.NaN);
      }
      try (Compute own = new Compute(limbeck);
          HostMemory host = new HostMemory()) {
        Evaluator evaluator = new Evaluator(own, host, data);
        float[] trained = evaluator.answers(evaluator.network(student)).predictions();
        Evaluator.Network network =
            new PackedClassifier(own, packed.model(), activations, data.batch(), data.length())
                ::forward;
        evaluator.warmUp(network);
        Evaluator.Answers answers = evaluator.answers(network);
        return result(
            losses,
            answers.result().value(),
            differing(trained, answers.predictions()),
            disk,
            memory,
            data.dev().size() / answers.seconds());
      }
    }
  }

  /** Returns how many classes differ, or of scores how many differ by more than rounding. */
  private int differing(float[] trained, float[] packed) {
    float tolerance = data.task().isRegression() ? SCORE_TOLERANCE : 0;
    int count = 0;
    for (int i = 0; i < trained.length; i++) {
      // Not "greater than", so that NaN counts.
      if (!(Math.abs(trained[i] - packed[i]) <= tolerance)) {
        count++;
      }
    }
    return count;
  }

  private PackedResult result(
      String configuration, double value, int differing, long disk, long memory, double rate) {
    return new PackedResult(
        data.task().id(),
        configuration,
        data.task().metric().id(),
        value,
        differing,
        data.dev().size(),
        disk,
        memory,
        rate);
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    }
  }
}
