// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.data.Utf8File;

/**
 * The subwords of a pair of languages: merges learned on both together, and a dictionary each.
 *
 * <p>Source: the data preparation of fairseq's IWSLT'14 example ({@code pet.md} 8.1).
 *
 * @param bpe the merges
 * @param source the encoder of the language to translate from
 * @param target the encoder of the language to translate to
 */
public record TranslationVocabulary(Bpe bpe, SubwordEncoder source, SubwordEncoder target) {
  /** The file of the merges. */
  public static final String MERGES = "bpe.codes";

  /** The file of the languages and of how text becomes words. */
  public static final String TEXT = "text.json";

  /** How often a pair has to occur to be merged, as in subword-nmt. */
  private static final int MINIMUM = 2;

  /**
   * Learns merges and dictionaries.
   *
   * <p>A corpus that comes in words already, {@link ParallelCorpus#tokenised}, is not cut again.
   *
   * <p><b>Determinism.</b> A function of the arguments alone.
   *
   * @param corpus the pairs to learn from
   * @param source how the sentences become words
   * @param target how the translations become words
   * @param merges how many merges to learn at most
   * @return the vocabulary
   */
  public static TranslationVocabulary learn(
      ParallelCorpus corpus, TextForm source, TextForm target, int merges) {
    Map<String, Long> words = new HashMap<>();
    boolean inWords = corpus.tokenised();
    for (SentencePair pair : corpus.pairs()) {
      source.words(pair.source(), inWords).forEach(word -> words.merge(word, 1L, Long::sum));
      target.words(pair.target(), inWords).forEach(word -> words.merge(word, 1L, Long::sum));
    }
    Bpe bpe = BpeLearner.learn(words, merges, MINIMUM);
    return new TranslationVocabulary(
        bpe,
        encoder(source, bpe, corpus.sources(), inWords),
        encoder(target, bpe, corpus.targets(), inWords));
  }

  private static SubwordEncoder encoder(
      TextForm form, Bpe bpe, List<String> sentences, boolean inWords) {
    return new SubwordEncoder(
        form, bpe, Dictionary.of(SubwordEncoder.count(form, bpe, sentences, inWords)));
  }

  /**
   * Writes the vocabulary: {@value #MERGES}, {@code dict.LANGUAGE.txt} for both languages, and last
   * {@value #TEXT}.
   *
   * @param directory an existing directory
   * @throws BadInputException if a file cannot be written
   */
  public void save(Path directory) {
    bpe.save(directory.resolve(MERGES));
    JsonObject json = new JsonObject();
    json.add("source", side(directory, source));
    json.add("target", side(directory, target));
    AtomicFiles.write(
        directory.resolve(TEXT),
        new GsonBuilder().setPrettyPrinting().create().toJson(json) + "\n");
  }

  private static JsonObject side(Path directory, SubwordEncoder encoder) {
    TextForm form = encoder.form();
    encoder.dictionary().save(dictionary(directory, form.language()));
    JsonObject json = new JsonObject();
    json.addProperty("language", form.language());
    json.addProperty("moses", form.moses());
    json.addProperty("lower_case", form.lowerCase());
    return json;
  }

  private static Path dictionary(Path directory, String language) {
    return directory.resolve("dict." + language + ".txt");
  }

  /**
   * Reads what {@link #save} wrote.
   *
   * @param directory the directory
   * @return the vocabulary
   * @throws BadInputException if a file is missing or malformed; the message names it
   */
  public static TranslationVocabulary load(Path directory) {
    Path text = directory.resolve(TEXT);
    JsonObject json;
    try {
      JsonElement parsed = JsonParser.parseString(Utf8File.read(text, "the languages of a model"));
      json = parsed.getAsJsonObject();
    } catch (JsonParseException | IllegalStateException e) {
      throw new BadInputException(text + " is malformed: expected a JSON object", e);
    }
    Bpe bpe = Bpe.load(directory.resolve(MERGES));
    return new TranslationVocabulary(
        bpe, read(directory, bpe, json, "source"), read(directory, bpe, json, "target"));
  }

  private static SubwordEncoder read(Path directory, Bpe bpe, JsonObject json, String side) {
    TextForm form;
    try {
      JsonObject fields = json.getAsJsonObject(side);
      form =
          new TextForm(
              fields.get("language").getAsString(),
              fields.get("moses").getAsBoolean(),
              fields.get("lower_case").getAsBoolean());
    } catch (RuntimeException e) {
      throw new BadInputException(
          directory.resolve(TEXT)
              + ": \""
              + side
              + "\": expected an object with language, moses and lower_case",
          e);
    }
    return new SubwordEncoder(form, bpe, Dictionary.load(dictionary(directory, form.language())));
  }
}
