// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.Gson;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.bench.step.FirstStep;
import org.limbeck.bench.step.LimbeckQatKdStep;
import org.limbeck.bench.step.QatKdProblem;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.DeviceException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.distill.LossConfiguration;
import picocli.CommandLine.Command;

class QatKdStepMainTest {
  @TempDir private Path directory;

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

  private static StepRun run(String... more) {
    return StepRun.of(new QatKdStepMain(), TINY, more);
  }

  @Test
  void oneLineForEachNumberOfThreads() {
    StepRun run = run("--losses=map+output");
    run.assertMeasured(
        2, List.of("gemm_f32", "attention", "attention_kl", "fake_quant", "bert_adam", "dropout"));
    assertEquals("2x24_b3_s9", run.field(1, "shape"));
    assertEquals("map+output", run.field(1, "losses"));
  }

  @Test
  void withoutPeersOneSentenceSaysWhatIsNeeded() {
    assumeFalse(StepRun.hasPeers(), "this build has the peers");
    run("--peer=torch").assertBadInput("only a build with -Ppeers contains");
  }

  @Test
  void takesTurnsWithLibtorch() {
    assumeTrue(StepRun.hasPeers(), "libtorch's step needs a build with -Ppeers");
    run("--peer=torch", "--settings=best").assertBadInput("expected some of default,kept,fused");
    run("--peer=torch").assertBadInput("--steps is 2, expected a multiple of --pairs 5");
    run("--peer=torch", "--settings=default,fused", "--threads=1", "--pairs=2").assertCompared(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--tf32=false", "--tf32=true"})
  void aDeviceIsTimedAsAWhole(String tf32) {
    StepRun.assumeEmulated();
    run("--device=cuda-emulated", tf32, "--warmup=0", "--steps=1").assertOnDevice();
  }

  /** What is written is what the same step gives here. */
  @Test
  void theFirstStepIsWritten() {
    Path file = directory.resolve("step.safetensors");
    run("--threads=1", "--write=" + file).assertMeasured(1, List.of("gemm_f32"));
    BertConfig config = new BertConfig(2, 24, 3, 96, 50, 512, 2, 1e-12);
    try (SafetensorsFile written = SafetensorsFile.open(file);
        HostMemory host = new HostMemory();
        LimbeckQatKdStep step =
            new LimbeckQatKdStep(
                Limbeck.open(List.of(), 1),
                GemmF32.Precision.F32,
                config,
                LossConfiguration.parse("map+output"),
                3,
                9)) {
      QatKdProblem problem = step.problem();
      assertEquals(2 + 3 * problem.parameters().size(), written.tensors().size());
      assertEquals(List.of(3L, 9L), written.tensor("tokens").shape());
      assertArrayEquals(
          problem.tokens(),
          written.tensor("tokens").data().toArray(ValueLayout.JAVA_LONG_UNALIGNED));
      assertEquals(List.of(3L), written.tensor("lengths").shape());
      assertEquals(List.of(24L), written.tensor("embeddings.LayerNorm.weight").shape());
      assertEquals(List.of(96L, 24L), shape(written, "encoder.layer.1.intermediate.dense.weight"));
      double loss = step.gradients(0);
      Map<String, float[]> gradients = new HashMap<>();
      problem.parameters().keySet().forEach(name -> gradients.put(name, step.gradient(name)));
      step.update();
      problem
          .parameters()
          .forEach(
              (name, start) -> {
                assertArrayEquals(start.elements(), floats(written, name, host), name);
                assertArrayEquals(
                    gradients.get(name), floats(written, "gradient." + name, host), name);
                float[] changed = floats(written, "changed." + name, host);
                assertArrayEquals(step.value(name), changed, name);
                assertFalse(Arrays.equals(start.elements(), changed), name);
              });
      FirstStep.Description description =
          new Gson().fromJson(written.metadata().get(FirstStep.ENTRY), FirstStep.Description.class);
      assertEquals(
          new FirstStep.Description(
              "2x24_b3_s9",
              config,
              2,
              problem.losses(),
              problem.learningRate(),
              BertAdam.Spec.DEFAULT,
              0.1,
              "f32",
              QatKdProblem.operations(config, 3, 9),
              loss),
          description);
    }
  }

  private static List<Long> shape(SafetensorsFile file, String name) {
    return file.tensor(name).shape();
  }

  private static float[] floats(SafetensorsFile file, String name, HostMemory host) {
    return file.tensor(name).copyAsFloats(host).toFloatArray();
  }

  @Test
  void timesAreAppendedInTheColumnsOfGpuBench() throws IOException {
    Path file = directory.resolve("step.csv");
    run("--threads=1", "--append=" + file).assertMeasured(1, List.of("gemm_f32"));
    run("--threads=1", "--append=" + file, "--steps=3");
    List<String> lines = Files.readAllLines(file);
    assertEquals(3, lines.size(), lines.toString());
    assertEquals(GpuTimes.HEADER, lines.get(0));
    String[] fields = lines.get(2).split(",", -1);
    assertEquals(List.of("qat_kd_step", "2x24_b3_s9", "f32"), List.of(fields).subList(0, 3));
    long median = Long.parseLong(fields[5]);
    assertTrue(median >= Long.parseLong(fields[6]) && median <= Long.parseLong(fields[7]));
    // 2 layers, 27 rows of 24: four networks' worth of linear layers and attention.
    assertEquals(List.of("3", "3172608", "0"), List.of(fields).subList(8, 11));
    run("--threads=1", "--append=" + directory).assertBadInput("the file cannot be written");
  }

  @Command(name = "step")
  private static final class OnAFailingDevice implements Callable<Integer> {
    @Override
    public Integer call() {
      throw new DeviceException("cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED");
    }
  }

  @Test
  void aDeviceThatFailsIsOneSentence() {
    StepRun run = StepRun.of(new OnAFailingDevice(), new String[0]);
    assertEquals(1, run.exit());
    assertEquals(
        "step: the device failed: cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED",
        run.err().strip());
  }

  @Test
  void badUsageIsOneSentence() {
    run("--device=disk").assertBadInput("--device: given disk, expected host, cuda or");
    run("--tf32").assertBadInput("--tf32: given --device host, expected --device cuda or");
    run("--device=cuda-emulated", "--peer=torch")
        .assertBadInput("--peer torch: given --device cuda-emulated, expected host");
    run("--write=file").assertBadInput("--write needs one number of --threads, and no --peer");
    run("--append=file", "--threads=1", "--peer=torch").assertBadInput("--append needs one number");
    run("--steps=0").assertBadInput("--steps is 0, expected at least 1");
    run("--threads=0").assertBadInput("--threads is 0, expected at least 1");
    run("--losses=maps").assertBadInput("given the term 'maps'");
    run("--heads=5").assertBadInput("expected a multiple of heads = 5");
    run("--backend=none").assertBadInput("none: no backend has this name; expected ");
    run("--pairs=0").assertBadInput("--pairs is 0, expected at least 1");
    run("--no-such-option").assertBadInput("--no-such-option");
  }
}
