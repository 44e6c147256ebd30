// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Parameter;

/**
 * A pretrained encoder as it comes from disk: sizes, tensors on the host, vocabulary.
 *
 * <p>Tensors carry Hugging Face's names without a model prefix ({@code
 * embeddings.word_embeddings.weight}, {@code encoder.layer.0.attention.self.query.weight}, {@code
 * pooler.dense.bias}, {@code cls.predictions.bias}); weights of linear layers are [out, in],
 * vectors are matrices of one row, all are F32. The matrices live as long as the memory from which
 * the reader was told to take them.
 *
 * @param name a short name for messages and reports
 * @param config the sizes
 * @param tensors the tensors by name
 * @param vocabulary the tokenizer's data
 */
public record PretrainedModel(
    String name, BertConfig config, Map<String, Matrix> tensors, Vocabulary vocabulary) {
  /** Checks that all parts are there. */
  public PretrainedModel {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(config, "config");
    tensors = Map.copyOf(tensors);
    Objects.requireNonNull(vocabulary, "vocabulary");
  }

  /** Returns the model without a classifier that it may have. */
  public PretrainedModel encoder() {
    Map<String, Matrix> encoder = new HashMap<>(tensors);
    encoder.keySet().removeIf(tensor -> tensor.startsWith("classifier."));
    return new PretrainedModel(name, config, encoder, vocabulary);
  }

  /**
   * Copies the tensor of a parameter's name into its value.
   *
   * @param parameter what takes the values
   * @param memory the memory of its device
   * @throws IllegalArgumentException if there is no such tensor, or its shape differs
   */
  void copyInto(Parameter parameter, Memory memory) {
    Matrix source = tensors.get(parameter.name());
    if (source == null) {
      throw new IllegalArgumentException(
          name + ": given no tensor " + parameter + ", expected one");
    }
    Matrix target = parameter.value();
    if (source.rows() != target.rows() || source.cols() != target.cols()) {
      throw new IllegalArgumentException(
          name
              + ": tensor "
              + parameter.name()
              + ": given shape ["
              + source.rows()
              + ", "
              + source.cols()
              + "], expected ["
              + target.rows()
              + ", "
              + target.cols()
              + "]");
    }
    memory.upload(source, target);
  }

  /** What a tokenizer is made from. */
  public sealed interface Vocabulary permits TokenizerJson, WordPieceList {}

  /**
   * A {@code tokenizer.json} of Hugging Face.
   *
   * @param json the file's content
   */
  public record TokenizerJson(String json) implements Vocabulary {}

  /**
   * A {@code vocab.txt} of BERT, one word piece a line, for an uncased WordPiece tokenizer.
   *
   * @param text the file's content
   */
  public record WordPieceList(String text) implements Vocabulary {}
}
