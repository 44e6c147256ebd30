// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/** Token classes, contributions and distances of self-attention; dynamic ranges. */
class SelfAttentionDistanceTest {
  private static final int HEADS = 3;
  private static final int N = 7;
  private static final int WIDTH = 4;
  private static final int D = 10;

  private final HostMemory memory = new HostMemory();

  @AfterEach
  void close() {
    memory.close();
  }

  @Test
  void tokensAreClassified() {
    TokenClass[] classes =
        TokenClass.classify(
            new int[] {101, 2023, 1010, 2003, 1012, 102}, 101, 102, id -> id == 1010 || id == 1012);
    assertArrayEquals(
        new TokenClass[] {
          TokenClass.CLS,
          TokenClass.OTHER,
          TokenClass.PUNCTUATION,
          TokenClass.OTHER,
          TokenClass.PUNCTUATION,
          TokenClass.SEP
        },
        classes);
    assertTrue(TokenClass.ALL.contains(TokenClass.CLS));
  }

  @Test
  void contributionsByHand() {
    // Two heads of width 1, D = 2: head 0 writes channel 0, head 1 writes channel 1.
    HeadMaps maps =
        new HeadMaps(memory.copyOf(new float[] {.5f, .5f, 1, 0, .25f, .75f, 0, 1}, 4, 2), 2, 2);
    Matrix values = memory.copyOf(new float[] {3, 4, -2, 0}, 2, 2);
    Matrix weight = memory.copyOf(new float[] {1, 0, 0, 2}, 2, 2);
    TokenContributions got = TokenContributions.of(maps, values, weight);
    assertArrayEquals(
        new double[] {(.5 + 1 + .25 + 0) / 4, (.5 + 0 + .75 + 1) / 4}, got.attention(), 1e-15);
    assertArrayEquals(new double[] {(3 + 8) / 2.0, (2 + 0) / 2.0}, got.transformed(), 1e-15);
    double first = (Math.hypot(.5 * 3, .25 * 8) + Math.hypot(1 * 3, 0)) / 2;
    double second = (.5 * 2 + 0) / 2;
    assertArrayEquals(new double[] {first, second}, got.weighted(), 1e-12);
  }

  @Test
  void distancesEqualTheirWrittenMeans() {
    HeadMaps studentMaps = RandomMaps.maps(memory, 1, HEADS, N, 2);
    HeadMaps teacherMaps = RandomMaps.maps(memory, 2, HEADS, N, 0);
    Matrix studentValues = RandomMaps.normal(memory, 3, N + 2, HEADS * WIDTH);
    Matrix teacherValues = RandomMaps.normal(memory, 4, N, HEADS * WIDTH);
    Matrix studentWeight = RandomMaps.normal(memory, 5, D, HEADS * WIDTH);
    Matrix teacherWeight = RandomMaps.normal(memory, 6, D, HEADS * WIDTH);
    TokenClass[] classes = {
      TokenClass.CLS,
      TokenClass.OTHER,
      TokenClass.OTHER,
      TokenClass.SEP,
      TokenClass.OTHER,
      TokenClass.OTHER,
      TokenClass.SEP
    };
    TokenContributions student = TokenContributions.of(studentMaps, studentValues, studentWeight);
    TokenContributions teacher = TokenContributions.of(teacherMaps, teacherValues, teacherWeight);
    for (TokenClass c :
        new TokenClass[] {TokenClass.CLS, TokenClass.SEP, TokenClass.OTHER, TokenClass.ALL}) {
      double[] s = written(studentMaps, studentValues, studentWeight, classes, c);
      double[] t = written(teacherMaps, teacherValues, teacherWeight, classes, c);
      SelfAttentionDistance got =
          SelfAttentionDistance.of(student, teacher, classes, c).orElseThrow();
      assertEquals(Math.abs(t[0] - s[0]), got.generation(), 1e-12);
      assertEquals(Math.abs(t[1] - s[1]), got.transformed(), 1e-12);
      assertEquals(Math.abs(t[2] - s[2]), got.propagation(), 1e-12);
    }
    assertTrue(
        SelfAttentionDistance.of(student, teacher, classes, TokenClass.PUNCTUATION).isEmpty());
    SelfAttentionDistance none =
        SelfAttentionDistance.of(teacher, teacher, classes, TokenClass.SEP).orElseThrow();
    assertEquals(new SelfAttentionDistance(0, 0, 0), none);
  }

