// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.data.Permutation;
import org.limbeck.training.data.Utf8File;
import org.limbeck.training.translation.EncodedCorpus;
import org.limbeck.training.translation.ParallelCorpus;
import org.limbeck.training.translation.SentencePair;
import org.limbeck.training.translation.TextForm;
import org.limbeck.training.translation.TranslationVocabulary;

/** The sentence pairs of a run, as they are read and in ids. */
final class PetData {
  private static final String BUILT_IN = "built-in.tsv";

  /** In place of test sets: none but those of the folder itself. */
  static final String NO_MORE = "none";

  private static final String TEST = "test";

  /** Every so many built-in pairs one is for validation and one is a test. */
  private static final int BUILT_IN_SHARE = 10;

  private PetData() {}

  /**
   * Sentence pairs as they are read.
   *
   * @param train the pairs to train on
   * @param valid the pairs to choose checkpoints by
   * @param tests test sets by name, in order
   */
  record Texts(ParallelCorpus train, ParallelCorpus valid, Map<String, ParallelCorpus> tests) {
    /** Returns a checksum of all pairs. */
    String digest() {
      try {
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        update(sha, train);
        update(sha, valid);
        tests.values().forEach(test -> update(sha, test));
        return HexFormat.of().formatHex(sha.digest());
      } catch (NoSuchAlgorithmException e) {
        throw new AssertionError("every Java has SHA-256", e);
      }
    }

