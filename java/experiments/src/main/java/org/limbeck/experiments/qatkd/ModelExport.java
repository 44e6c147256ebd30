// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.io.HuggingFaceDirectory;
import org.limbeck.training.nn.Parameter;

/**
 * Writes a trained network in Hugging Face's layout. A student's values are the latent ones in full
 * precision, from which its quantizers take the ternary ones.
 */
final class ModelExport {
  private ModelExport() {}

  /** Returns the folder of an exported network. */
  static Path folder(Path run) {
    return run.resolve("hugging-face");
  }

  /**
   * Writes a network.
   *
   * @param run the folder of the run that trained it
   * @param pretrained the encoder that it began as, whose name and vocabulary it keeps
   */
  static void write(Path run, PretrainedModel pretrained, BertClassifier network) {
    try (HostMemory host = new HostMemory()) {
      Map<String, Matrix> tensors = new TreeMap<>();
      for (Parameter parameter : network.parameters().all()) {
        Matrix value = parameter.value();
        Matrix copy = host.matrix(DType.F32, value.rows(), value.cols());
        network.parameters().download(parameter, copy);
        tensors.put(parameter.name(), copy);
      }
      HuggingFaceDirectory.write(
          folder(run),
          new PretrainedModel(
              pretrained.name(), pretrained.config(), tensors, pretrained.vocabulary()),
          Map.of());
    }
  }
}
