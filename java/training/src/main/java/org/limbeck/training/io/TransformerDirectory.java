// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.SafetensorsWriter;
import org.limbeck.formats.SafetensorsWriter.Entry;
import org.limbeck.formats.TensorView;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.checkpoint.StoredTensors;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;

/**
 * Reads and writes translation Transformers: a directory with {@code config.json} and {@code
 * model.safetensors}, beside which {@link #text} has room for the files of vocabularies and
 * segmentation.
 */
public final class TransformerDirectory {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "model.safetensors";
  private static final String TEXT = "text";

  private TransformerDirectory() {}

  /**
   * Returns the place for the files of the text side, inside the directory of a model. It exists
   * once something is written there.
   *
   * @param directory the directory of a model
   */
  public static Path text(Path directory) {
    return directory.resolve(TEXT);
  }

  /**
   * Reads the sizes of a model.
   *
   * @param directory the directory
   * @throws BadInputException if it is no directory, or {@code config.json} is missing, malformed
   *     or of another architecture
   */
  public static TransformerConfig readConfig(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new BadInputException(
          directory + " is no directory, expected one with " + CONFIG + " and " + WEIGHTS);
    }
    return TransformerConfigFile.read(directory.resolve(CONFIG));
  }

  /**
   * Reads a model.
   *
   * @param directory the directory
   * @param compute operations and memory of the model
   * @throws BadInputException if a file is missing, malformed or truncated, or a tensor is missing
   *     or has another shape than {@code config.json} says
   */
  public static Transformer read(Path directory, Compute compute) {
    TransformerConfig config = readConfig(directory);
    Path weights = directory.resolve(WEIGHTS);
    try (SafetensorsFile file = SafetensorsFile.open(weights);
        HostMemory staging = new HostMemory()) {
      Transformer model = new Transformer(compute, config);
      for (Parameter parameter : model.parameters().all()) {
        Matrix target = parameter.value();
        TensorView view =
            StoredTensors.find(file, weights, "of a translation model", parameter.name(), target);
        compute.memory().upload(view.copyAsFloats(staging), target);
      }
      return model;
    }
  }

  /**
   * Writes a model, so that {@link #read} finds the same numbers. Each file is replaced as a whole,
   * {@code config.json} last.
   *
   * @param directory the directory; created if it is not there
   * @param model the model
   * @param memory the memory of its device
   * @throws BadInputException if a file cannot be written
   */
  public static void write(Path directory, Transformer model, Memory memory) {
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw BadInputException.writing(directory, e);
    }
    try (HostMemory staging = new HostMemory()) {
      Map<String, Entry> entries = new LinkedHashMap<>();
      for (Parameter parameter : model.parameters().all()) {
        Entry entry = StoredTensors.entry(memory, staging, parameter.value());
        boolean vector = parameter.value().rows() == 1;
        entries.put(parameter.name(), vector ? Entry.vector(entry.matrix()) : entry);
      }
      SafetensorsWriter.write(directory.resolve(WEIGHTS), entries, Map.of());
    }
    TransformerConfigFile.write(directory.resolve(CONFIG), model.config());
  }
}
