// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.transformer.Activations;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TranslationBatch;

/**
 * Finds the classes of PET's warm-up: under teacher forcing and without dropout, the class tells
 * whether the teacher's most probable token (the lowest number of a tie) is the gold one, and
 * whether its probability is above a threshold.
 *
 * <p>Source: Jeon et al., PLOS ONE 18(7) e0288060; thresholds as in the released code.
 */
public final class WarmupLabeler implements AutoCloseable {
  /** The threshold of confidence where the teacher is correct. */
  public static final double CORRECT_THRESHOLD = 0.9;

  /** The threshold of confidence where the teacher is wrong. */
  public static final double WRONG_THRESHOLD = 0.7;

  private final Compute compute;
  private final Transformer teacher;
  private final double correctThreshold;
  private final double wrongThreshold;
  private final Activations activations;
  private final OutputLoss rows;
  private final HostMemory host = new HostMemory();
  private final Slot copy;

  /**
   * Allocates what a pass needs.
   *
   * @param compute operations and memory
   * @param teacher the teacher
   * @param correctThreshold above it a correct teacher is confident
   * @param wrongThreshold above it a wrong teacher is confident
   * @param capacity the largest batch
   */
  public WarmupLabeler(
      Compute compute,
      Transformer teacher,
      double correctThreshold,
      double wrongThreshold,
      Capacity capacity) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.teacher = Objects.requireNonNull(teacher, "teacher");
    this.correctThreshold = correctThreshold;
    this.wrongThreshold = wrongThreshold;
    activations = teacher.newActivations(compute, capacity, false);
    rows = new OutputLoss(compute, teacher, capacity);
    long elements = (long) OutputLoss.ROWS * teacher.config().targetVocabulary();
    copy = new Slot(host, compute.memory().device().isHost() ? 0 : elements);
  }

  /**
   * Returns the class of one token.
   *
   * @param correct whether the teacher's most probable token is the gold one
   * @param confidence its probability
   */
  int label(boolean correct, double confidence) {
    if (correct) {
      return confidence > correctThreshold ? 0 : 1;
    }
    return confidence > wrongThreshold ? 2 : 3;
  }

  /**
   * Finds the classes of a batch.
   *
   * @param batch the batch
   * @param pairs which pair of the corpus each sentence of the batch is
   * @param gold the target tokens of each of them, the end included
   * @param labels where the classes go
   */
  public void label(TranslationBatch batch, int[] pairs, List<int[]> gold, WarmupLabels labels) {
    teacher.forward(batch, activations, Pass.EVALUATION);
    int length = batch.target().length();
    rows.forEach(
        activations,
        (logits, from, to) -> {
          Matrix p = probabilities(logits);
          for (long row = from; row < to; row++) {
            int sentence = (int) (row / length);
            int position = (int) (row % length);
            int[] tokens = gold.get(sentence);
            if (position < tokens.length) {
              labels.set(pairs[sentence], position, classOf(p, row - from, tokens[position]));
            }
          }
        });
  }

  private Matrix probabilities(Matrix logits) {
    compute.operation(Softmax.FORWARD, new Softmax.Spec()).run(new Softmax.Forward(logits, logits));
    if (compute.memory().device().isHost()) {
      return logits;
    }
    Matrix p = copy.view(logits.rows(), logits.cols());
    compute.memory().download(logits, p);
    return p;
  }

  private int classOf(Matrix p, long row, int gold) {
    MemorySegment segment = p.segment();
    long at = p.rowOffsetBytes(row);
    int best = 0;
    float most = Float.NEGATIVE_INFINITY;
    for (int token = 0; token < p.cols(); token++) {
      float probability = segment.get(ValueLayout.JAVA_FLOAT, at + (long) token * Float.BYTES);
      if (probability > most) {
        most = probability;
        best = token;
      }
    }
    return label(best == gold, most);
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    activations.close();
    rows.close();
    host.close();
  }
}
