// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class PetDecodeMainTest {
  private static final String[] TINY = {
    "--width=32",
    "--source-vocabulary=40",
    "--target-vocabulary=50",
    "--sentences=3",
    "--length=9",
    "--warmup=1",
    "--rounds=1"
  };

  private static StepRun run(String... more) {
    return StepRun.of(new PetDecodeMain(), TINY, more);
  }

  @Test
  void oneLineForEachNumberOfThreadsAndSentences() {
    StepRun run = run("--threads=1,2", "--at-once=1,3", "--beam=2");
    assertEquals(0, run.exit(), run.err());
    assertEquals(5, run.out().size(), run.out().toString());
    assertEquals(PetDecodeMain.HEADER, run.out().get(0));
    for (int line = 1; line <= 4; line++) {
      assertEquals("pet_32", run.field(line, "model"));
      assertEquals(line <= 2 ? "1" : "2", run.field(line, "threads"));
      assertEquals(line % 2 == 1 ? "1" : "3", run.field(line, "sentences_at_once"));
      double tokens = Double.parseDouble(run.field(line, "tokens_per_second"));
      double sentences = Double.parseDouble(run.field(line, "sentences_per_second"));
      assertTrue(sentences > 0 && tokens >= sentences, run.out().get(line));
      run.assertShares(line, List.of("gemm_f32", "attention", "softmax", "layer_norm"));
    }
  }

  @Test
  void aDeviceIsTimedAsAWhole() {
    StepRun.assumeEmulated();
    run("--device=cuda-emulated", "--at-once=1", "--beam=1", "--sentences=1", "--length=2")
        .assertOnDevice();
  }

  @Test
  void badUsageIsOneSentence() {
    run("--rounds=0").assertBadInput("--rounds is 0, expected at least 1");
    run("--at-once=0").assertBadInput("sentences");
    run("--beam=0").assertBadInput("beam");
    run("--width=30").assertBadInput("width: given 30");
  }
}
