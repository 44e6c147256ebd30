// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.limbeck.formats.BadInputException;

/**
 * Reads the tab-separated files of GLUE as they are distributed: UTF-8, a row a line, nothing
 * quoted.
 *
 * <p>Source of the columns and label ids: the data processors of TernaryBERT and QAT-KD, which are
 * those of Hugging Face's GLUE example.
 */
public final class GlueReader {
  private GlueReader() {}

  /**
   * Reads the labelled splits of a task.
   *
   * @param root a directory that contains the tasks' folders ({@code CoLA} and so on), or one that
   *     contains them in its folder {@code glue}
   * @param task a task of GLUE
   * @return train and dev, for MNLI also the mismatched dev; no test, whose labels GLUE keeps
   * @throws BadInputException if a file is missing or unreadable, is not UTF-8, has a row with
   *     another number of columns than the task's or with a label that the task does not know, or
   *     has no row; the message names file and line
   * @throws IllegalArgumentException if the task is none of GLUE's
   */
  public static Dataset read(Path root, Task task) {
    if (!task.isGlue()) {
      throw new IllegalArgumentException(
          "GlueReader: task: given " + task.id() + ", expected a task of GLUE");
    }
    Path folder = folder(root, task);
    boolean twoGenres = task == Task.MNLI;
    return new Dataset(
        task,
        readSplit(folder.resolve("train.tsv"), task),
        readSplit(folder.resolve(twoGenres ? "dev_matched.tsv" : "dev.tsv"), task),
        twoGenres ? readSplit(folder.resolve("dev_mismatched.tsv"), task) : List.of(),
        List.of());
  }

  private static Path folder(Path root, Task task) {
    Path direct = root.resolve(task.folder());
    Path below = root.resolve("glue").resolve(task.folder());
    if (Files.isDirectory(direct)) {
      return direct;
    }
    if (Files.isDirectory(below)) {
      return below;
    }
    throw new BadInputException(
        "No data for task "
            + task.id()
            + " in "
            + root
            + ": expected the folder "
            + direct
            + " or "
            + below
            + " with train.tsv and "
            + (task == Task.MNLI ? "dev_matched.tsv, dev_mismatched.tsv" : "dev.tsv"));
  }

  private static List<Example> readSplit(Path file, Task task) {
    String text = Utf8File.read(file, "a split in GLUE's columns");
    List<Example> examples = new ArrayList<>();
    List<String> lines = Utf8File.lines(text);
    int last = lines.size();
    while (last > 0 && lines.get(last - 1).isEmpty()) {
      last--;
    }
    for (int line = task.layout().header() ? 2 : 1; line <= last; line++) {
      Example example = example(lines.get(line - 1), task, file, line);
      if (example != null) {
        examples.add(example);
      }
    }
    if (examples.isEmpty()) {
      throw new BadInputException(
          file
              + ": no example in "
              + last
              + " lines: expected rows of task "
              + task.id()
              + (task.layout().header() ? " below the line that names the columns" : ""));
    }
    return examples;
  }

  /** Returns the example of a line, or null for a row of QQP that is cut short. */
  private static Example example(String row, Task task, Path file, int line) {
    Task.Layout layout = task.layout();
    String[] cells = row.split("\t", -1);
    if (!layout.columns().contains(cells.length)) {
      if (task == Task.QQP && cells.length < layout.columns().get(0)) {
        return null;
      }
      throw new BadInputException(
          file
              + ", line "
              + line
              + ": "
              + cells.length
              + " columns: expected "
              + layout.columns().stream().map(String::valueOf).collect(Collectors.joining(" or "))
              + " columns separated by tabs, as in GLUE's "
              + layout.folder());
    }
    String label = cells[layout.labelColumn(cells.length)];
    return new Example(
        cells[layout.textA()],
        layout.textB() < 0 ? null : cells[layout.textB()],
        label(label, task, file, line));
  }

  private static float label(String label, Task task, Path file, int line) {
    String expected;
    if (task.isRegression()) {
      try {
        float score = Float.parseFloat(label);
        if (score >= 0 && score <= Task.HIGHEST_SCORE) {
          return score;
        }
      } catch (NumberFormatException e) {
        // Reported below, like a number out of range.
      }
      expected = "a score from 0 to " + (int) Task.HIGHEST_SCORE;
    } else {
      int id = task.labelNames().indexOf(label);
      if (id >= 0) {
        return id;
      }
      expected = "one of " + String.join(", ", task.labelNames());
    }
    throw new BadInputException(
        file
            + ", line "
            + line
            + ": label \""
            + label
            + "\": expected "
            + expected
            + " for task "
            + task.id());
  }
}
