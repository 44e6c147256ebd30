// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Writes the graph of an ONNX model: the few fields of onnx.proto that products and sums need. */
final class OnnxNodes {
  // Element types.
  static final int FLOAT = 1;
  static final int INT8 = 3;
  static final int INT64 = 7;

  // Field numbers of onnx.proto.
  static final int GRAPH_NODE = 1;
  static final int GRAPH_INITIALIZER = 5;
  static final int NODE_INPUT = 1;
  static final int NODE_OUTPUT = 2;
  static final int NODE_OPERATION = 4;
  static final int TENSOR_DIMS = 1;
  static final int TENSOR_TYPE = 2;
  static final int TENSOR_NAME = 8;
  static final int TENSOR_RAW = 9;
  private static final int NODE_NAME = 3;
  private static final int NODE_ATTRIBUTE = 5;
  private static final int ATTRIBUTE_NAME = 1;
  private static final int ATTRIBUTE_FLOAT = 2;
  private static final int ATTRIBUTE_INT = 3;
  private static final int ATTRIBUTE_INTS = 8;
  private static final int ATTRIBUTE_TYPE = 20;
  private static final int IS_FLOAT = 1;
  private static final int IS_INT = 2;
  private static final int IS_INTS = 7;

  private final UnknownFieldSet.Builder graph;

  /** Adds to a graph. */
  OnnxNodes(UnknownFieldSet.Builder graph) {
    this.graph = graph;
  }

  /** Adds a node of one output, whose name is returned. */
  String node(String operation, List<String> inputs, String output, UnknownFieldSet... attributes) {
    node(operation, inputs, List.of(output), attributes);
    return output;
  }

  /** Adds a node. */
  void node(
      String operation, List<String> inputs, List<String> outputs, UnknownFieldSet... attributes) {
    UnknownFieldSet.Builder node =
        UnknownFieldSet.newBuilder()
            .addField(NODE_NAME, bytes(outputs.get(0) + "_node"))
            .addField(NODE_OPERATION, bytes(operation));
    inputs.forEach(name -> node.mergeField(NODE_INPUT, bytes(name)));
    outputs.forEach(name -> node.mergeField(NODE_OUTPUT, bytes(name)));
    for (UnknownFieldSet attribute : attributes) {
      node.mergeField(NODE_ATTRIBUTE, bytes(attribute));
    }
    graph.mergeField(GRAPH_NODE, bytes(node.build()));
  }

  static UnknownFieldSet integer(String name, long value) {
    return attribute(name, IS_INT).addField(ATTRIBUTE_INT, number(value)).build();
  }

  static UnknownFieldSet integers(String name, long... values) {
    UnknownFieldSet.Builder attribute = attribute(name, IS_INTS);
    for (long value : values) {
      attribute.mergeField(ATTRIBUTE_INTS, number(value));
    }
    return attribute.build();
  }

  static UnknownFieldSet real(String name, float value) {
    Field bits = Field.newBuilder().addFixed32(Float.floatToRawIntBits(value)).build();
    return attribute(name, IS_FLOAT).addField(ATTRIBUTE_FLOAT, bits).build();
  }

  private static UnknownFieldSet.Builder attribute(String name, int type) {
    return UnknownFieldSet.newBuilder()
        .addField(ATTRIBUTE_NAME, bytes(name))
        .addField(ATTRIBUTE_TYPE, number(type));
  }

  /** Adds a stored tensor, and returns its name. */
  String tensor(String name, int type, List<Long> sizes, ByteString raw) {
    UnknownFieldSet.Builder tensor =
        UnknownFieldSet.newBuilder()
            .addField(TENSOR_TYPE, number(type))
            .addField(TENSOR_NAME, bytes(name))
            .addField(TENSOR_RAW, bytes(raw));
    sizes.forEach(size -> tensor.mergeField(TENSOR_DIMS, number(size)));
    graph.mergeField(GRAPH_INITIALIZER, bytes(tensor.build()));
    return name;
  }

  /** Adds a stored float without sizes. */
  String scalar(String name, float value) {
    ByteBuffer one = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    one.putFloat(0, value);
    return tensor(name, FLOAT, List.of(), ByteString.copyFrom(one));
  }

  /** Adds a stored vector of integers. */
  String vector(String name, long... values) {
    ByteBuffer all = ByteBuffer.allocate(Long.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
    all.asLongBuffer().put(values);
    return tensor(name, INT64, List.of((long) values.length), ByteString.copyFrom(all));
  }

  static String text(UnknownFieldSet of, int field) {
    List<ByteString> values = of.getField(field).getLengthDelimitedList();
    return values.isEmpty() ? "" : values.get(0).toStringUtf8();
  }

  static long number(UnknownFieldSet of, int field) {
    List<Long> values = of.getField(field).getVarintList();
    return values.isEmpty() ? 0 : values.get(0);
  }

  static Field number(long value) {
    return Field.newBuilder().addVarint(value).build();
  }

  static Field bytes(String value) {
    return bytes(ByteString.copyFromUtf8(value));
  }

  static Field bytes(UnknownFieldSet value) {
    return bytes(value.toByteString());
  }

  static Field bytes(ByteString value) {
    return Field.newBuilder().addLengthDelimited(value).build();
  }
}
