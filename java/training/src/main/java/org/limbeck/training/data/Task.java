// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.limbeck.formats.BadInputException;

/**
 * The tasks of the experiments on encoders: how they lie on disk, their labels, and the sizes with
 * which the paper trains on them.
 *
 * <p>Source: Wang et al., "GLUE", ICLR 2019; lengths, batch sizes and metrics as in QAT-KD (Kim et
 * al., EMNLP 2022). {@code LANGUAGETOOL} is a task of this project, see {@link LanguageToolCorpus}.
 */
public enum Task {
  /** Linguistic acceptability; official files have no header. */
  COLA(
      new Layout("CoLA", List.of(4), false, 3, -1, 1),
      List.of("0", "1"),
      new Sizes(64, 16, 50),
      Metric.MATTHEWS),
  /** Sentiment. */
  SST2(
      new Layout("SST-2", List.of(2), true, 0, -1, 1),
      List.of("0", "1"),
      new Sizes(64, 32, 100),
      Metric.ACCURACY),
  /** Textual entailment, small. */
  RTE(
      new Layout("RTE", List.of(4), true, 1, 2, Layout.LAST),
      List.of("entailment", "not_entailment"),
      new Sizes(128, 32, 20),
      Metric.ACCURACY),
  /** Similarity of sentences, a score from 0 to 5. */
  STSB(
      new Layout("STS-B", List.of(10), true, 7, 8, Layout.LAST),
      List.of(),
      new Sizes(128, 32, 100),
      Metric.PEARSON_SPEARMAN),
  /** Paraphrases. */
  MRPC(
      new Layout("MRPC", List.of(5), true, 3, 4, 0),
      List.of("0", "1"),
      new Sizes(128, 32, 50),
      Metric.F1_ACCURACY),
  /** Whether a sentence answers a question. */
  QNLI(
      new Layout("QNLI", List.of(4), true, 1, 2, Layout.LAST),
      List.of("entailment", "not_entailment"),
      new Sizes(128, 32, 1000),
      Metric.ACCURACY),
  /** Duplicate questions; rows cut short by a line break within a question are skipped. */
  QQP(
      new Layout("QQP", List.of(6), true, 3, 4, 5),
      List.of("0", "1"),
      new Sizes(128, 32, 1000),
      Metric.F1_ACCURACY),
  /** Entailment between genres; the file to train on has 12 columns, the other two have 16. */
  MNLI(
      new Layout("MNLI", List.of(12, 16), true, 8, 9, Layout.LAST),
      List.of("contradiction", "entailment", "neutral"),
      new Sizes(128, 32, 8000),
      Metric.ACCURACY),
  /**
   * Acceptability of the example sentences of LanguageTool's English rules; 26 of the 18,105 to
   * train on are longer than 48 word pieces.
   */
  LANGUAGETOOL(null, List.of("0", "1"), new Sizes(48, 32, 100), Metric.MATTHEWS);

  /** The highest score of a regression; the lowest is 0. */
  static final float HIGHEST_SCORE = 5;

  private final Layout layout;
  private final List<String> labelNames;
  private final Sizes sizes;
  private final Metric metric;

  Task(Layout layout, List<String> labelNames, Sizes sizes, Metric metric) {
    this.layout = layout;
    this.labelNames = labelNames;
    this.sizes = sizes;
    this.metric = metric;
  }

  /**
   * Where a task's columns are in its tab-separated files.
   *
   * @param folder the folder of the task below GLUE's
   * @param columns the numbers of columns that a row may have
   * @param header whether the first line names the columns
   * @param textA the column of the first sentence, from 0
   * @param textB the column of the second, or -1
   * @param label the column of the label, or {@link #LAST}
   */
  record Layout(
      String folder, List<Integer> columns, boolean header, int textA, int textB, int label) {
    /** The last column of a row. */
    static final int LAST = -1;

    /** Returns the column of the label in a row of a number of columns. */
    int labelColumn(int rowColumns) {
      return label == LAST ? rowColumns - 1 : label;
    }
  }

  private record Sizes(int maximumLength, int batchSize, int evaluationSteps) {}

  /**
   * Returns the task of a name, as on the command line.
   *
   * @param name the name, for example {@code sst2}
   * @throws BadInputException if there is none of that name; the message lists the names
   */
  public static Task of(String name) {
    for (Task task : values()) {
      if (task.id().equals(name)) {
        return task;
      }
    }
    throw new BadInputException(
        "Unknown task \""
            + name
            + "\": expected one of "
            + Arrays.stream(values()).map(Task::id).collect(Collectors.joining(", ")));
  }

  /** Returns the name on the command line and in reports. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns whether the task is read from files in GLUE's layout. */
  public boolean isGlue() {
    return layout != null;
  }

  /** Returns where the columns are; the task must be one of GLUE's. */
  Layout layout() {
    return layout;
  }

  /** Returns the folder below GLUE's, or null if the task has no files. */
  public String folder() {
    return layout == null ? null : layout.folder();
  }

  /** Returns whether an example has two sentences. */
  public boolean isPair() {
    return layout != null && layout.textB() >= 0;
  }

  /** Returns whether labels are scores instead of classes. */
  public boolean isRegression() {
    return labelNames.isEmpty();
  }

  /** Returns the columns of the classifier: the number of classes, 1 for a regression. */
  public int labels() {
    return isRegression() ? 1 : labelNames.size();
  }

  /** Returns the names of the classes by their id; empty for a regression. */
  public List<String> labelNames() {
    return labelNames;
  }

  /** Returns the longest sequence in word pieces, special ones included. */
  public int maximumLength() {
    return sizes.maximumLength();
  }

  /** Returns the number of examples in a step of training. */
  public int batchSize() {
    return sizes.batchSize();
  }

  /** Returns the number of steps between evaluations while training. */
  public int evaluationSteps() {
    return sizes.evaluationSteps();
  }

  /** Returns how predictions are judged. */
  public Metric metric() {
    return metric;
  }

  /**
   * Returns what a classifier predicts: the class of the largest logit, the first one on ties, or
   * for a regression the logit itself.
   *
   * @param logits row-major, shape [examples, {@link #labels}]
   * @return one class id or score an example
   */
  public float[] predictions(float[] logits) {
    if (isRegression()) {
      return logits.clone();
    }
    int classes = labels();
    if (logits.length % classes != 0) {
      throw new IllegalArgumentException(
          "Task.predictions: given "
              + logits.length
              + " logits, expected a multiple of "
              + classes
              + ", the classes of "
              + id());
    }
    float[] predictions = new float[logits.length / classes];
    for (int i = 0; i < predictions.length; i++) {
      int best = 0;
      for (int c = 1; c < classes; c++) {
        if (logits[i * classes + c] > logits[i * classes + best]) {
          best = c;
        }
      }
      predictions[i] = best;
    }
    return predictions;
  }
}
