// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.formats.BadInputException;

class GlueReaderTest {
  @TempDir Path root;

  private void write(String file, String content) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.write(path, content.getBytes(StandardCharsets.UTF_8));
  }

  private void writeBoth(String folder, String content) throws IOException {
    write(folder + "/train.tsv", content);
    write(folder + "/dev.tsv", content);
  }

  private String messageOf(Task task) {
    return assertThrows(BadInputException.class, () -> GlueReader.read(root, task)).getMessage();
  }

  @Test
  void colaHasNoHeaderAndKeepsQuotes() throws IOException {
    writeBoth("CoLA", "gj04\t1\t\tA \"quoted one.\nks08\t0\t*\tÜber\u2028two.\r\n\n");
    Dataset data = GlueReader.read(root, Task.COLA);
    assertEquals(
        List.of(new Example("A \"quoted one.", null, 1), new Example("Über\u2028two.", null, 0)),
        data.train());
    assertEquals(data.train(), data.dev());
    assertTrue(data.test().isEmpty() && data.devMismatched().isEmpty());
  }

  @Test
  void sst2BelowTheFolderGlue() throws IOException {
    writeBoth("glue/SST-2", "\uFEFFsentence\tlabel\ngood \t1\n");
    assertEquals(List.of(new Example("good ", null, 1)), GlueReader.read(root, Task.SST2).train());
  }

  @Test
  void entailmentComesFirstInRteAndQnli() throws IOException {
    String rows = "index\ta\tb\tlabel\n0\tp\th\tnot_entailment\n1\tq\ti\tentailment\n";
    for (Task task : List.of(Task.RTE, Task.QNLI)) {
      writeBoth(task.folder(), rows);
      assertEquals(
          List.of(new Example("p", "h", 1), new Example("q", "i", 0)),
          GlueReader.read(root, task).dev());
    }
  }

  @Test
  void stsbScores() throws IOException {
    writeBoth("STS-B", "h\n0\tg\tf\ty\to\ts1\ts2\tone\ttwo\t3.800\n");
    Dataset data = GlueReader.read(root, Task.STSB);
    assertEquals(List.of(new Example("one", "two", 3.8f)), data.train());
    assertEquals(1, Task.STSB.labels());
  }

  @Test
  void mrpcLabelsComeFirst() throws IOException {
    writeBoth("MRPC", "\uFEFFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\tone\ttwo\r\n");
    assertEquals(List.of(new Example("one", "two", 1)), GlueReader.read(root, Task.MRPC).train());
  }

  @Test
  void qqpSkipsShortRows() throws IOException {
    writeBoth("QQP", "h\n0\t1\t2\tone\ttwo\t1\n3\t4\t5\tbroken\nhere\t0\n6\t7\t8\tc\td\t0\n");
    assertEquals(
        List.of(new Example("one", "two", 1), new Example("c", "d", 0)),
        GlueReader.read(root, Task.QQP).train());
  }

  @Test
  void mnliHasTwoGenresAndTwoWidths() throws IOException {
    String start = "0\tp\ti\tg\tb1\tb2\tp1\tp2\tone\ttwo\t";
    write("MNLI/train.tsv", "h\n" + start + "neutral\tneutral\n");
    String four = "neutral\tneutral\tneutral\tneutral\tneutral\t";
    write("MNLI/dev_matched.tsv", "h\n" + start + four + "contradiction\n");
    write("MNLI/dev_mismatched.tsv", "h\n" + start + four + "entailment\n");
    Dataset data = GlueReader.read(root, Task.MNLI);
    assertEquals(List.of(new Example("one", "two", 2)), data.train());
    assertEquals(List.of(new Example("one", "two", 0)), data.dev());
    assertEquals(List.of(new Example("one", "two", 1)), data.devMismatched());
  }

  @Test
  void missingFolderAndMissingFile() throws IOException {
    assertTrue(messageOf(Task.COLA).startsWith("No data for task cola in " + root));
    write("CoLA/train.tsv", "s\t1\t\tx\n");
    assertTrue(messageOf(Task.COLA).startsWith("No file " + root.resolve("CoLA/dev.tsv")));
  }

  @Test
  void wrongColumnsAndLabelsNameFileAndLine() throws IOException {
    writeBoth("CoLA", "s\t1\t\tx\ns\t1\tx\n");
    assertEquals(
        root.resolve("CoLA/train.tsv")
            + ", line 2: 3 columns: expected 4 columns separated by tabs, as in GLUE's CoLA",
        messageOf(Task.COLA));
    writeBoth("RTE", "h\n0\ta\tb\tneutral\n");
    assertEquals(
        root.resolve("RTE/train.tsv")
            + ", line 2: label \"neutral\": expected one of entailment, not_entailment for task rte",
        messageOf(Task.RTE));
    for (String score : List.of("5.5", "-1", "NaN", "high")) {
      writeBoth("STS-B", "h\n0\tg\tf\ty\to\ts1\ts2\tone\ttwo\t" + score + "\n");
      assertEquals(
          root.resolve("STS-B/train.tsv")
              + ", line 2: label \""
              + score
              + "\": expected a score from 0 to 5 for task stsb",
          messageOf(Task.STSB));
    }
  }

  @Test
  void emptySplitAndOtherEncoding() throws IOException {
    writeBoth("SST-2", "sentence\tlabel\n");
    assertTrue(messageOf(Task.SST2).contains("no example in 1 lines"));
    writeBoth("CoLA", "s\t1\t\tx\n");
    Files.write(root.resolve("CoLA/dev.tsv"), "s\t1\t\tx\ns\t1\t\t\u00e9\n".getBytes("ISO-8859-1"));
    assertTrue(messageOf(Task.COLA).contains("dev.tsv, line 2: bytes that are no text in UTF-8"));
  }

  @Test
  void unknownTaskListsTheNames() {
    assertEquals(
        "Unknown task \"wnli\": expected one of "
            + "cola, sst2, rte, stsb, mrpc, qnli, qqp, mnli, languagetool",
        assertThrows(BadInputException.class, () -> Task.of("wnli")).getMessage());
    for (Task task : Task.values()) {
      assertEquals(task, Task.of(task.id()));
    }
  }

  @Test
  void predictionsAreTheFirstLargestLogit() {
    assertEquals(
        List.of(1f, 0f, 2f),
        list(Task.MNLI.predictions(new float[] {0, 3, 1, 2, 2, 2, -3, -2, -1})));
    assertEquals(List.of(0.5f, 4f), list(Task.STSB.predictions(new float[] {0.5f, 4})));
    assertThrows(
        IllegalArgumentException.class, () -> Task.COLA.predictions(new float[] {1, 2, 3}));
  }

  private static List<Float> list(float[] values) {
    List<Float> out = new ArrayList<>();
    for (float value : values) {
      out.add(value);
    }
    return out;
  }

  @Test
  void subsetIsSeededAndNested() throws IOException {
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      rows.append("s\t1\t\tsentence ").append(i).append('\n');
    }
    writeBoth("CoLA", rows.toString());
    Dataset data = GlueReader.read(root, Task.COLA);
    List<Example> ten = data.withTrainingSubset(10, 42).train();
    assertEquals(10, new HashSet<>(ten).size());
    assertEquals(ten, data.withTrainingSubset(10, 42).train());
    assertEquals(ten, data.withTrainingSubset(50, 42).train().subList(0, 10));
    assertFalse(ten.equals(data.withTrainingSubset(10, 43).train()));
    assertEquals(data.train(), data.withTrainingSubset(100, 42).train());
    assertEquals(100, data.withTrainingSubset(10, 42).dev().size());
    assertThrows(IllegalArgumentException.class, () -> data.withTrainingSubset(0, 42));
  }

  @ParameterizedTest
  @CsvSource({"cola,8551,1043", "sst2,67349,872", "rte,2490,277", "stsb,5749,1500"})
  void countsOfTheRealData(String task, int train, int dev) {
    String root = System.getProperty("limbeck.data", "");
    assumeFalse(root.isEmpty(), "no real data: set limbeck.data to a directory with glue/");
    Dataset data = GlueReader.read(Path.of(root), Task.of(task));
    assertEquals(train, data.train().size());
    assertEquals(dev, data.dev().size());
  }
}