    private static void update(MessageDigest sha, ParallelCorpus corpus) {
      for (SentencePair pair : corpus.pairs()) {
        sha.update((pair.source() + "\n" + pair.target() + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  /**
   * Sentence pairs in ids.
   *
   * @param vocabulary the subwords
   * @param train the pairs to train on
   * @param validation the pairs that checkpoints are chosen by, for likelihoods
   * @param valid the sentences that are translated to choose checkpoints
   * @param tests the test sets
   */
  record Prepared(
      TranslationVocabulary vocabulary,
      EncodedCorpus train,
      EncodedCorpus validation,
      TestSet valid,
      List<TestSet> tests) {}

  /**
   * Reads a folder.
   *
   * @param folder the folder with train and valid, and tests if there are some
   * @param more further test sets, NAME=DIR; see {@link #besides}
   * @param source the suffix of the language to translate from
   * @param target the suffix of the language to translate to
   * @throws BadInputException if a file is not as expected, or there is no test set
   */
  static Texts read(Path folder, List<String> more, String source, String target) {
    ParallelCorpus train = ParallelCorpus.read(folder, "train", source, target);
    ParallelCorpus valid = ParallelCorpus.read(folder, "valid", source, target);
    Map<String, ParallelCorpus> tests = new LinkedHashMap<>();
    String own = folder.toAbsolutePath().normalize().getFileName().toString();
    addTests(tests, own, folder, source, target);
    for (String option : more) {
      int equals = option.indexOf('=');
      if (equals < 1) {
        throw new BadInputException("--test: given " + option + ", expected NAME=DIR");
      }
      String name = option.substring(0, equals);
      int before = tests.size();
      addTests(tests, name, Path.of(option.substring(equals + 1)), source, target);
      if (tests.size() == before) {
        throw new BadInputException(
            "--test: "
                + option.substring(equals + 1)
                + " holds no file test."
                + source
                + ", test2016."
                + source
                + " or the like: expected sentences with their translations beside them");
      }
    }
    if (tests.isEmpty()) {
      throw new BadInputException(
          folder + " holds no file test." + source + ": expected one, or a folder by --test");
    }
    return new Texts(train, valid, tests);
  }

  /**
   * Returns the further test sets of a run, NAME=DIR: those that were given; where none were, the
   * folders beside the run's own that hold tests in both languages, by name.
   *
   * @param folder the folder with the training pairs
   * @param given what was given; {@link #NO_MORE} alone for none
   * @param source the suffix of the language to translate from
   * @param target the suffix of the language to translate to
   */
  static List<String> besides(Path folder, List<String> given, String source, String target) {
    if (!given.isEmpty()) {
      return given.equals(List.of(NO_MORE)) ? List.of() : List.copyOf(given);
    }
    Path own = folder.toAbsolutePath().normalize();
    if (own.getParent() == null) {
      return List.of();
    }
    try (Stream<Path> beside = Files.list(own.getParent())) {
      return beside
          .filter(other -> Files.isDirectory(other) && Files.isReadable(other))
          .filter(other -> !other.equals(own) && holdsTests(other, source, target))
          .sorted()
          .map(other -> other.getFileName() + "=" + other)
          .toList();
    } catch (IOException e) {
      throw BadInputException.reading(own.getParent(), e);
    }
  }

  private static boolean holdsTests(Path folder, String source, String target) {
    List<String> splits = ParallelCorpus.splits(folder, TEST, source);
    return !splits.isEmpty()
        && splits.stream()
            .allMatch(split -> Files.isRegularFile(folder.resolve(split + "." + target)));
  }

  private static void addTests(
      Map<String, ParallelCorpus> tests, String name, Path folder, String source, String target) {
    for (String split : ParallelCorpus.splits(folder, TEST, source)) {
      String suffix = split.substring(TEST.length());
      String full = suffix.isEmpty() ? name : name + "-" + suffix;
      if (tests.put(full, ParallelCorpus.read(folder, split, source, target)) != null) {
        throw new BadInputException(
            "--test: given two test sets " + full + ", expected different names");
      }
    }
  }

  /** Returns the built-in pairs of German and English. */
  static Texts builtIn() {
    List<List<String>> sources = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    List<List<String>> targets = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    int number = 0;
    for (String line : Utf8File.lines(resource())) {
      String[] cells = line.split("\t", -1);
      int place = number++ % BUILT_IN_SHARE;
      int split = place == 3 ? 1 : place == 7 ? 2 : 0;
      sources.get(split).add(cells[0]);
      targets.get(split).add(cells[1]);
    }
    List<ParallelCorpus> corpora = new ArrayList<>();
    for (String name : List.of("train", "valid", "test")) {
      int split = corpora.size();
      corpora.add(
          ParallelCorpus.of(name, BUILT_IN, sources.get(split), BUILT_IN, targets.get(split)));
    }
    return new Texts(corpora.get(0), corpora.get(1), Map.of("built-in", corpora.get(2)));
  }

  private static String resource() {
    try (InputStream in = PetData.class.getResourceAsStream(BUILT_IN)) {
      if (in == null) {
        throw new IllegalStateException("the resource " + BUILT_IN + " is missing in the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Learns the vocabulary and encodes all pairs.
   *
   * @param texts the pairs
   * @param settings the settings
   * @throws BadInputException if a sentence is longer than the settings allow
   */
  static Prepared prepare(Texts texts, Settings settings) {
    ParallelCorpus train = subset(texts.train(), settings.trainPairs());
    TranslationVocabulary vocabulary =
        TranslationVocabulary.learn(
            train,
            new TextForm(settings.source(), settings.moses(), settings.lowerCase()),
            new TextForm(settings.target(), settings.moses(), settings.lowerCase()),
            settings.merges());
    double ratio = settings.lengthRatio() > 0 ? settings.lengthRatio() : Double.POSITIVE_INFINITY;
    EncodedCorpus encoded =
        EncodedCorpus.of(
            train,
            vocabulary,
            new EncodedCorpus.Limits(settings.longest(), settings.dropLong(), ratio));
    List<TestSet> tests = new ArrayList<>();
    texts
        .tests()
        .forEach(
            (name, corpus) ->
                tests.add(
                    TestSet.of(
                        name, corpus, vocabulary, settings.longest(), settings.testPairs())));
    return new Prepared(
        vocabulary,
        encoded,
        EncodedCorpus.of(
            texts.valid(), vocabulary, EncodedCorpus.Limits.refusing(settings.longest())),
        TestSet.of("valid", texts.valid(), vocabulary, settings.longest(), settings.validPairs()),
        tests);
  }

  /** Returns a number of pairs chosen by chance, in their order. */
  private static ParallelCorpus subset(ParallelCorpus corpus, int count) {
    if (count == 0 || count >= corpus.pairs().size()) {
      return corpus;
    }
    int[] chosen =
        Arrays.copyOf(Permutation.of(corpus.pairs().size(), 0, Permutation.SUBSET), count);
    Arrays.sort(chosen);
    return new ParallelCorpus(
        corpus.name(),
        corpus.sourceName(),
        corpus.targetName(),
        Arrays.stream(chosen).mapToObj(corpus.pairs()::get).toList());
  }
}
