// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.data.MetricResult;
import org.limbeck.training.transformer.BeamOptions;
import org.limbeck.training.transformer.BeamSearch;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.translation.SubwordEncoder;

/** Lets a model translate, and judges what it wrote. */
final class Judge implements AutoCloseable {
  private static final double NANOS = 1e9;

  /** Sentences that are translated before a measurement. */
  private static final int WARM_UP = 16;

  private final Limbeck limbeck;
  private final Transformer model;
  private final SubwordEncoder target;
  private final BeamOptions options;
  private final BeamSearch search;

  /**
   * Prepares a search.
   *
   * @param limbeck the library
   * @param model the model, whose values may change between calls
   * @param target what turns ids into text
   * @param beam the beam
   */
  Judge(Limbeck limbeck, Transformer model, SubwordEncoder target, int beam) {
    this.limbeck = limbeck;
    this.model = model;
    this.target = target;
    options = BeamOptions.DEFAULT.withBeam(beam);
    search = new BeamSearch(limbeck, model, options);
  }

  /** Returns the translations of sentences in ids. */
  List<int[]> translate(List<int[]> sources) {
    return arrays(search.translate(sources));
  }

  private static List<int[]> arrays(List<List<Integer>> translations) {
    return translations.stream()
        .map(ids -> ids.stream().mapToInt(Integer::intValue).toArray())
        .toList();
  }

  /** Returns BLEU on validation sentences. */
  MetricResult validate(TestSet set) {
    TestSet.Scores scores = set.score(translate(set.sources()), target);
    return new MetricResult(
        scores.sacrebleu(), scores.sacrebleu(), Map.of("tokenised", scores.tokenised()));
  }

  /**
   * What a model does on test sets.
   *
   * @param tests BLEU on each set
   * @param single the speed of sentences one by one
   * @param batched the speed of many at once, on the first set
   * @param examples translations of the first sentences of the first set
   */
  record Verdict(
      List<ModelResult.Test> tests,
      ModelResult.Speed single,
      ModelResult.Speed batched,
      List<String> examples) {}

  /**
   * Translates test sets and measures speed on the first one.
   *
   * @param sets the test sets, at least 1
   * @param singles how many sentences are translated one by one
   * @param examples how many translations are kept
   */
  Verdict judge(List<TestSet> sets, int singles, int examples) {
    List<ModelResult.Test> tests = new ArrayList<>();
    ModelResult.Speed batched = null;
    List<String> kept = List.of();
    translate(first(sets.get(0).sources(), WARM_UP));
    for (TestSet set : sets) {
      long begin = System.nanoTime();
      List<int[]> translations = translate(set.sources());
      double seconds = (System.nanoTime() - begin) / NANOS;
      TestSet.Scores scores = set.score(translations, target);
      tests.add(new ModelResult.Test(set.name(), scores.sacrebleu(), scores.tokenised(), seconds));
      if (batched == null) {
        batched = speed(options.sentences(), translations, seconds);
        kept = first(translations, examples).stream().map(target::sentence).toList();
      }
    }
    return new Verdict(tests, single(first(sets.get(0).sources(), singles)), batched, kept);
  }

  private ModelResult.Speed single(List<int[]> sources) {
    try (BeamSearch alone = new BeamSearch(limbeck, model, options.withSentences(1))) {
      alone.translate(first(sources, WARM_UP));
      long begin = System.nanoTime();
      List<int[]> translations = arrays(alone.translate(sources));
      return speed(1, translations, (System.nanoTime() - begin) / NANOS);
    }
  }

  private static ModelResult.Speed speed(int batch, List<int[]> translations, double seconds) {
    long tokens = translations.stream().mapToLong(ids -> ids.length).sum();
    return new ModelResult.Speed(batch, translations.size(), tokens, seconds);
  }

  private static <T> List<T> first(List<T> list, int count) {
    return list.subList(0, Math.min(count, list.size()));
  }

  /** Frees the search's memory. */
  @Override
  public void close() {
    search.close();
  }
}
