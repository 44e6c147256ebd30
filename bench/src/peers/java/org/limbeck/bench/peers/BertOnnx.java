// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.limbeck.bench.peers.OnnxNodes.*;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.Function;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertConfig;

/**
 * Writes a BERT encoder as an ONNX model, for networks that no such file exists of. Nodes follow
 * each other as PyTorch exports them, since ONNX Runtime knows its faster kernels by that pattern.
 */
final class BertOnnx {
  // Field numbers of onnx.proto.
  private static final int MODEL_VERSION = 1;
  private static final int MODEL_GRAPH = 7;
  private static final int MODEL_OPERATORS = 8;
  private static final int OPERATORS_VERSION = 2;
  private static final int GRAPH_NAME = 2;
  private static final int GRAPH_INPUT = 11;
  private static final int GRAPH_OUTPUT = 12;
  private static final int VALUE_NAME = 1;
  private static final int VALUE_TYPE = 2;
  private static final int TYPE_TENSOR = 1;
  private static final int TENSOR_ELEMENT = 1;
  private static final int TENSOR_SHAPE = 2;
  private static final int SHAPE_SIZE = 1;
  private static final int SIZE_VALUE = 1;
  private static final int SIZE_NAME = 2;

  private static final int FILE_VERSION = 8;
  private static final int OPERATOR_VERSION = 17;
  private static final float MASKED = -10_000;

  private final UnknownFieldSet.Builder graph = UnknownFieldSet.newBuilder();
  private final OnnxNodes nodes = new OnnxNodes(graph);
  private final BertConfig config;
  private final Function<String, Matrix> tensors;

  private BertOnnx(BertConfig config, Function<String, Matrix> tensors) {
    this.config = config;
    this.tensors = tensors;
  }

  /**
   * Returns a model with the inputs input_ids, token_type_ids and attention_mask, all int64 of
   * batch and length, and the hidden states of the last layer as output.
   *
   * @param config the sizes
   * @param tensors gives the tensors by Hugging Face's names; weights of linear layers are [out,
   *     in]
   */
  static byte[] write(BertConfig config, Function<String, Matrix> tensors) {
    UnknownFieldSet graph = new BertOnnx(config, tensors).encoder();
    UnknownFieldSet operators =
        UnknownFieldSet.newBuilder().addField(OPERATORS_VERSION, number(OPERATOR_VERSION)).build();
    return UnknownFieldSet.newBuilder()
        .addField(MODEL_VERSION, number(FILE_VERSION))
        .addField(MODEL_GRAPH, bytes(graph))
        .addField(MODEL_OPERATORS, bytes(operators))
        .build()
        .toByteArray();
  }

  private UnknownFieldSet encoder() {
    graph.addField(GRAPH_NAME, bytes("bert"));
    for (String input : List.of("input_ids", "token_type_ids", "attention_mask")) {
      graph.mergeField(GRAPH_INPUT, bytes(value(input, INT64)));
    }
    nodes.scalar("one", 1);
    nodes.scalar("half", 0.5f);
    nodes.scalar("root2", (float) Math.sqrt(2));
    nodes.scalar("masked", MASKED);
    nodes.scalar("root_width", (float) Math.sqrt(config.headWidth()));
    nodes.vector("heads", 0, 0, config.heads(), config.headWidth());
    nodes.vector("joined", 0, 0, config.hidden());
    String mask = mask();
    String x = embeddings();
    for (int l = 0; l < config.layers(); l++) {
      x = layer("encoder.layer." + l + ".", x, mask);
    }
    graph.mergeField(GRAPH_OUTPUT, bytes(value(x, FLOAT)));
    return graph.build();
  }

  /** A tensor of batch, length and for floats the width. */
  private UnknownFieldSet value(String name, int type) {
    UnknownFieldSet.Builder shape = UnknownFieldSet.newBuilder();
    for (String size : List.of("batch", "length")) {
      shape.mergeField(
          SHAPE_SIZE, bytes(UnknownFieldSet.newBuilder().addField(SIZE_NAME, bytes(size)).build()));
    }
    if (type == FLOAT) {
      shape.mergeField(
          SHAPE_SIZE,
          bytes(
              UnknownFieldSet.newBuilder().addField(SIZE_VALUE, number(config.hidden())).build()));
    }
    UnknownFieldSet tensor =
        UnknownFieldSet.newBuilder()
            .addField(TENSOR_ELEMENT, number(type))
            .addField(TENSOR_SHAPE, bytes(shape.build()))
            .build();
    return UnknownFieldSet.newBuilder()
        .addField(VALUE_NAME, bytes(name))
        .addField(
            VALUE_TYPE,
            bytes(UnknownFieldSet.newBuilder().addField(TYPE_TENSOR, bytes(tensor)).build()))
        .build();
  }

