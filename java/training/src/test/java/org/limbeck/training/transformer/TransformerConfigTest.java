// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.nn.Compute;

class TransformerConfigTest {
  /** The vocabularies of IWSLT'14, German to English. */
  private static final TransformerModels IWSLT = new TransformerModels(8848, 6632, 0.3);

  private static void assertParameters(long count, TransformerConfig config) {
    assertEquals(count, config.parameters());
  }

  @Test
  void modelsOfThePaperHaveItsSizes() {
    assertParameters(39_469_056, IWSLT.teacher(512));
    assertParameters(7_420_160, IWSLT.pet(320));
    assertParameters(13_761_440, IWSLT.tinyTeacher(320));
    assertEquals(0.812, 1 - 7_420_160 / 39_469_056.0, 5e-6);
  }

  @Test
  void ablationHasItsSizes() {
    assertParameters(7_535_840, IWSLT.ablation(320, 1));
    assertParameters(7_535_840, IWSLT.ablation(320, 2));
    assertParameters(7_535_840, IWSLT.ablation(320, 3));
    assertParameters(7_420_160, IWSLT.ablation(320, 4));
    assertEquals(List.of(false, false, false, false), IWSLT.ablation(320, 2).encoder().swapped());
    assertEquals(List.of(false, false, true, true), IWSLT.ablation(320, 3).encoder().swapped());
    assertEquals(List.of(1, 2, 1, 2), IWSLT.ablation(320, 2).decoder().order());
    assertThrows(IllegalArgumentException.class, () -> IWSLT.ablation(320, 5));
  }

  @Test
  void baselinesHaveTheirSizes() {
    assertParameters(10_648_640, IWSLT.unshared(320, 4));
    assertParameters(7_428_096, IWSLT.unsharedOfOneWidth(192, 6));
    assertParameters(7_916_544, IWSLT.unsharedOfOneWidth(256, 3));
    assertParameters(7_506_688, IWSLT.unsharedOfOneWidth(224, 4));
    assertParameters(7_201_152, IWSLT.compressed(192, 6));
    assertParameters(8_114_880, IWSLT.compressed(240, 4));
    assertParameters(6_465_024, IWSLT.compressed(256, 2));
    Stack base = Stack.plain(512, 2048, 8, 6);
    assertParameters(52_064_256, IWSLT.teacher(512).withEncoder(base).withDecoder(base));
  }

  @Test
  void sweepHasItsSizes() {
    long[] widths = {480, 400, 320, 256, 192, 128};
    long[] counts = {13_367_040, 10_207_200, 7_420_160, 5_458_944, 3_736_320, 2_252_288};
    for (int i = 0; i < widths.length; i++) {
      assertParameters(counts[i], IWSLT.pet((int) widths[i]));
    }
    Function<Integer, Stack> earlier =
        width -> Stack.plain(width, 2 * width, 4, 2).withOrder(List.of(1, 2, 1, 2));
    assertParameters(
        4_414_208,
        IWSLT
            .pet(320)
            .withEncoder(Stack.plain(128, 256, 4, 2).withOrder(List.of(1, 2, 1, 2)))
            .withDecoder(earlier.apply(256)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pet",
        "standard",
        "compressed",
        "first_tied",
        "swapped_decoder",
        "untied_embedding"
      })
  void countIsThatOfTheTensors(String kind) {
    TransformerConfig config = RandomTransformer.config(kind);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      assertEquals(config.parameters(), new Transformer(compute, config).parameters().elements());
    }
  }

  @Test
  void repeatsMayBeStackedInAnyOrder() {
    Stack stack = Stack.plain(16, 32, 4, 2).withOrder(List.of(1, 2, 2, 2)).withRepeatsSwapped();
    assertEquals(4, stack.layers());
    assertEquals(List.of(false, false, true, true), stack.swapped());
  }

  private static void assertRefused(String message, Runnable making) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, making::run).getMessage());
  }

  @Test
  void whatDoesNotGoTogetherIsRefused() {
    assertRefused(
        "Stack: width: given 18, expected an even multiple of the number of heads, 4",
        () -> Stack.plain(18, 36, 4, 2));
    assertRefused(
        "Stack: order: given block 3, expected 1 to 2",
        () -> Stack.plain(16, 32, 4, 2).withOrder(List.of(1, 3)));
    assertRefused(
        "Stack: order: given [1, 1] without block 2, expected every block",
        () -> Stack.plain(16, 32, 4, 2).withOrder(List.of(1, 1)));
    assertRefused(
        "Stack: swapped: given 1 values, expected one for each of the 2 executed layers",
        () -> new Stack(16, 32, 4, 2, List.of(1, 2), List.of(true)));
    assertRefused(
        "TransformerConfig: vocabularies: given 4 and 9 tokens, expected more than the 4 special"
            + " ones",
        () -> new TransformerModels(4, 9, 0).pet(16));
    assertRefused(
        "TransformerConfig: dropout: given 1.0, expected at least 0 and below 1",
        () -> IWSLT.pet(16).withDropout(1));
    assertRefused(
        "TransformerConfig: decoder: given a compressed one with tied or swapped queries, expected"
            + " neither",
        () -> IWSLT.compressed(16, 2).withTying(QueryTying.ALL));
    assertRefused(
        "Stack: width: given 15, expected an even multiple of the number of heads, 4",
        () -> IWSLT.pet(20));
  }
}
