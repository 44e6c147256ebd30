// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.backend.Backends;

/** The benchmark of a GPU at tiny sizes, emulated: what it computes, checks and writes. */
class GpuBenchTest {
  @TempDir private Path directory;

  private record Run(int exit, List<String> out) {}

  private static Run bench(String... arguments) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int exit = GpuBench.run(new PrintStream(out, true, StandardCharsets.UTF_8), arguments);
    return new Run(exit, out.toString(StandardCharsets.UTF_8).lines().toList());
  }

  /** Every case is measured, and its result right. */
  @Test
  void everyCaseIsMeasured() throws IOException {
    try (Backends backends = Backends.discover()) {
      assumeTrue(
          backends.available().stream().anyMatch(b -> b.name().equals("cuda-emulated")),
          backends.missing().toString());
    }
    Path file = directory.resolve("limbeck.csv");
    Run run = bench("cuda-emulated", file.toString(), "tiny", "100");
    String out = String.join("\n", run.out());
    assertEquals(0, run.exit(), out);
    assertEquals(1 + GpuCases.all(true).size(), GpuResults.read(file).size(), out);
    assertTrue(run.out().get(0).endsWith("the host's clock around emulated kernels"));
  }

  /** As peers.py has them. */
  @Test
  void inputsAreThoseOfThePeers() {
    assertEquals(-0.4334203004837036f, GpuTensors.value(1, 7));
    assertEquals(0.3088564872741699f, GpuTensors.value(0, 12_345));
    assertEquals(-0.4649932384490967f, GpuTensors.value(3, GpuTensors.PERIOD + 1L));
    assertEquals(-1, GpuTensors.code(1, 7));
    assertEquals(0, GpuTensors.code(0, 12_345));
    assertEquals(1, GpuTensors.code(3, 1));
  }

  @Test
  void whatIsAbsentOrWrongIsOneSentence() throws IOException {
    Path file = directory.resolve("limbeck.csv");
    Run run = bench("abacus", file.toString(), "tiny", "1");
    assertEquals(2, run.exit());
    assertEquals(List.of("GpuBench: no backend is named abacus"), run.out());
    assertEquals(2, bench("cuda").exit());
  }

  @Test
  void timesStandBesideThePeers() throws IOException {
    Path ours = directory.resolve("limbeck.csv");
    Path peers = directory.resolve("peers.csv");
    Path results = directory.resolve("results.csv");
    Files.writeString(
        ours,
        GpuResults.HEADER
            + "\nceiling,100,copy,cuda,CUDA events,100,90,110,7,0,300"
            + "\nsoftmax,2x3,forward,cuda,CUDA events,200,1,2,7,0,300"
            + "\ngemm_f32,2x2x2,nn,cuda,CUDA events,50,1,2,7,16,48\n");
    Files.writeString(
        peers, GpuResults.HEADER + "\ngemm_f32,2x2x2,nn,cublas,torch 2,40,1,2,7,16,48\n");
    Path step = directory.resolve("step.csv");
    Path peersOfStep = directory.resolve("step-peers.csv");
    Files.writeString(
        step, GpuResults.HEADER + "\nqat_kd_step,1x2_b3_s4,tf32,cuda,host,50,1,2,7,100,0\n");
    Files.writeString(
        peersOfStep,
        GpuResults.HEADER
            + "\nqat_kd_step,1x2_b3_s4,f32,torch-eager,torch 2,90,1,2,7,100,0"
            + "\nqat_kd_step,1x2_b3_s4,tf32,torch-eager,torch 2,60,1,2,7,100,0\n");
    Run run =
        bench(
            "join",
            results.toString(),
            ours.toString(),
            peers.toString(),
            step.toString(),
            peersOfStep.toString());
    assertEquals(0, run.exit());
    assertEquals(5, run.out().size());
    assertEquals(
        List.of(
            "ceiling,100,copy,1,cuda,100,0.0,3.0,100.0,,,,",
            "softmax,2x3,forward,1,cuda,200,0.0,1.5,50.0,,,,",
            "gemm_f32,2x2x2,nn,1,cuda,50,0.3,1.0,,cublas,torch 2,40,0.800",
            "qat_kd_step,1x2_b3_s4,tf32,1,cuda,50,2.0,0.0,,torch-eager,torch 2,60,1.200"),
        Files.readAllLines(results).subList(1, 5));
    assertEquals(1, bench("join", results.toString(), "none", "none").exit());
    assertEquals(2, bench("join", results.toString(), "none", "none", "none").exit());
  }
}
