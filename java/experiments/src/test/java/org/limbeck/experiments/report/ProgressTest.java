// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Plain progress lines against a clock that the test turns. */
class ProgressTest {
  private static final long SECOND = 1_000_000_000L;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
  private long now;

  private List<String> lines() {
    return bytes.toString(StandardCharsets.UTF_8).lines().toList();
  }

  @Test
  void aLineEveryTenSecondsWithRateAndEstimate() {
    try (Progress progress = Progress.plain("training", "steps", 100, out, () -> now)) {
      for (int i = 0; i < 100; i++) {
        now += SECOND / 4;
        progress.note(i < 60 ? "" : "loss 0.5");
        progress.step();
      }
    }
    assertEquals(
        List.of(
            "training: 40 of 100 steps (40 %), 4.0 steps a second, 15.0 s left",
            "training: 80 of 100 steps (80 %), 4.0 steps a second, 5.0 s left, loss 0.5",
            "training: 100 of 100 steps in 25.0 s, loss 0.5"),
        lines());
  }

  @Test
  void slowWorkCountsByTheMinute() {
    Progress progress = Progress.plain("searching", "batches", 3, out, () -> now);
    now = 30 * SECOND;
    progress.stepTo(1);
    assertEquals(
        List.of("searching: 1 of 3 batches (33 %), 2.0 batches a minute, 1 min 00 s left"),
        lines());
    progress.close();
    progress.close();
    assertEquals("searching: 1 of 3 batches in 30.0 s", lines().get(1));
    assertEquals(2, lines().size());
  }

  @Test
  void shortWorkSaysNothing() {
    try (Progress progress = Progress.plain("reading", "files", 2, out, () -> now)) {
      now = 9 * SECOND;
      progress.step();
      progress.step();
    }
    assertEquals(List.of(), lines());
  }

  @Test
  void nothingDoneYetHasNoEstimate() {
    Progress progress = Progress.plain("waiting", "steps", 2, out, () -> now);
    now = 20 * SECOND;
    progress.stepTo(0);
    assertEquals(List.of("waiting: 0 of 2 steps (0 %), 0.0 steps a second"), lines());
  }
}
