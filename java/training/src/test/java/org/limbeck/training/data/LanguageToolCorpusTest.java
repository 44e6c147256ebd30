// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LanguageToolCorpusTest {
  private static final Dataset DATA = LanguageToolCorpus.read();

  private static List<Example> all() {
    return Stream.of(DATA.train(), DATA.dev(), DATA.test()).flatMap(List::stream).toList();
  }

  @Test
  void countsAndBalance() {
    // Of version 6.8 of the artifact.
    assertEquals(18_105, DATA.train().size());
    assertEquals(2_099, DATA.dev().size());
    assertEquals(2_302, DATA.test().size());
    for (List<Example> split : List.of(DATA.train(), DATA.dev(), DATA.test())) {
      double acceptable = split.stream().mapToDouble(Example::label).average().orElseThrow();
      assertEquals(0.69, acceptable, 0.01);
    }
  }

  /** Neither in two splits nor with both labels, for a reader who sees no case. */
  @Test
  void noSentenceTwice() {
    Set<String> seen = new HashSet<>();
    for (Example example : all()) {
      assertTrue(seen.add(example.textA().toLowerCase(Locale.ROOT)), example.textA());
    }
  }

  @Test
  void lengthsAndLabels() {
    for (Example example : all()) {
      int words = example.textA().split(" ").length;
      assertTrue(words >= 4 && words <= 40, example.textA());
      assertTrue(example.label() == 0 || example.label() == 1);
      assertEquals(null, example.textB());
    }
  }

  @Test
  void anErrorAndItsFirstCorrection() {
    List<Example> all = all();
    assertTrue(all.contains(new Example("Please improved the code.", null, 0)));
    assertTrue(all.contains(new Example("Please improve the code.", null, 1)));
  }

  @Test
  void sameSentencesInTheSameOrder() {
    assertEquals(DATA, LanguageToolCorpus.read());
  }
}
