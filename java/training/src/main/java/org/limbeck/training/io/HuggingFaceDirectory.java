// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.SafetensorsWriter;
import org.limbeck.formats.TensorView;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;

/**
 * Reads and writes BERT encoders as Hugging Face's transformers lay them out: a directory with
 * {@code config.json}, {@code model.safetensors}, and {@code tokenizer.json} or {@code vocab.txt}.
 */
public final class HuggingFaceDirectory {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "model.safetensors";
  private static final String PREFIX = "bert.";
  private static final String CLASSIFIER = "classifier.weight";

  private HuggingFaceDirectory() {}

  /**
   * Reads an encoder. Tensors may carry the prefix {@code bert.} and the old names {@code gamma}
   * and {@code beta}; F16, BF16 and F64 become F32. Other floating-point tensors of the file, such
   * as a classifier's, come along under their names; integer ones do not.
   *
   * @param directory the directory
   * @param memory where the tensors live
   * @return the encoder, named as the directory
   * @throws BadInputException if a file is missing, malformed or truncated, a tensor is missing or
   *     has another shape than {@code config.json} says, or the architecture is another one
   */
  public static PretrainedModel read(Path directory, HostMemory memory) {
    if (!Files.isDirectory(directory)) {
      throw new BadInputException(
          directory + " is no directory, expected one with " + CONFIG + " and " + WEIGHTS);
    }
    BertConfig config = HuggingFaceConfig.read(directory.resolve(CONFIG));
    PretrainedModel.Vocabulary vocabulary = VocabularyFiles.read(directory, config.vocabulary());
    Path weights = directory.resolve(WEIGHTS);
    Map<String, Matrix> tensors = new HashMap<>();
    try (SafetensorsFile file = SafetensorsFile.open(weights)) {
      for (Map.Entry<String, TensorView> entry : file.tensors().entrySet()) {
        TensorView view = entry.getValue();
        if (view.type().isFloat()
            && tensors.put(name(entry.getKey()), view.copyAsFloats(memory)) != null) {
          throw new BadInputException(
              weights
                  + " holds tensor "
                  + name(entry.getKey())
                  + " under two names, expected one of them");
        }
      }
    }
    BertLayout.check(weights.toString(), config, tensors);
    Path name = directory.toAbsolutePath().normalize().getFileName();
    return new PretrainedModel(
        name == null ? directory.toString() : name.toString(), config, tensors, vocabulary);
  }

  /**
   * Writes an encoder, so that {@link #read} and Hugging Face's transformers find the same numbers.
   * Each file is replaced as a whole, {@code config.json} last.
   *
   * @param directory the directory; created if it is not there
   * @param model the encoder with its tokenizer's data
   * @param extra further tensors on the host, such as {@code classifier.weight} [labels, hidden]
   *     and {@code classifier.bias} [1, labels]; they replace the model's of the same name
   * @throws BadInputException if a file cannot be written
   */
  public static void write(Path directory, PretrainedModel model, Map<String, Matrix> extra) {
    Map<String, Matrix> tensors = new TreeMap<>(model.tensors());
    tensors.putAll(extra);
    BertLayout.check("the model " + model.name(), model.config(), tensors);
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw BadInputException.writing(directory, e);
    }
    boolean head = tensors.keySet().stream().anyMatch(name -> !isEncoder(name));
    Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();
    tensors.forEach(
        (name, matrix) ->
            entries.put(
                head && isEncoder(name) ? PREFIX + name : name,
                BertLayout.isVector(name)
                    ? SafetensorsWriter.Entry.vector(matrix)
                    : SafetensorsWriter.Entry.of(matrix)));
    SafetensorsWriter.write(directory.resolve(WEIGHTS), entries, Map.of("format", "pt"));
    VocabularyFiles.write(directory, model.vocabulary());
    Matrix classifier = tensors.get(CLASSIFIER);
    String architecture =
        classifier != null
            ? "BertForSequenceClassification"
            : head ? "BertForMaskedLM" : "BertModel";
    HuggingFaceConfig.write(
        directory.resolve(CONFIG),
        model.config(),
        architecture,
        classifier == null ? 0 : classifier.rows());
  }

  private static boolean isEncoder(String name) {
    return name.startsWith("embeddings.")
        || name.startsWith("encoder.")
        || name.startsWith("pooler.");
  }

  private static String name(String stored) {
    String name = stored.startsWith(PREFIX) ? stored.substring(PREFIX.length()) : stored;
    return name.replaceFirst("LayerNorm\\.gamma$", "LayerNorm.weight")
        .replaceFirst("LayerNorm\\.beta$", "LayerNorm.bias");
  }
}
