// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.ServiceLoader;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.limbeck.bench.step.StepPeer;
import org.limbeck.kernels.backend.Backends;

/** What a command that times whole steps, or translation, printed, and its exit code. */
record StepRun(int exit, List<String> out, String err) {
  private static final String EMULATED = "cuda-emulated";

  /** Runs a command in this process. Options may be given twice: the last counts. */
  static StepRun of(Callable<Integer> command, String[] arguments, String... more) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int exit =
        StepMain.commandLine(command)
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(err))
            .setOverwrittenOptionsAllowed(true)
            .execute(Stream.of(arguments, more).flatMap(Stream::of).toArray(String[]::new));
    return new StepRun(exit, out.toString().lines().toList(), err.toString());
  }

  /** Returns whether this build has the peers. */
  static boolean hasPeers() {
    return ServiceLoader.load(StepPeer.class).findFirst().isPresent();
  }

  /** Returns a field of a line by the name in the header. */
  String field(int line, String name) {
    String[] names = out.get(0).split(",", -1);
    String[] fields = out.get(line).split(",", -1);
    assertEquals(names.length, fields.length, out.get(line));
    return fields[List.of(names).indexOf(name)];
  }

  /** Asserts that there is a line for each number of threads from 1, whose shares add up. */
  void assertMeasured(int threads, List<String> stems) {
    assertEquals(0, exit, err);
    assertEquals(1 + threads, out.size(), out.toString());
    assertEquals(StepMain.HEADER, out.get(0));
    for (int n = 1; n <= threads; n++) {
      assertEquals(n, Integer.parseInt(field(n, "threads")));
      assertTrue(Long.parseLong(field(n, "median_ns")) > 0);
      assertTrue(Double.parseDouble(field(n, "tokens_per_second")) > 0);
      assertShares(n, stems);
    }
  }

  /** Skips a test where the emulated device is absent. */
  static void assumeEmulated() {
    try (Backends backends = Backends.discover()) {
      assumeTrue(
          backends.available().stream().anyMatch(b -> b.name().equals(EMULATED)),
          backends.missing().toString());
    }
  }

  /** Asserts that there is one line, of the emulated device, whose time is not split. */
  void assertOnDevice() {
    assertEquals(0, exit, err);
    assertEquals(2, out.size(), out.toString());
    assertEquals(EMULATED, field(1, "backend"));
    assertEquals("1", field(1, "threads"));
    assertTrue(Double.parseDouble(field(1, "tokens_per_second")) > 0);
    for (String share : StepMain.SHARES.split(",")) {
      assertEquals("", field(1, share));
    }
  }

  /** Asserts that the shares of a line add up, and that stems are among them. */
  void assertShares(int line, List<String> stems) {
    double gemm = Double.parseDouble(field(line, "gemm_f32_pct"));
    double others = Double.parseDouble(field(line, "other_stems_pct"));
    double outside = Double.parseDouble(field(line, "outside_kernels_pct"));
    assertTrue(gemm > 0 && others > 0 && outside >= 0, out.get(line));
    assertEquals(100, gemm + others + outside, 0.2);
    for (String stem : stems) {
      String found = field(line, "stems");
      assertTrue((" " + found).contains(" " + stem + "="), stem + ": " + found);
    }
  }

  /** Asserts that each line is a comparison with libtorch. */
  void assertCompared(int lines) {
    assertEquals(0, exit, err);
    assertEquals(1 + lines, out.size(), out.toString());
    for (int i = 1; i <= lines; i++) {
      assertEquals("torch", field(i, "peer"));
      assertTrue(field(i, "peer_path").contains("libtorch 2."), out.get(i));
      assertTrue(Double.parseDouble(field(i, "ratio")) > 0, out.get(i));
    }
  }

  /** Asserts that the command was refused in one sentence. */
  void assertBadInput(String message) {
    assertEquals(2, exit, err);
    assertEquals(1, err.lines().count(), err);
    assertTrue(err.contains(message), err);
    assertTrue(out.isEmpty(), out.toString());
  }
}
