// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.BertConfig;
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
 * @param devMismatched those of MNLI's other genres, empty in other tasks
 * @param batch the number of examples of a batch
 * @param length the greatest number of word pieces
 * @param padding to which length batches are padded
 * @param marks the word pieces of a role of their own
 */
record TokenizedTask(
    Dataset dataset,
    List<Encoded> train,
    List<Encoded> dev,
    List<Encoded> devMismatched,
    int batch,
    int length,
    Padding padding,
    Marks marks) {

  /**
   * The numbers of word pieces of a role of their own; -1 for one that the vocabulary lacks.
   *
   * @param pad the padding
   * @param cls the first of an example
   * @param sep the one behind a sentence
   * @param comma the comma
   * @param period the period
   */
  record Marks(int pad, int cls, int sep, int comma, int period) {
    static Marks of(WordPieceTokenizer tokenizer) {
      return new Marks(
          tokenizer.pad(),
          tokenizer.cls(),
          tokenizer.sep(),
          tokenizer.number(","),
          tokenizer.number("."));
    }
  }

  /**
   * Reads and tokenizes a task.
   *
   * @param task the task
   * @param data the folder of GLUE's tasks; not used by tasks that have no files
   * @param settings batch, length, padding and number of training examples
   * @param tokenizer the encoder's tokenizer
   * @param model the sizes of the encoder
   * @throws BadInputException if the data cannot be read, or the encoder does not take them
   */
  static TokenizedTask read(
      Task task, Path data, Settings settings, WordPieceTokenizer tokenizer, BertConfig model) {
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
    if (length > model.positions()) {
      throw new BadInputException(
          "sequences of "
              + length
              + " word pieces are longer than the "
              + model.positions()
              + " positions of the model: give a smaller --length");
    }
    if (task.isPair() && model.types() < 2) {
      throw new BadInputException(
          "task "
              + task.id()
              + " is about pairs of sentences, but the model knows only one type of token");
    }
    List<Encoded> train = tokenizer.encodeAll(dataset.train(), length);
    List<Encoded> dev = tokenizer.encodeAll(dataset.dev(), length);
    List<Encoded> devMismatched = tokenizer.encodeAll(dataset.devMismatched(), length);
    requireKnown(train, model.vocabulary());
    requireKnown(dev, model.vocabulary());
    requireKnown(devMismatched, model.vocabulary());
    int batch = settings.batch() > 0 ? settings.batch() : task.batchSize();
    return new TokenizedTask(
        dataset,
        train,
        dev,
        devMismatched,
        Math.min(batch, Math.max(train.size(), dev.size())),
        length,
        Padding.valueOf(settings.padding().toUpperCase(Locale.ROOT)),
        Marks.of(tokenizer));
  }

  private static void requireKnown(List<Encoded> examples, int vocabulary) {
    for (Encoded example : examples) {
      for (int piece : example.ids()) {
        if (piece >= vocabulary) {
          throw new BadInputException(
              "the model's tokenizer gives word piece "
                  + piece
                  + ", but the model has embeddings for "
                  + vocabulary
                  + " only: they are not of one model");
        }
      }
    }
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

  Batches devMismatchedBatches(HostMemory memory) {
    return batches(memory, dataset.devMismatched(), devMismatched);
  }

  private Batches batches(HostMemory memory, List<Example> examples, List<Encoded> encoded) {
    return new Batches(memory, examples, encoded, batch, length, padding, marks.pad());
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
        memory,
        dataset.dev().subList(0, count),
        dev.subList(0, count),
        size,
        length,
        padding,
        marks.pad());
  }

  /** Returns the number of steps of a number of passes over the training examples. */
  long steps(double epochs) {
    long perEpoch = (train.size() + batch - 1) / batch;
    return Math.max(1, Math.round(perEpoch * epochs));
  }

  /**
   * Returns the metric of always giving the same answer: the commonest class, or the mean.
   *
   * @param split the examples that are judged
   */
  double constantGuess(List<Example> split) {
    float[] labels = new float[split.size()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = split.get(i).label();
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
