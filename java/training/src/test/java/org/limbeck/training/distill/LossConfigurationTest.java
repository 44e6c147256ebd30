// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LossConfigurationTest {
  private static void assertTerms(String text, Map<LossTerm, Double> expected) {
    Map<LossTerm, Double> all = new EnumMap<>(expected);
    all.put(LossTerm.PREDICTION, 1.0);
    all.put(LossTerm.HIDDEN, 1.0);
    LossConfiguration losses = LossConfiguration.parse(text);
    assertEquals(all, new EnumMap<>(losses.coefficients()), text);
    for (LossTerm term : LossTerm.values()) {
      assertEquals(all.containsKey(term), losses.has(term), text);
      assertEquals(all.getOrDefault(term, 0.0), losses.coefficient(term), text);
    }
  }

  @Test
  void termsAndFactors() {
    assertTerms("none", new EnumMap<>(LossTerm.class));
    assertTerms("baseline", Map.of(LossTerm.SCORE, 1.0));
    assertTerms("score", Map.of(LossTerm.SCORE, 1.0));
    assertTerms("score*2", Map.of(LossTerm.SCORE, 2.0));
    assertTerms("map", Map.of(LossTerm.MAP, 1.0));
    assertTerms("output", Map.of(LossTerm.OUTPUT, 1.0));
    assertTerms("map+output", Map.of(LossTerm.MAP, 1.0, LossTerm.OUTPUT, 1.0));
    assertTerms("map*0.5+output", Map.of(LossTerm.MAP, 0.5, LossTerm.OUTPUT, 1.0));
    assertTerms("output*.25+map@5^2*2", Map.of(LossTerm.MAP, 2.0, LossTerm.OUTPUT, 0.25));
    assertTerms("context+self_output", Map.of(LossTerm.CONTEXT, 1.0, LossTerm.SELF_OUTPUT, 1.0));
    assertTerms("baseline+output", Map.of(LossTerm.SCORE, 1.0, LossTerm.OUTPUT, 1.0));
    assertTerms("none+map", Map.of(LossTerm.MAP, 1.0));
    assertTerms("layers:1", new EnumMap<>(LossTerm.class));
    assertEquals("map+output", LossConfiguration.parse(" map+output\n").name());
  }

  @ParameterizedTest
  @CsvSource({
    "map, 1, false",
    "output, 1, false",
    "map@5, 5, false",
    "map@0.1, 0.1, false",
    "map@5^2, 5, true",
    "output+map@20^2*0.5, 20, true"
  })
  void temperatures(String text, double temperature, boolean squared) {
    LossConfiguration losses = LossConfiguration.parse(text);
    assertEquals(temperature, losses.temperature());
    assertEquals(squared, losses.tauSquared());
  }

  @Test
  void hiddenLayers() {
    LossConfiguration all = LossConfiguration.parse("map");
    assertEquals(List.of(), all.hiddenLayers());
    assertTrue(all.comparesHidden(0) && all.comparesHidden(12));
    LossConfiguration some = LossConfiguration.parse("map+layers:12.10.8");
    assertEquals(List.of(12, 10, 8), some.hiddenLayers());
    assertTrue(some.comparesHidden(12) && some.comparesHidden(8));
    assertFalse(some.comparesHidden(11) || some.comparesHidden(0));
    assertTrue(some.has(LossTerm.MAP));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "maps          | given the term 'maps', expected baseline, score, map",
        "Map           | given the term 'Map'",
        "''            | given the term ''",
        "map+          | given the term ''",
        "map++output   | given the term ''",
        "map output    | given the term 'map output'",
        "map*-1        | given the term 'map*-1'",
        "map*1e3       | given the term 'map*1e3'",
        "map@5^3       | given the term 'map@5^3'",
        "map*2@5       | given the term 'map*2@5'",
        "output@5      | given a temperature for output@5, expected one for map only",
        "none@5        | given a temperature for none@5, expected one for map only",
        "none*2        | given a factor for none*2, expected one for a term only",
        "map@0         | given the number 0, expected a finite one above 0",
        "map*0         | given the number 0, expected a finite one above 0",
        "output*1.2.3  | given the number 1.2.3, expected a finite one above 0",
        "output*.      | given the number ., expected a finite one above 0",
        "map+map@2     | given map@2 twice, expected each term once",
        "score+baseline| given baseline twice, expected each term once",
        "baseline+map  | given score and map terms, expected one of them",
        "layers:       | given layers , expected numbers joined by dots",
        "layers:1.x    | given layers 1.x, expected numbers joined by dots",
        "layers:1,2    | given layers 1,2, expected numbers joined by dots"
      })
  void mistakesAreOneSentence(String text, String message) {
    String given =
        assertThrows(IllegalArgumentException.class, () -> LossConfiguration.parse(text))
            .getMessage();
    assertTrue(given.startsWith("loss " + text + ": " + message), given);
    assertEquals(1, given.lines().count(), given);
  }

  @Test
  void aNumberTooLargeIsRefused() {
    String digits = "9".repeat(400);
    assertThrows(IllegalArgumentException.class, () -> LossConfiguration.parse("map*" + digits));
  }
}
