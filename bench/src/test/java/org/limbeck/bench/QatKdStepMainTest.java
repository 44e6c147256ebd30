// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.limbeck.bench.step.StepPeer;
import picocli.CommandLine;

class QatKdStepMainTest {
  private static final String[] TINY = {
    "--layers=2",
    "--hidden=24",
    "--heads=3",
    "--vocabulary=50",
    "--batch=3",
    "--length=9",
    "--warmup=1",
    "--steps=2"
  };

  private record Run(int exit, List<String> out, String err) {}

  private static Run run(String... more) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line =
        QatKdStepMain.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    String[] arguments = new String[TINY.length + more.length];
    System.arraycopy(TINY, 0, arguments, 0, TINY.length);
    System.arraycopy(more, 0, arguments, TINY.length, more.length);
    int exit = line.setOverwrittenOptionsAllowed(true).execute(arguments);
    return new Run(exit, out.toString().lines().toList(), err.toString());
  }

  @Test
  void oneLineForEachNumberOfThreads() {
    Run run = run("--losses=map+output");
    assertEquals(0, run.exit(), run.err());
    assertEquals(3, run.out().size(), run.out().toString());
    assertEquals(QatKdStepMain.HEADER, run.out().get(0));
    for (int threads = 1; threads <= 2; threads++) {
      String[] fields = run.out().get(threads).split(",", -1);
      assertEquals(10, fields.length, run.out().get(threads));
      assertEquals("2x24_b3_s9", fields[0]);
      assertEquals("map+output", fields[1]);
      assertEquals(threads, Integer.parseInt(fields[2]));
      assertTrue(Long.parseLong(fields[4]) > 0);
      assertTrue(Double.parseDouble(fields[5]) > 0);
      double gemm = Double.parseDouble(fields[6]);
      double others = Double.parseDouble(fields[7]);
      double outside = Double.parseDouble(fields[8]);
      assertTrue(gemm > 0 && others > 0 && outside >= 0, run.out().get(threads));
      assertEquals(100, gemm + others + outside, 0.2);
      for (String stem :
          List.of("gemm_f32", "attention", "attention_kl", "fake_quant", "bert_adam", "dropout")) {
        assertTrue((" " + fields[9]).contains(" " + stem + "="), stem + ": " + fields[9]);
      }
    }
  }

  private static boolean hasPeers() {
    return ServiceLoader.load(StepPeer.class).findFirst().isPresent();
  }

  @Test
  void withoutPeersOneSentenceSaysWhatIsNeeded() {
    assumeFalse(hasPeers(), "this build has the peers");
    assertBadInput(run("--peer=torch"), "only a build with -Ppeers contains");
  }

  @Test
  void takesTurnsWithLibtorch() {
    assumeTrue(hasPeers(), "libtorch's step needs a build with -Ppeers");
    assertBadInput(run("--peer=torch", "--settings=best"), "expected some of default,kept,fused");
    assertBadInput(run("--peer=torch"), "--steps is 2, expected a multiple of --pairs 5");
    Run run = run("--peer=torch", "--settings=default,fused", "--threads=1", "--pairs=2");
    assertEquals(0, run.exit(), run.err());
    assertEquals(3, run.out().size(), run.out().toString());
    String[] names = run.out().get(0).split(",", -1);
    for (String line : run.out().subList(1, 3)) {
      String[] fields = line.split(",", -1);
      assertEquals(names.length, fields.length, line);
      assertEquals("torch", fields[List.of(names).indexOf("peer")]);
      assertTrue(line.contains("libtorch 2."), line);
      assertTrue(Double.parseDouble(fields[List.of(names).indexOf("ratio")]) > 0, line);
    }
  }

  private static void assertBadInput(Run run, String message) {
    assertEquals(2, run.exit(), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertTrue(run.out().isEmpty(), run.out().toString());
  }

  @Test
  void badUsageIsOneSentence() {
    assertBadInput(run("--steps=0"), "--steps is 0, expected at least 1");
    assertBadInput(run("--threads=0"), "--threads is 0, expected at least 1");
    assertBadInput(run("--losses=maps"), "given the term 'maps'");
    assertBadInput(run("--heads=5"), "expected a multiple of heads = 5");
    assertBadInput(run("--backend=none"), "no backend has this name");
    assertBadInput(run("--pairs=0"), "--pairs is 0, expected at least 1");
    assertBadInput(run("--no-such-option"), "--no-such-option");
  }
}
