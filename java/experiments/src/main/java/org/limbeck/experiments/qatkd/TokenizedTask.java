// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.data.Batches;
import org.limbeck.training.data.Dataset;
import org.limbeck.training.data.Encoded;
import org.limbeck.training.data.Example;
import org.limbeck.training.data.GlueReader;
import org.limbeck.training.data.LanguageToolCorpus;
import org.limbeck.training.data.Padding;
import org.limbeck.training.data.Task;
import org.limbeck.training.data.WordPieceTokenizer;

/**
 * A task as the networks see it: its splits in word pieces, cut to a length.
 *
 * @param dataset the splits
 * @param train the training examples in word pieces
 * @param dev the development examples in word pieces
 * @param batch the number of examples of a batch
 * @param length the greatest number of word pieces
 * @param padding to which length batches are padded
 * @param pad the number of the padding word piece
 */
record TokenizedTask(
    Dataset dataset,
    List<Encoded> train,
    List<Encoded> dev,
    int batch,
    int length,
    Padding padding,
    int pad) {

  /**
   * Reads and tokenizes a task.
   *
   * @param task the task
   * @param data the folder of GLUE's tasks; not used by tasks that have no files
   * @param settings batch, length, padding and number of training examples
   * @param positions the longest sequence that the encoder takes
   */
  static TokenizedTask read(
      Task task, Path data, Settings settings, WordPieceTokenizer tokenizer, int positions) {
    Dataset dataset;
    if (!task.isGlue()) {
      dataset = LanguageToolCorpus.read();
    } else if (data == null) {
      throw new BadInputException(
          "task " + task.id() + " is read from files: give --data DIR with the folders of GLUE");
    } else {
      dataset = GlueReader.read(data, task);
    }
    if (settings.trainExamples() > 0) {
      dataset = dataset.withTrainingSubset(settings.trainExamples(), settings.teacherSeed());
    }
    int length = settings.length() > 0 ? settings.length() : task.maximumLength();
    if (length > positions) {
      throw new BadInputException(
          "sequences of "
              + length
              + " word pieces are longer than the "
              + positions
              + " positions of the model: give a smaller --length");
    }
    return new TokenizedTask(
        dataset,
        tokenizer.encodeAll(dataset.train(), length),
        tokenizer.encodeAll(dataset.dev(), length),
        settings.batch() > 0 ? settings.batch() : task.batchSize(),
        length,
        Padding.valueOf(settings.padding().toUpperCase(Locale.ROOT)),
        tokenizer.pad());
  }

  Task task() {
    return dataset.task();
  }

  Batches trainBatches(HostMemory memory) {
    return batches(memory, dataset.train(), train);
  }

  Batches devBatches(HostMemory memory) {
    return batches(memory, dataset.dev(), dev);
  }

  private Batches batches(HostMemory memory, List<Example> examples, List<Encoded> encoded) {
    return new Batches(memory, examples, encoded, batch, length, padding, pad);
  }

  /**
   * Returns the first development examples, in their order.
   *
   * @param limit the greatest number of examples
   * @param size the number of examples of a batch
   */
  Batches firstDevBatches(HostMemory memory, int limit, int size) {
    int count = Math.min(limit, dev.size());
    return new Batches(
        memory, dataset.dev().subList(0, count), dev.subList(0, count), size, length, padding, pad);
  }

  /** Returns the number of steps of a number of passes over the training examples. */
  long steps(double epochs) {
    long perEpoch = (train.size() + batch - 1) / batch;
    return Math.max(1, Math.round(perEpoch * epochs));
  }

  /** Returns the metric of always giving the same answer: the commonest class, or the mean. */
  double constantGuess() {
    List<Example> dev = dataset.dev();
    float[] labels = new float[dev.size()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = dev.get(i).label();
    }
    float guess = task().isRegression() ? mean() : commonest();
    float[] guesses = new float[labels.length];
    Arrays.fill(guesses, guess);
    return task().metric().evaluate(guesses, labels).value();
  }

  private float mean() {
    return (float) dataset.train().stream().mapToDouble(Example::label).average().orElse(0);
  }

  private float commonest() {
    long[] counts = new long[task().labels()];
    for (Example example : dataset.train()) {
      counts[(int) example.label()]++;
    }
    int best = 0;
    for (int label = 1; label < counts.length; label++) {
      best = counts[label] > counts[best] ? label : best;
    }
    return best;
  }
}
