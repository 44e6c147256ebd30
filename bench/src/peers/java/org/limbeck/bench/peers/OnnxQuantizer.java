// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.limbeck.bench.peers.OnnxNodes.*;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Dynamic quantization of an ONNX model as ONNX Runtime's own tool does it by default: the weights
 * of each product to signed bytes with one scale, the activations to unsigned bytes when the
 * product runs. {@code Y = MatMul(X, W)} becomes
 *
 * <pre>
 *   Q, s, z = DynamicQuantizeLinear(X)
 *   Y = Cast(MatMulInteger(Q, W8, z)) * (s * sW)
 * </pre>
 *
 * <p>Products of two activations stay in float32. ONNX Runtime merges these nodes when it loads the
 * model.
 */
final class OnnxQuantizer {
  private static final float LARGEST = 127;

  /** The field of a model that holds its graph. */
  private static final int MODEL_GRAPH = 7;

  private final UnknownFieldSet.Builder graph = UnknownFieldSet.newBuilder();
  private final OnnxNodes nodes = new OnnxNodes(graph);
  private final Map<String, UnknownFieldSet> weights = new HashMap<>();

  /** By activation: what is quantized once serves all products that read it. */
  private final Map<String, String> quantized = new HashMap<>();

  private OnnxQuantizer() {}

  /**
   * Returns the quantized model.
   *
   * @param model a model in a single file
   * @throws IllegalArgumentException if it is none, or has no product with weights
   */
  static byte[] quantize(byte[] model) {
    try {
      UnknownFieldSet whole = UnknownFieldSet.parseFrom(model);
      List<ByteString> graphs = whole.getField(MODEL_GRAPH).getLengthDelimitedList();
      if (graphs.size() != 1) {
        throw new IllegalArgumentException("an ONNX model without a graph");
      }
      ByteString changed = new OnnxQuantizer().rewrite(UnknownFieldSet.parseFrom(graphs.get(0)));
      return UnknownFieldSet.newBuilder(whole)
          .addField(MODEL_GRAPH, bytes(changed))
          .build()
          .toByteArray();
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("no ONNX model: " + e.getMessage(), e);
    }
  }

  private ByteString rewrite(UnknownFieldSet old) throws InvalidProtocolBufferException {
    old.asMap().forEach(graph::addField);
    graph.clearField(GRAPH_NODE).clearField(GRAPH_INITIALIZER);
    for (ByteString tensor : old.getField(GRAPH_INITIALIZER).getLengthDelimitedList()) {
      UnknownFieldSet fields = UnknownFieldSet.parseFrom(tensor);
      if (number(fields, TENSOR_TYPE) == FLOAT
          && fields.getField(TENSOR_DIMS).getVarintList().size() == 2
          && fields.hasField(TENSOR_RAW)) {
        weights.put(text(fields, TENSOR_NAME), fields);
      }
    }
    Set<String> multiplied = new HashSet<>();
    for (ByteString each : old.getField(GRAPH_NODE).getLengthDelimitedList()) {
      UnknownFieldSet node = UnknownFieldSet.parseFrom(each);
      List<ByteString> inputs = node.getField(NODE_INPUT).getLengthDelimitedList();
      if (text(node, NODE_OPERATION).equals("MatMul")
          && weights.containsKey(inputs.get(1).toStringUtf8())) {
        String weight = inputs.get(1).toStringUtf8();
        multiplied.add(weight);
        product(inputs.get(0).toStringUtf8(), weight, text(node, NODE_OUTPUT));
      } else {
        graph.mergeField(GRAPH_NODE, bytes(each));
      }
    }
    if (multiplied.isEmpty()) {
      throw new IllegalArgumentException("an ONNX model without a product with weights");
    }
    for (ByteString tensor : old.getField(GRAPH_INITIALIZER).getLengthDelimitedList()) {
      String name = text(UnknownFieldSet.parseFrom(tensor), TENSOR_NAME);
      if (multiplied.contains(name)) {
        initialize(name);
      } else {
        graph.mergeField(GRAPH_INITIALIZER, bytes(tensor));
      }
    }
    return graph.build().toByteString();
  }

  private void product(String x, String weight, String y) {
    String q = quantized.get(x);
    if (q == null) {
      q = x + "_quantized";
      quantized.put(x, q);
      nodes.node("DynamicQuantizeLinear", List.of(x), List.of(q, q + "_scale", q + "_zero"));
    }
    nodes.node("MatMulInteger", List.of(q, weight + "_int8", q + "_zero"), y + "_int32");
    nodes.node("Cast", List.of(y + "_int32"), y + "_float", OnnxNodes.integer("to", FLOAT));
    nodes.node("Mul", List.of(q + "_scale", weight + "_scale"), y + "_scale");
    nodes.node("Mul", List.of(y + "_float", y + "_scale"), y);
  }

  /** Adds a weight as bytes, and its scale. */
  private void initialize(String name) {
    UnknownFieldSet weight = weights.get(name);
    FloatBuffer values =
        ByteBuffer.wrap(weight.getField(TENSOR_RAW).getLengthDelimitedList().get(0).toByteArray())
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer();
    float most = 0;
    for (int i = 0; i < values.limit(); i++) {
      most = Math.max(most, Math.abs(values.get(i)));
    }
    float scale = most / LARGEST;
    byte[] codes = new byte[values.limit()];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) Math.rint(values.get(i) / scale);
    }
    List<Long> sizes = weight.getField(TENSOR_DIMS).getVarintList();
    nodes.tensor(name + "_int8", INT8, sizes, ByteString.copyFrom(codes));
    nodes.scalar(name + "_scale", scale);
  }
}
