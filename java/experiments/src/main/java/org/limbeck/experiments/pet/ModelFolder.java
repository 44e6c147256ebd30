// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.io.TransformerDirectory;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.translation.TranslationVocabulary;

/** A model with its vocabulary, as {@code pet} writes it and {@code translate} reads it. */
final class ModelFolder {
  private ModelFolder() {}

  /**
   * Writes a model.
   *
   * @throws BadInputException if a file cannot be written
   */
  static void write(
      Path folder, Transformer model, Memory memory, TranslationVocabulary vocabulary) {
    Path text = TransformerDirectory.text(folder);
    try {
      Files.createDirectories(text);
    } catch (IOException e) {
      throw BadInputException.writing(text, e);
    }
    vocabulary.save(text);
    TransformerDirectory.write(folder, model, memory);
  }

  /**
   * Reads the vocabulary of a model and checks that it is the model's.
   *
   * @throws BadInputException if a file is missing or malformed, or the sizes differ
   */
  static TranslationVocabulary vocabulary(Path folder) {
    TransformerConfig config = TransformerDirectory.readConfig(folder);
    TranslationVocabulary vocabulary =
        TranslationVocabulary.load(TransformerDirectory.text(folder));
    int source = vocabulary.source().dictionary().size();
    int target = vocabulary.target().dictionary().size();
    if (source != config.sourceVocabulary() || target != config.targetVocabulary()) {
      throw new BadInputException(
          folder
              + ": the model knows "
              + config.sourceVocabulary()
              + " and "
              + config.targetVocabulary()
              + " subwords, its dictionaries have "
              + source
              + " and "
              + target
              + ": expected as many");
    }
    return vocabulary;
  }
}
