// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.experiments.report.ResultTable.Summary;
import org.limbeck.formats.BadInputException;

/** Aggregation by hand, and what is written can be read. */
class ResultTableTest {
  private static RunResult run(String task, String configuration, long seed, double best) {
    return new RunResult(
        task, configuration, seed, "accuracy", best, best - 1, 100, 30, 4_000_000, 400_000);
  }

  private static ResultTable table() {
    return new ResultTable(
        List.of(
            run("rte", "teacher", 1, 70),
            run("rte", "baseline", 1, 60),
            run("rte", "baseline", 2, 62),
            run("rte", "map", 1, 63),
            run("rte", "map", 2, 64),
            run("rte", "map", 3, 68),
            run("cola", "map", 1, 50)),
        "baseline",
        "teacher");
  }

  @Test
  void meansDeviationsAndDifferencesByHand() {
    List<Summary> summaries = table().summaries();
    assertEquals(4, summaries.size());
    Summary map = summaries.get(2);
    assertEquals("map", map.configuration());
    assertEquals(3, map.runs());
    assertEquals(65, map.mean(), 1e-12);
    assertEquals(Math.sqrt((4 + 1 + 9) / 2.0), map.deviation(), 1e-12);
    assertEquals(64, map.last(), 1e-12);
    assertEquals(4, map.toBaseline(), 1e-12);
    assertEquals(-5, map.toTeacher(), 1e-12);
    assertEquals(Math.sqrt(2), summaries.get(1).deviation(), 1e-12);
    assertTrue(Double.isNaN(summaries.get(0).deviation()), "a single run has none");
    assertTrue(Double.isNaN(summaries.get(3).toTeacher()), "no teacher on that task");
  }

  @Test
  void tablesShowThem() {
    assertEquals(
        """
        configuration  rte, accuracy  cola, accuracy  average
        -------------  -------------  --------------  -------
        teacher                70.00               -        -
        baseline        61.00 (1.41)               -        -
        map             65.00 (2.65)           50.00    57.50
        """,
        table().overview().plainText());
    String map = table().details().plainText().lines().skip(4).findFirst().orElseThrow();
    assertEquals(
        List.of(
            "rte",
            "map",
            "accuracy",
            "3",
            "65.00",
            "2.65",
            "64.00",
            "+4.00",
            "-5.00",
            "30.0",
            "s",
            "4.0",
            "MB",
            "0.4",
            "MB",
            "10.0x"),
        List.of(map.trim().split(" +")));
  }

  @Test
  void csvComesBackBitByBit() {
    List<RunResult> runs = new ArrayList<>(table().runs());
    runs.add(
        new RunResult(
            "a,\"b\"\nc", "", -5, "x", 0.1 + 0.2, Double.NaN, 1L << 40, 1e-300, 1, Long.MAX_VALUE));
    String csv = new ResultTable(runs, "baseline", "teacher").csv();
    assertEquals(runs, ResultTable.runsFromCsv("runs.csv", csv));
    assertEquals(runs, ResultTable.runsFromCsv("runs.csv", csv.strip().replace("\r", "")));
    assertEquals(
        List.of(), ResultTable.runsFromCsv("x", new ResultTable(List.of(), "b", "t").csv()));
  }

  @Test
  void badCsvIsNamed() {
    assertBad("runs.csv: line 1: expected the columns task,", "a,b\n");
    assertBad("expected the columns", "");
    String header = table().csv().lines().findFirst().orElseThrow() + "\n";
    assertBad("record 1: given 2 fields, expected 10", header + "a,b\n");
    assertBad("record 1: a field is not a number", header + "a,b,x,m,1,1,1,1,1,1\n");
    assertBad("does not end", header + "\"a,b\n");
  }

  private static void assertBad(String message, String text) {
    Exception e =
        assertThrows(BadInputException.class, () -> ResultTable.runsFromCsv("runs.csv", text));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void jsonHoldsRunsAndSummaries() {
    PackedResult packed =
        new PackedResult("rte", "map", "accuracy", 65, 3, 277, 900, 800, Double.NaN);
    JsonObject root =
        JsonParser.parseString(table().json(new PackedTable(List.of(packed)))).getAsJsonObject();
    JsonObject row = root.getAsJsonArray("packed").get(0).getAsJsonObject();
    assertEquals(3, row.get("differing").getAsInt());
    assertEquals(800, row.get("memory_bytes").getAsLong());
    assertTrue(row.get("sentences_per_second").isJsonNull());
    assertEquals("baseline", root.get("baseline").getAsString());
    assertEquals(7, root.getAsJsonArray("runs").size());
    JsonObject teacher = root.getAsJsonArray("summaries").get(0).getAsJsonObject();
    assertEquals(70, teacher.get("mean").getAsDouble(), 0);
    assertTrue(teacher.get("standard_deviation").isJsonNull());
  }

  @Test
  void runsThatContradictEachOtherAreRefused() {
    RunResult run = run("rte", "map", 1, 60);
    assertThrows(
        IllegalArgumentException.class, () -> new ResultTable(List.of(run, run), "b", "t"));
    RunResult other = new RunResult("rte", "map", 2, "F1", 1, 1, 1, 1, 1, 1);
    assertThrows(
        IllegalArgumentException.class, () -> new ResultTable(List.of(run, other), "b", "t"));
  }

  @Test
  void durationsReadAsAPersonWouldSayThem() {
    assertEquals("8.3 s", Numbers.duration(8.31));
    assertEquals("1 min 00 s", Numbers.duration(59.96));
    assertEquals("4 min 05 s", Numbers.duration(245));
    assertEquals("2 h 07 min", Numbers.duration(2 * 3600 + 7 * 60 + 10));
    assertEquals("-", Numbers.duration(Double.NaN));
  }
}
