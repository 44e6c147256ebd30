// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

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

  @Test
  void badUsageIsOneSentence() {
    run("--steps=0").assertBadInput("--steps is 0, expected at least 1");
    run("--threads=0").assertBadInput("--threads is 0, expected at least 1");
    run("--losses=maps").assertBadInput("given the term 'maps'");
    run("--heads=5").assertBadInput("expected a multiple of heads = 5");
    run("--backend=none").assertBadInput("none: no backend has this name; expected ");
    run("--pairs=0").assertBadInput("--pairs is 0, expected at least 1");
    run("--no-such-option").assertBadInput("--no-such-option");
  }
}
