// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;

/** Ranking loss, cover length ratio and ranking ratio against hand-made and brute-force numbers. */
class AttentionMeasuresTest {
  private static final float[] TEACHER = {
    .5f, .3f, .15f, .05f, .1f, .6f, .2f, .1f, .25f, .25f, .3f, .2f, .7f, .1f, .1f, .1f
  };
  private static final float[] STUDENT = {
    .2f, .4f, .3f, .1f, .2f, .5f, .1f, .2f, .3f, .2f, .2f, .3f, .4f, .3f, .2f, .1f
  };

  private final HostMemory memory = new HostMemory();
  private final HeadMaps teacher = new HeadMaps(memory.copyOf(TEACHER, 4, 4), 1, 4);
  private final HeadMaps student = new HeadMaps(memory.copyOf(STUDENT, 4, 4), 1, 4);

  @AfterEach
  void close() {
    memory.close();
  }

  @Test
  void goldenVectorEight() {
    assertArrayEquals(new double[] {0.8}, RankingLoss.literal(student, teacher), 1e-6);
    assertArrayEquals(new double[] {0.5}, CoverLengthRatio.notebook(student, teacher, 2), 0);
    RankingRatio ratio = RankingRatio.of(student, teacher, 3);
    assertArrayEquals(new int[] {0, 1, 2}, ratio.tokens()[0]);
    assertArrayEquals(new double[] {0.75, 0.5, 0.25}, ratio.teacher()[0], 0);
    assertArrayEquals(new double[] {0.5, 0.75, 0.25}, ratio.student()[0], 0);
  }

  @Test
  void coverOfTheLoggingFormByHand() {
    // Last position of the teacher's two first keys in the student's order: 2, 3, 3 and 1.
    assertArrayEquals(
        new double[] {(2 + 3 + 3 + 1) / 16.0}, CoverLengthRatio.logging(student, teacher, 2), 0);
    assertArrayEquals(
        new double[] {CoverLengthRatio.floor(2, 4)},
        CoverLengthRatio.logging(teacher, teacher, 2),
        0);
  }

  @Test
  void rankingLossEqualsItsWrittenSum() {
    HeadMaps s = RandomMaps.maps(memory, 11, 3, 9, 4);
    HeadMaps t = RandomMaps.maps(memory, 12, 3, 9, 2);
    double[] literal = RankingLoss.literal(s, t);
    double[] normalised = RankingLoss.normalised(s, t);
    for (int head = 0; head < 3; head++) {
      double written = 0;
      double once = 0;
      for (int r = 0; r < 9; r++) {
        for (int i = 0; i <= 9 - 2; i++) {
          for (int j = 1; j <= 9 - 1; j++) {
            written += hinge(s, t, head, r, i, j);
          }
        }
        for (int i = 0; i < 9; i++) {
          for (int j = 0; j < 9; j++) {
            once += hinge(s, t, head, r, i, j) / 2; // both orders
          }
        }
      }
      assertTrue(written > 0);
      assertEquals(written, literal[head], 1e-12);
      assertEquals(once / (9 * 36), normalised[head], 1e-12);
    }
  }

  private static double hinge(HeadMaps s, HeadMaps t, int head, int r, int i, int j) {
    double ds = (double) RandomMaps.p(s, head, r, i) - RandomMaps.p(s, head, r, j);
    float pi = RandomMaps.p(t, head, r, i);
    float pj = RandomMaps.p(t, head, r, j);
    int sign = pi > pj ? 1 : pi < pj ? -1 : 0;
    return Math.max(0, -ds * sign);
  }

  @Test
  void coverEqualsASearchDownTheStudentsList() {
    int n = 10;
    HeadMaps s = RandomMaps.maps(memory, 21, 4, n, 3);
    HeadMaps t = RandomMaps.maps(memory, 22, 4, n, 0);
    for (int k : new int[] {1, 3, 5, n}) {
      double[] logging = CoverLengthRatio.logging(s, t, k);
      double[] notebook = CoverLengthRatio.notebook(s, t, k);
      for (int head = 0; head < 4; head++) {
        double all = 0;
        double butLast = 0;
        for (int query = 0; query < n; query++) {
          List<Integer> wanted = picks(t, head, query).subList(0, k);
          List<Integer> order = picks(s, head, query);
          int length = k;
          while (!order.subList(0, length).containsAll(wanted)) {
            length++;
          }
          all += length - 1;
          butLast += query < n - 1 ? length - 1 : 0;
        }
        assertEquals(all / n / n, logging[head], 1e-15);
        assertEquals(butLast / n / n, notebook[head], 1e-15);
      }
    }
  }

