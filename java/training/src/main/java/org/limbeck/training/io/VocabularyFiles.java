// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.bert.PretrainedModel;

/**
 * The tokenizer's data beside a model: {@code tokenizer.json} or {@code vocab.txt}, as Hugging
 * Face's transformers have them.
 */
final class VocabularyFiles {
  private static final String TOKENIZER = "tokenizer.json";
  private static final String VOCABULARY = "vocab.txt";
  private static final String TOKENIZER_CONFIG = "tokenizer_config.json";

  private VocabularyFiles() {}

  /**
   * Reads the one of the two files that is there, {@code tokenizer.json} first.
   *
   * @param largest the number of word pieces that the model has embeddings for
   * @throws BadInputException if there is neither, or it does not fit the model
   */
  static PretrainedModel.Vocabulary read(Path directory, int largest) {
    Path json = directory.resolve(TOKENIZER);
    if (Files.exists(json)) {
      return new PretrainedModel.TokenizerJson(readText(json));
    }
    Path list = directory.resolve(VOCABULARY);
    if (!Files.exists(list)) {
      throw new BadInputException(
          directory + " holds neither " + TOKENIZER + " nor " + VOCABULARY + ", expected one");
    }
    Path settings = directory.resolve(TOKENIZER_CONFIG);
    if (Files.exists(settings) && HuggingFaceConfig.isCased(settings)) {
      throw new BadInputException(
          settings + " says do_lower_case false, expected a " + TOKENIZER + " for a cased model");
    }
    String text = readText(list);
    long pieces = text.lines().count();
    if (pieces > largest) {
      throw new BadInputException(
          list + " has " + pieces + " word pieces, expected at most " + largest);
    }
    return new PretrainedModel.WordPieceList(text);
  }

  /**
   * Writes one of the two files and removes the other.
   *
   * @throws BadInputException if it cannot be written
   */
  static void write(Path directory, PretrainedModel.Vocabulary vocabulary) {
    Path stale;
    if (vocabulary instanceof PretrainedModel.TokenizerJson tokenizer) {
      AtomicFiles.write(directory.resolve(TOKENIZER), tokenizer.json());
      stale = directory.resolve(VOCABULARY);
    } else if (vocabulary instanceof PretrainedModel.WordPieceList list) {
      AtomicFiles.write(directory.resolve(VOCABULARY), list.text());
      stale = directory.resolve(TOKENIZER);
    } else {
      throw new IllegalArgumentException(
          "VocabularyFiles.write: given a vocabulary " + vocabulary.getClass());
    }
    try {
      // Another model's tokenizer in the same directory would be read instead.
      Files.deleteIfExists(stale);
    } catch (IOException e) {
      throw BadInputException.writing(stale, e);
    }
  }

  /** Reads a text file in UTF-8. */
  static String readText(Path file) {
    try {
      return Files.readString(file);
    } catch (MalformedInputException e) {
      throw new BadInputException(file + " is not text in UTF-8", e);
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    }
  }
}