  /** The three means with every vector written out. */
  private static double[] written(
      HeadMaps maps, Matrix values, Matrix weight, TokenClass[] classes, TokenClass c) {
    double[] sums = new double[3];
    int members = 0;
    for (int token = 0; token < N; token++) {
      if (c != TokenClass.ALL && classes[token] != c) {
        continue;
      }
      members++;
      double[][] f = new double[HEADS][D];
      for (int h = 0; h < HEADS; h++) {
        double square = 0;
        for (int out = 0; out < D; out++) {
          for (int i = 0; i < WIDTH; i++) {
            f[h][out] +=
                (double) values.getFloat(token, h * WIDTH + i)
                    * weight.getFloat(out, h * WIDTH + i);
          }
          square += f[h][out] * f[h][out];
        }
        sums[1] += Math.sqrt(square) / HEADS;
      }
      for (int query = 0; query < N; query++) {
        double square = 0;
        for (int out = 0; out < D; out++) {
          double arrives = 0;
          for (int h = 0; h < HEADS; h++) {
            arrives += RandomMaps.p(maps, h, query, token) * f[h][out];
          }
          square += arrives * arrives;
        }
        sums[2] += Math.sqrt(square) / N;
        for (int h = 0; h < HEADS; h++) {
          sums[0] += (double) RandomMaps.p(maps, h, query, token) / HEADS / N;
        }
      }
    }
    return new double[] {sums[0] / members, sums[1] / members, sums[2] / members};
  }

  @Test
  void cancellingHeadsGiveALengthNearZero() {
    HeadMaps maps = new HeadMaps(memory.copyOf(new float[] {1, 1}, 2, 1), 2, 1);
    Matrix values = memory.copyOf(new float[] {0.1f, -0.1f}, 1, 2);
    Matrix weight = memory.copyOf(new float[] {0.7f, 0.7f, 0.3f, 0.3f}, 2, 2);
    assertEquals(0, TokenContributions.of(maps, values, weight).weighted()[0], 1e-9);
  }

  @Test
  void badArgumentsAreNamed() {
    HeadMaps maps = RandomMaps.maps(memory, 1, HEADS, N, 0);
    Matrix values = memory.matrix(DType.F32, N, HEADS * WIDTH);
    Matrix weight = memory.matrix(DType.F32, D, HEADS * WIDTH);
    assertFails("values", () -> TokenContributions.of(maps, values.rows(0, N - 1), weight));
    assertFails("values", () -> TokenContributions.of(maps, values.columns(0, 7), weight));
    assertFails("outputWeight", () -> TokenContributions.of(maps, values, weight.columns(0, 9)));
    TokenContributions some = TokenContributions.of(maps, values, weight);
    assertFails(
        "2 classes", () -> SelfAttentionDistance.of(some, some, new TokenClass[2], TokenClass.ALL));
    assertFails("for 8 tokens", () -> MinMaxRange.of(values, N + 1));
  }

  private static void assertFails(String message, Runnable call) {
    Exception e = assertThrows(IllegalArgumentException.class, call::run);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void rangesByHand() {
    Matrix states = memory.copyOf(new float[] {1, -2, 3, -4, -5, -6, 9, 9, Float.NaN}, 3, 3);
    MinMaxRange range = MinMaxRange.of(states, 2);
    assertArrayEquals(new float[] {-2, -6}, range.minimum());
    assertArrayEquals(new float[] {3, -4}, range.maximum());
    assertTrue(Float.isNaN(MinMaxRange.of(states, 3).maximum()[2]));
    assertEquals(0, MinMaxRange.of(states, 0).minimum().length);
  }
}