  /** Selection sort: again and again the first of the largest that are left. */
  private static List<Integer> picks(HeadMaps maps, int head, int query) {
    List<Integer> picked = new ArrayList<>();
    while (picked.size() < maps.tokens()) {
      int best = -1;
      for (int key = 0; key < maps.tokens(); key++) {
        if (!picked.contains(key)
            && (best < 0
                || RandomMaps.p(maps, head, query, key) > RandomMaps.p(maps, head, query, best))) {
          best = key;
        }
      }
      picked.add(best);
    }
    return picked;
  }

  @Test
  void rankingRatioCountsTheTokensBelow() {
    int n = 8;
    HeadMaps s = RandomMaps.maps(memory, 31, 5, n, 2);
    HeadMaps t = RandomMaps.maps(memory, 32, 5, n, 2);
    RankingRatio ratio = RankingRatio.of(s, t, 3);
    for (int head = 0; head < 5; head++) {
      double[] means = new double[n];
      for (int key = 0; key < n; key++) {
        for (int query = 0; query < n; query++) {
          means[key] += (double) RandomMaps.p(s, head, query, key) / n;
        }
      }
      for (int i = 0; i < 3; i++) {
        int below = 0;
        for (double mean : means) {
          below += mean < means[ratio.tokens()[head][i]] ? 1 : 0;
        }
        assertEquals((double) below / n, ratio.student()[head][i], 0);
        assertEquals((double) (n - 1 - i) / n, ratio.teacher()[head][i], 0);
      }
    }
  }

  @Test
  void tiesKeepTheOrderOfTheTokens() {
    HeadMaps flat = new HeadMaps(memory.copyOf(new float[] {.5f, .5f, .5f, .5f}, 2, 2), 1, 2);
    HeadMaps first = new HeadMaps(memory.copyOf(new float[] {.6f, .4f, .6f, .4f}, 2, 2), 1, 2);
    HeadMaps second = new HeadMaps(memory.copyOf(new float[] {.4f, .6f, .4f, .6f}, 2, 2), 1, 2);
    assertArrayEquals(new double[] {0}, CoverLengthRatio.logging(flat, first, 1), 0);
    assertArrayEquals(new double[] {0.5}, CoverLengthRatio.logging(flat, second, 1), 0);
    assertArrayEquals(new double[] {0}, RankingLoss.literal(first, flat), 0);
    assertArrayEquals(new double[] {0}, RankingRatio.of(flat, first, 1).student()[0], 0);
    assertArrayEquals(new double[] {0.5}, RankingRatio.of(flat, second, 1).student()[0], 0);
  }

  @Test
  void oneToken() {
    HeadMaps one = new HeadMaps(memory.copyOf(new float[] {1, 1}, 2, 1), 2, 1);
    double[] zeros = {0, 0};
    assertArrayEquals(zeros, RankingLoss.literal(one, one), 0);
    assertArrayEquals(zeros, RankingLoss.normalised(one, one), 0);
    assertArrayEquals(zeros, CoverLengthRatio.notebook(one, one, 1), 0);
    assertArrayEquals(zeros, CoverLengthRatio.logging(one, one, 1), 0);
    assertArrayEquals(new double[] {0}, RankingRatio.of(one, one, 1).teacher()[1], 0);
  }

  @Test
  void badArgumentsAreNamed() {
    assertFails(
        "k: given 5, expected 1 to the number of tokens of the example, 4",
        () -> CoverLengthRatio.notebook(student, teacher, 5));
    assertFails("k: given 0", () -> CoverLengthRatio.logging(student, teacher, 0));
    assertFails("k: given 3", () -> CoverLengthRatio.floor(3, 2));
    assertFails("top: given 5", () -> RankingRatio.of(student, teacher, 5));
    HeadMaps shorter = new HeadMaps(teacher.maps(), 1, 3);
    assertFails("1 heads and 3 tokens of the student", () -> RankingLoss.literal(shorter, teacher));
    assertFails("heads: given 3", () -> new HeadMaps(teacher.maps(), 3, 1));
    assertFails("tokens: given 5", () -> new HeadMaps(teacher.maps(), 1, 5));
    assertFails("expected F32", () -> new HeadMaps(memory.matrix(DType.F64, 4, 4), 1, 4));
  }

  private static void assertFails(String message, Runnable call) {
    Exception e = assertThrows(IllegalArgumentException.class, call::run);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
