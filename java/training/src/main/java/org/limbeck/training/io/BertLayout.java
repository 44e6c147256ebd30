// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertConfig;

/** The names and shapes of a BERT encoder's tensors, and the check that all are there. */
final class BertLayout {
  static final String WORDS = "embeddings.word_embeddings.weight";
  static final String POSITIONS = "embeddings.position_embeddings.weight";
  static final String TYPES = "embeddings.token_type_embeddings.weight";
  private static final Pattern LAYER = Pattern.compile("encoder\\.layer\\.(\\d{1,6})\\..+");

  private BertLayout() {}

  /** The shape of a tensor as a matrix; vectors have one row. */
  record Shape(long rows, long cols) {
    @Override
    public String toString() {
      return "[" + rows + ", " + cols + "]";
    }
  }

  /** Returns whether a tensor of this name has one size in files: a bias, or a layer norm's. */
  static boolean isVector(String name) {
    return name.endsWith(".bias") || name.contains("LayerNorm.");
  }

  /**
   * Returns the sizes that the tensors' shapes tell.
   *
   * @param file where they are from, for messages
   * @param tensors tensors by Hugging Face's names
   * @param heads the number of heads, which no shape tells
   * @param epsilon the epsilon of layer normalisation
   * @throws BadInputException if a tensor is missing or the sizes make no encoder
   */
  static BertConfig infer(String file, Map<String, Matrix> tensors, int heads, double epsilon) {
    int layers = 0;
    for (String name : tensors.keySet()) {
      Matcher matcher = LAYER.matcher(name);
      if (matcher.matches()) {
        layers = Math.max(layers, Integer.parseInt(matcher.group(1)) + 1);
      }
    }
    Matrix words = required(file, tensors, WORDS);
    Matrix up = required(file, tensors, "encoder.layer.0.intermediate.dense.weight");
    long positions = required(file, tensors, POSITIONS).rows();
    long types = required(file, tensors, TYPES).rows();
    return config(
        file, layers, words.cols(), heads, up.rows(), words.rows(), positions, types, epsilon);
  }

  /** Makes a configuration; sizes that make none are the file's fault. */
  static BertConfig config(
      String file,
      long layers,
      long hidden,
      long heads,
      long intermediate,
      long vocabulary,
      long positions,
      long types,
      double epsilon) {
    try {
      return new BertConfig(
          Math.toIntExact(layers),
          Math.toIntExact(hidden),
          Math.toIntExact(heads),
          Math.toIntExact(intermediate),
          Math.toIntExact(vocabulary),
          Math.toIntExact(positions),
          Math.toIntExact(types),
          epsilon);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new BadInputException(
          file + " does not hold the sizes of an encoder: " + e.getMessage(), e);
    }
  }

  /**
   * Checks that every tensor of the encoder is there in the right shape, and that those of a pooler
   * and a masked language model's head fit if they are there.
   *
   * @param file where the tensors are from, for messages
   * @param config the sizes
   * @param tensors tensors by Hugging Face's names
   * @throws BadInputException naming the first tensor that is missing or has another shape
   */
  static void check(String file, BertConfig config, Map<String, Matrix> tensors) {
    encoder(config)
        .forEach((name, shape) -> checkShape(file, name, required(file, tensors, name), shape));
    heads(config)
        .forEach(
            (name, shape) -> {
              if (tensors.containsKey(name)) {
                checkShape(file, name, tensors.get(name), shape);
              }
            });
  }

  private static Matrix required(String file, Map<String, Matrix> tensors, String name) {
    Matrix matrix = tensors.get(name);
    if (matrix == null) {
      throw new BadInputException(file + " holds no tensor " + name + ", which an encoder needs");
    }
    return matrix;
  }

  private static void checkShape(String file, String name, Matrix matrix, Shape shape) {
    if (matrix.rows() != shape.rows || matrix.cols() != shape.cols) {
      throw new BadInputException(
          file
              + ": tensor "
              + name
              + " has shape "
              + new Shape(matrix.rows(), matrix.cols())
              + ", expected "
              + shape);
    }
  }

  /** Returns the shapes of an encoder with pooler and classifier of a number of outputs. */
  static Map<String, Shape> classifier(BertConfig config, int labels) {
    Map<String, Shape> shapes = encoder(config);
    linear(shapes, "pooler.dense", config.hidden(), config.hidden());
    linear(shapes, "classifier", labels, config.hidden());
    return shapes;
  }

  /**
   * Returns whether a tensor of this name has ternary values in a student: the word embeddings, and
   * the weights of linear layers up to the pooler.
   */
  static boolean isTernary(String name) {
    return name.equals(WORDS)
        || (name.endsWith(".weight")
            && !isVector(name)
            && (name.startsWith("encoder.") || name.startsWith("pooler.")));
  }

  private static Map<String, Shape> encoder(BertConfig config) {
    long hidden = config.hidden();
    Map<String, Shape> shapes = new LinkedHashMap<>();
    shapes.put(WORDS, new Shape(config.vocabulary(), hidden));
    shapes.put(POSITIONS, new Shape(config.positions(), hidden));
    shapes.put(TYPES, new Shape(config.types(), hidden));
    norm(shapes, "embeddings", hidden);
    for (int k = 0; k < config.layers(); k++) {
      String layer = "encoder.layer." + k + ".";
      linear(shapes, layer + "attention.self.query", hidden, hidden);
      linear(shapes, layer + "attention.self.key", hidden, hidden);
      linear(shapes, layer + "attention.self.value", hidden, hidden);
      linear(shapes, layer + "attention.output.dense", hidden, hidden);
      norm(shapes, layer + "attention.output", hidden);
      linear(shapes, layer + "intermediate.dense", config.intermediate(), hidden);
      linear(shapes, layer + "output.dense", hidden, config.intermediate());
      norm(shapes, layer + "output", hidden);
    }
    return shapes;
  }

  private static Map<String, Shape> heads(BertConfig config) {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    linear(shapes, "pooler.dense", config.hidden(), config.hidden());
    linear(shapes, "cls.predictions.transform.dense", config.hidden(), config.hidden());
    norm(shapes, "cls.predictions.transform", config.hidden());
    shapes.put("cls.predictions.bias", new Shape(1, config.vocabulary()));
    shapes.put("cls.predictions.decoder.weight", new Shape(config.vocabulary(), config.hidden()));
    return shapes;
  }

  private static void linear(Map<String, Shape> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", new Shape(out, in));
    shapes.put(name + ".bias", new Shape(1, out));
  }

  private static void norm(Map<String, Shape> shapes, String name, long width) {
    shapes.put(name + ".LayerNorm.weight", new Shape(1, width));
    shapes.put(name + ".LayerNorm.bias", new Shape(1, width));
  }
}
