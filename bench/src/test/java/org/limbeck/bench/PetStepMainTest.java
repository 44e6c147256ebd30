// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PetStepMainTest {
  private static final String[] TINY = {
    "--width=32",
    "--source-vocabulary=40",
    "--target-vocabulary=50",
    "--sentences=4",
    "--length=9",
    "--warmup=1",
    "--steps=2"
  };

  private static StepRun run(String... more) {
    return StepRun.of(new PetStepMain(), TINY, more);
  }

  @Test
  void oneLineForEachNumberOfThreads() {
    StepRun run = run();
    run.assertMeasured(
        2, List.of("gemm_f32", "attention", "softmax_kl", "cosine", "adamw", "dropout"));
    assertEquals("pet_32_b4_s9", run.field(1, "shape"));
    assertEquals("ce+kd+patience", run.field(2, "losses"));
  }

  @Test
  void aTeacherIsTrainedAlone() {
    StepRun run = run("--model=teacher", "--threads=1", "--dropout=0");
    run.assertMeasured(1, List.of("gemm_f32", "attention", "softmax_kl", "adamw"));
    assertEquals("ce", run.field(1, "losses"));
  }

  @Test
  void aDeviceIsTimedAsAWhole() {
    StepRun.assumeEmulated();
    run("--device=cuda-emulated", "--tf32", "--warmup=0", "--steps=1").assertOnDevice();
  }

  @ParameterizedTest
  @ValueSource(strings = {"pet", "teacher"})
  void takesTurnsWithLibtorch(String model) {
    assumeTrue(StepRun.hasPeers(), "libtorch's step needs a build with -Ppeers");
    run("--model=" + model, "--peer=torch", "--settings=kept,fused", "--threads=1", "--pairs=2")
        .assertCompared(2);
  }

  @Test
  void badUsageIsOneSentence() {
    run("--sentences=0").assertBadInput("--sentences is 0, expected at least 1");
    run("--model=student").assertBadInput("--model");
    run("--width=30").assertBadInput("width: given 30");
    run("--dropout=1").assertBadInput("dropout: given 1.0, expected at least 0 and below 1");
    run("--target-vocabulary=4").assertBadInput("vocabularies: given 40 and 4 tokens");
  }
}
