// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Every benchmark once, at tiny shapes, and what a person sees. */
class MainTest {
  private static final Map<Stem, String> TINY =
      Map.of(
          Stem.CEILING, "65536",
          Stem.GEMM_F32, "33x17x65",
          Stem.SOFTMAX_KL, "3x257",
          Stem.FAKE_QUANT, "65x33");

  @TempDir private Path directory;

  private record Run(int exit, List<String> out, String err) {}

  private static Run bench(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    int exit = line.execute(arguments);
    return new Run(exit, out.toString().lines().toList(), err.toString());
  }

  private static void assertBadInput(Run run, String message) {
    assertEquals(2, run.exit(), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertTrue(run.out().isEmpty(), run.out().toString());
  }

  private void writeTinyShapes() throws IOException {
    for (Map.Entry<Stem, String> entry : TINY.entrySet()) {
      Files.writeString(
          directory.resolve(entry.getKey().label() + ".csv"),
          "shape,reason\n" + entry.getValue() + ",small\n");
    }
  }

  @Test
  void everyBenchmarkRunsAndGivesARow() throws IOException {
    writeTinyShapes();
    Path csv = directory.resolve("out.csv");
    Run run = bench("--once", "--quiet", "--shapes", directory.toString(), "--csv", csv.toString());
    assertEquals(0, run.exit(), run.err());
    assertEquals(Files.readAllLines(csv), run.out());
    assertEquals(Results.HEADER, run.out().get(0));
    // For 1 and 2 threads: 3 ceilings, 3 layouts of gemm, 1 softmax_kl, 2 x 2 fake_quant.
    assertEquals(1 + 2 * (3 + 3 + 1 + 4), run.out().size(), run.out().toString());
    for (String line : run.out().subList(1, run.out().size())) {
      String[] fields = line.split(",", -1);
      assertEquals(13, fields.length, line);
      assertEquals(fields[0].equals("ceiling") ? "" : "vector", fields[4], line);
      assertTrue(Double.parseDouble(fields[5]) > 0, line);
      assertTrue(fields[6].isEmpty() != fields[7].isEmpty(), line);
      assertTrue(Double.parseDouble(fields[8]) >= 0, line);
    }
    for (String begin :
        new String[] {
          "ceiling,registers,fma,1,",
          "ceiling,65536,copy,2,",
          "ceiling,65536,read,1,",
          "gemm_f32,33x17x65,TN,2,vector,",
          "softmax_kl,3x257,forward_kl+gradient,1,vector,",
          "fake_quant,65x33,ternary.forward,2,vector,",
          "fake_quant,65x33,symmetric8.backward,1,vector,"
        }) {
      assertEquals(1, run.out().stream().filter(l -> l.startsWith(begin)).count(), begin);
    }
  }

  @Test
  void builtInShapesAreWellFormed() {
    for (Stem stem : Stem.values()) {
      assertFalse(Shapes.of(stem, null).isEmpty());
    }
  }

  @Test
  void badUsageIsOneSentence() throws IOException {
    assertBadInput(bench("--no-such-option"), "--no-such-option");
    assertBadInput(bench("--stem", "gemm"), "no benchmark of the stem gemm");
    assertBadInput(bench("--stem", "ceiling"), "no benchmark of the stem ceiling");
    assertBadInput(bench("--threads", "two"), "two");
    assertBadInput(bench("--threads", "0"), "--threads is 0");
    assertBadInput(bench("--backend", "none"), "none");
    assertBadInput(bench("--shapes", directory.toString()), "ceiling.csv: the file cannot be read");
    assertBadInput(
        bench("--csv", directory.resolve("none/out.csv").toString()), "cannot be written");
    writeTinyShapes();
    Files.writeString(directory.resolve("gemm_f32.csv"), "shape,reason\n64x64,flat\n");
    assertBadInput(bench("--shapes", directory.toString()), "a shape of 3 sizes, such as 64x64x64");
    Files.writeString(directory.resolve("gemm_f32.csv"), "64x64x64,no header\n");
    assertBadInput(bench("--shapes", directory.toString()), "expected the line shape,reason");
    Files.writeString(directory.resolve("gemm_f32.csv"), "shape,reason\n64x0x64,empty\n");
    assertBadInput(bench("--shapes", directory.toString()), "\"64x0x64,empty\"");
  }

  @Test
  void helpIsThere() {
    Run run = bench("--help");
    assertEquals(0, run.exit());
    assertTrue(run.out().get(0).startsWith("Usage: bench"), run.out().toString());
  }
}
