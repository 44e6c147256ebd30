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
import org.limbeck.formats.TensorView;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
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
        TensorView view = file.tensors().get(parameter.name());
        Matrix target = parameter.value();
        if (view == null) {
          throw new BadInputException(weights + " has no tensor " + parameter + ", expected one");
        }
        if (view.rows() != target.rows() || view.cols() != target.cols()) {
          throw new BadInputException(
              weights
                  + ": tensor "
                  + parameter.name()
                  + " has shape ["
                  + view.rows()
                  + ", "
                  + view.cols()
                  + "], expected ["
                  + target.rows()
                  + ", "
                  + target.cols()
                  + "]");
        }
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
    ParameterSet parameters = model.parameters();
    try (HostMemory staging = new HostMemory()) {
      Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();
      for (Parameter parameter : parameters.all()) {
        Matrix value = parameter.value();
        Matrix host = value;
        if (!memory.device().isHost()) {
          host = staging.matrix(DType.F32, value.rows(), value.cols());
          parameters.download(parameter, host);
        }
        boolean vector = host.rows() == 1;
        entries.put(
            parameter.name(),
            vector ? SafetensorsWriter.Entry.vector(host) : SafetensorsWriter.Entry.of(host));
      }
      SafetensorsWriter.write(directory.resolve(WEIGHTS), entries, Map.of());
    }
    TransformerConfigFile.write(directory.resolve(CONFIG), model.config());
  }
}
