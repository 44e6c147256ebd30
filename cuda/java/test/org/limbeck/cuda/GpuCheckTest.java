// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script for a machine with a GPU, as far as it needs none: what it would run, what it refuses.
 */
@EnabledOnOs(OS.LINUX)
class GpuCheckTest {
  private static final Path SCRIPT =
      Path.of(System.getProperty("limbeck.cuda.kernels")).resolveSibling("gpu-check");

  @TempDir private Path directory;

  private record Run(int exit, List<String> out) {}

  private Run check(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("bash", SCRIPT.toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Run(process.waitFor(), out.lines().toList());
  }

  private void assertRefused(String message, String... arguments)
      throws IOException, InterruptedException {
    Run run = check(arguments);
    assertEquals(2, run.exit());
    assertEquals(List.of("gpu-check: " + message), run.out());
  }

  @Test
  void aDryRunNamesEveryCommand() throws IOException, InterruptedException {
    Files.writeString(directory.resolve("bundle.txt"), "toolkit of the kernels: 13.0\n");
    Path tests = Files.createDirectories(directory.resolve("tests/cuda/org/limbeck/cuda"));
    Files.createFile(tests.resolve("CudaSoftmaxTest.class"));
    Run run =
        check(
            "--dry-run",
            "--bundle",
            directory.toString(),
            "--out",
            directory.resolve("out").toString(),
            "--data",
            "glue",
            "--model",
            "encoder");
    assertEquals(0, run.exit(), String.join("\n", run.out()));
    String out = String.join("\n", run.out());
    for (String stage : List.of("tests", "sanitizer", "bench", "peers", "step", "qat-kd")) {
      assertTrue(out.contains("== stage " + stage + ", at most 540 s"), out);
    }
    assertTrue(out.contains("--select-class=org.limbeck.cuda.CudaSoftmaxTest"), out);
    assertTrue(out.contains("compute-sanitizer --tool racecheck"), out);
    assertTrue(out.contains("org.limbeck.cuda.GpuBench cuda "), out);
    assertTrue(out.contains("peers.py "), out);
    assertTrue(
        out.contains("org.limbeck.bench.QatKdStepMain --device cuda --layers 12 --hidden 768"),
        out);
    assertTrue(out.contains("step.csv --write "), out);
    assertTrue(out.contains("step.csv --tf32"), out);
    assertTrue(out.contains("qat_kd_step.py "), out);
    assertTrue(out.contains("qat-kd --quiet --device cuda --task rte"), out);
    assertTrue(out.contains("qat-kd-tf32 --tf32 "), out);
  }

  @Test
  void whatIsWrongIsOneSentence() throws IOException, InterruptedException {
    String none = directory.resolve("none").toString();
    assertRefused(
        none + " is no folder that gpu-check pack made: bundle.txt is absent", "--bundle", none);
    Files.writeString(directory.resolve("bundle.txt"), "");
    assertRefused(
        "--stage: given all, expected some of tests,sanitizer,bench,peers,step,qat-kd",
        "--bundle",
        directory.toString(),
        "--stage",
        "all");
    assertRefused("--limit: given 10, expected seconds, at least 100", "--limit", "10");
    assertRefused("given fast, expected an option; --help shows them", "fast");
    assertRefused("pack: given no folder, expected one to make", "pack");
    assertEquals(0, check("--help").exit());
  }
}