  private String mask() {
    nodes.vector("axis1", 1);
    nodes.vector("axis2", 2);
    nodes.node("Unsqueeze", List.of("attention_mask", "axis1"), "mask1");
    nodes.node("Unsqueeze", List.of("mask1", "axis2"), "mask2");
    nodes.node("Cast", List.of("mask2"), "mask3", integer("to", FLOAT));
    nodes.node("Sub", List.of("one", "mask3"), "mask4");
    return nodes.node("Mul", List.of("mask4", "masked"), "mask5");
  }

  private String embeddings() {
    long[] numbers = new long[config.positions()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = i;
    }
    ByteBuffer raw =
        ByteBuffer.allocate(Long.BYTES * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
    raw.asLongBuffer().put(numbers);
    nodes.tensor("numbers", INT64, List.of(1L, (long) numbers.length), ByteString.copyFrom(raw));
    nodes.vector("zero", 0);
    nodes.node("Shape", List.of("input_ids"), "sizes");
    nodes.node("Gather", List.of("sizes", "axis1"), "length", integer("axis", 0));
    nodes.node("Slice", List.of("numbers", "zero", "length", "axis1"), "places");
    String words = gathered("word_embeddings", "input_ids");
    String types = gathered("token_type_embeddings", "token_type_ids");
    String places = gathered("position_embeddings", "places");
    nodes.node("Add", List.of(words, types), "embedded1");
    nodes.node("Add", List.of("embedded1", places), "embedded2");
    return normalised("embeddings.LayerNorm", "embedded2");
  }

  private String gathered(String table, String indices) {
    return nodes.node(
        "Gather", List.of(stored("embeddings." + table + ".weight", false), indices), table);
  }

  private String layer(String layer, String x, String mask) {
    String self = layer + "attention.self.";
    String query = heads(self + "query", x, 0, 2, 1, 3);
    String key = heads(self + "key", x, 0, 2, 3, 1);
    String value = heads(self + "value", x, 0, 2, 1, 3);
    nodes.node("MatMul", List.of(query, key), self + "scores");
    nodes.node("Div", List.of(self + "scores", "root_width"), self + "scaled");
    nodes.node("Add", List.of(self + "scaled", mask), self + "masked");
    nodes.node("Softmax", List.of(self + "masked"), self + "maps", integer("axis", -1));
    nodes.node("MatMul", List.of(self + "maps", value), self + "context");
    nodes.node(
        "Transpose", List.of(self + "context"), self + "turned", integers("perm", 0, 2, 1, 3));
    String context = nodes.node("Reshape", List.of(self + "turned", "joined"), self + "joined");
    String attended =
        residual(layer + "attention.output", linear(layer + "attention.output.dense", context), x);
    String gelu = gelu(linear(layer + "intermediate.dense", attended));
    return residual(layer + "output", linear(layer + "output.dense", gelu), attended);
  }

  private String heads(String name, String x, long... order) {
    String split = nodes.node("Reshape", List.of(linear(name, x), "heads"), name + "_split");
    return nodes.node("Transpose", List.of(split), name + "_heads", integers("perm", order));
  }

  private String linear(String name, String x) {
    String weight = stored(name + ".weight", true);
    nodes.node("MatMul", List.of(x, weight), name + "_product");
    return nodes.node(
        "Add", List.of(stored(name + ".bias", false), name + "_product"), name + "_sum");
  }

  private String residual(String name, String x, String before) {
    nodes.node("Add", List.of(x, before), name + "_residual");
    return normalised(name + ".LayerNorm", name + "_residual");
  }

  private String normalised(String name, String x) {
    return nodes.node(
        "LayerNormalization",
        List.of(x, stored(name + ".weight", false), stored(name + ".bias", false)),
        name + "_normalised",
        integer("axis", -1),
        real("epsilon", (float) config.epsilon()));
  }

  private String gelu(String x) {
    nodes.node("Div", List.of(x, "root2"), x + "_gelu1");
    nodes.node("Erf", List.of(x + "_gelu1"), x + "_gelu2");
    nodes.node("Add", List.of(x + "_gelu2", "one"), x + "_gelu3");
    nodes.node("Mul", List.of(x, x + "_gelu3"), x + "_gelu4");
    return nodes.node("Mul", List.of(x + "_gelu4", "half"), x + "_gelu");
  }

  /** Adds a tensor, transposed where it is a weight of a product; vectors lose their single row. */
  private String stored(String name, boolean transposed) {
    Matrix m = tensors.apply(name);
    long rows = transposed ? m.cols() : m.rows();
    long cols = transposed ? m.rows() : m.cols();
    byte[] raw = new byte[Math.toIntExact(Float.BYTES * rows * cols)];
    MemorySegment target = MemorySegment.ofArray(raw);
    ValueLayout.OfFloat layout =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        float value = transposed ? m.getFloat(c, r) : m.getFloat(r, c);
        target.set(layout, (r * cols + c) * Float.BYTES, value);
      }
    }
    boolean vector = name.endsWith(".bias") || name.endsWith("LayerNorm.weight");
    return nodes.tensor(
        name, FLOAT, vector ? List.of(cols) : List.of(rows, cols), ByteString.copyFrom(raw));
  }
}
