// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.nn.Compute;

class BeamSearchTest {
  private static final int[] LENGTHS = {5, 9, 1, 3, 9, 2, 12};

  /** Long enough that prefixes outgrow the first room for them. */
  private static final BeamOptions OPTIONS = new BeamOptions(3, 1, 1, 9, 30, 128);

  private static Transformer model(Compute compute, TransformerConfig config) {
    Transformer model = new Transformer(compute, config);
    RandomTransformer.randomise(compute, model, 5);
    return model;
  }

  private static List<int[]> sources(TransformerConfig config) {
    return RandomTransformer.sentences(LENGTHS, config.sourceVocabulary(), 6);
  }

  private static void assertSame(List<Hypothesis> want, List<Hypothesis> got) {
    assertEquals(
        want.stream().map(Hypothesis::tokens).toList(),
        got.stream().map(Hypothesis::tokens).toList());
    for (int i = 0; i < want.size(); i++) {
      assertEquals(want.get(i).logProbability(), got.get(i).logProbability(), 1e-4);
      assertEquals(want.get(i).score(), got.get(i).score(), 1e-4);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "pet, 3, 1",
    "pet, 1, 1",
    "standard, 3, 0.6",
    "standard, 5, 2",
    "compressed_untied, 3, 1",
    "compressed_untied, 1, 0",
    "first_tied, 2, 1",
    "swapped_decoder, 4, 1",
    "untied_embedding, 2, 0"
  })
  void cachesAndBatchesChangeNothing(String kind, int beam, double lengthPenalty) {
    BeamOptions options = new BeamOptions(beam, lengthPenalty, 1, 9, 30, 128);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer model = model(compute, RandomTransformer.config(kind));
      List<int[]> sources = sources(model.config());
      try (BeamSearch search = new BeamSearch(limbeck, model, options);
          FullBeamSearch full = new FullBeamSearch(compute, model, options)) {
        List<List<Hypothesis>> found = search.search(sources);
        int longest = 0;
        for (int i = 0; i < sources.size(); i++) {
          assertSame(full.search(sources.get(i)), found.get(i));
          for (Hypothesis hypothesis : found.get(i)) {
            longest = Math.max(longest, hypothesis.tokens().size());
          }
        }
        assertTrue(longest > 8, "the longest hypothesis has " + longest + " tokens");
      }
    }
  }

  /** With a beam as wide as all sentences of two tokens, the search finds each of them. */
  @ParameterizedTest
  @ValueSource(strings = {"pet", "standard", "compressed"})
  void aWideBeamFindsEverySentence(String kind) {
    TransformerConfig like = RandomTransformer.config(kind);
    TransformerConfig config =
        new TransformerConfig(
            9, 6, like.encoder(), like.decoder(), like.decoderKind(), like.tying(), true, 0);
    BeamOptions options = new BeamOptions(40, 0.5, 0, 2, 2, 8);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer model = model(compute, config);
      int[] source = {5, 7, SpecialTokens.EOS};
      try (BeamSearch search = new BeamSearch(limbeck, model, options);
          FullBeamSearch full = new FullBeamSearch(compute, model, options)) {
        List<Hypothesis> want = new ArrayList<>();
        enumerate(full, source, List.of(), 0, want);
        want.sort(Comparator.comparingDouble(hypothesis -> -hypothesis.score()));
        // The empty one, 4 of one token, 16 of two.
        assertEquals(21, want.size());
        assertSame(want, search.search(List.of(source)).get(0));
      }
    }
  }

  private static void enumerate(
      FullBeamSearch full, int[] source, List<Integer> prefix, double log, List<Hypothesis> into) {
    double[] next = full.next(source, prefix);
    double end = log + next[SpecialTokens.EOS];
    into.add(new Hypothesis(prefix, end, end / Math.sqrt(prefix.size() + 1)));
    for (int token = 0; prefix.size() < 2 && token < next.length; token++) {
      if (token != SpecialTokens.PAD && token != SpecialTokens.EOS) {
        List<Integer> longer = new ArrayList<>(prefix);
        longer.add(token);
        enumerate(full, source, longer, log + next[token], into);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"pet", "compressed_untied"})
  void howManySentencesAreDecodedAtOnceDoesNotMatter(String kind) {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer model = model(compute, RandomTransformer.config(kind));
      List<int[]> sources = sources(model.config());
      try (BeamSearch all = new BeamSearch(limbeck, model, OPTIONS);
          BeamSearch pairs = new BeamSearch(limbeck, model, OPTIONS.withSentences(2));
          BeamSearch single = new BeamSearch(limbeck, model, OPTIONS.withSentences(1))) {
        List<List<Hypothesis>> want = all.search(sources);
        List<List<Hypothesis>> inPairs = pairs.search(sources);
        for (int i = 0; i < sources.size(); i++) {
          assertSame(want.get(i), inPairs.get(i));
          // A search used again, with less and with more memory than before.
          assertSame(want.get(i), single.search(sources.subList(i, i + 1)).get(0));
        }
        assertEquals(want, all.search(sources));
        assertEquals(
            want.stream().map(found -> found.get(0).tokens()).toList(), all.translate(sources));
      }
    }
  }

  @Test
  void numberOfThreadsChangesNoBit() {
    List<List<Hypothesis>> want = null;
    TransformerConfig config = new TransformerModels(300, 400, 0).pet(64);
    for (int threads = 1; threads <= 3; threads++) {
      try (Limbeck limbeck = Limbeck.open(List.of(), threads);
          Compute compute = new Compute(limbeck);
          BeamSearch search = new BeamSearch(limbeck, model(compute, config), OPTIONS)) {
        List<List<Hypothesis>> got = search.search(sources(config));
        want = want == null ? got : want;
        assertEquals(want, got);
      }
    }
  }

  @Test
  void equalScoresAreTakenInOrder() {
    // All parameters 0: every token has the same probability.
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer model = new Transformer(compute, RandomTransformer.config("pet"));
      try (BeamSearch search = new BeamSearch(limbeck, model, new BeamOptions(2, 1, 0, 3, 3, 4))) {
        List<Hypothesis> found = search.search(List.of(new int[] {SpecialTokens.EOS})).get(0);
        // Of tokens 0, 2 (the end), 3 and 4 the end is second, within the beam.
        assertEquals(
            List.of(List.of(), List.of(0)), found.stream().map(Hypothesis::tokens).toList());
      }
    }
  }

  @Test
  void badArgumentsAreRefused() {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        BeamSearch search =
            new BeamSearch(limbeck, model(compute, RandomTransformer.config("pet")), OPTIONS)) {
      assertEquals(List.of(), search.search(List.of()));
      assertEquals(
          "BeamSearch: given a sentence of 0 tokens, expected 1 to 1024",
          assertThrows(IllegalArgumentException.class, () -> search.search(List.of(new int[0])))
              .getMessage());
    }
    assertThrows(IllegalArgumentException.class, () -> BeamOptions.DEFAULT.withBeam(0));
    assertThrows(IllegalArgumentException.class, () -> BeamOptions.DEFAULT.withSentences(0));
    assertThrows(IllegalArgumentException.class, () -> new BeamOptions(5, Double.NaN, 1, 1, 10, 1));
    assertThrows(IllegalArgumentException.class, () -> new BeamOptions(5, 1, -1, 1, 10, 1));
    assertThrows(IllegalArgumentException.class, () -> new BeamOptions(5, 1, 1, 1, 1024, 1));
  }
}
