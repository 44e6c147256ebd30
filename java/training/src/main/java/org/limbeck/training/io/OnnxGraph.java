// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.formats.BadInputException;

/**
 * The nodes and stored tensors of an ONNX model: the few fields of {@code onnx.proto} that weights
 * and sizes are found through, read from a stream.
 */
final class OnnxGraph {
  private static final int FLOAT = 1;
  private static final int INT64 = 7;

  // Field numbers of onnx.proto.
  private static final int MODEL_GRAPH = 7;
  private static final int GRAPH_NODE = 1;
  private static final int GRAPH_INITIALIZER = 5;
  private static final int NODE_INPUT = 1;
  private static final int NODE_OUTPUT = 2;
  private static final int NODE_NAME = 3;
  private static final int NODE_OPERATION = 4;
  private static final int NODE_ATTRIBUTE = 5;
  private static final int ATTRIBUTE_NAME = 1;
  private static final int ATTRIBUTE_INT = 3;
  private static final int ATTRIBUTE_TENSOR = 5;
  private static final int TENSOR_DIMS = 1;
  private static final int TENSOR_TYPE = 2;
  private static final int TENSOR_FLOATS = 4;
  private static final int TENSOR_LONGS = 7;
  private static final int TENSOR_NAME = 8;
  private static final int TENSOR_RAW = 9;
  private static final int TENSOR_LOCATION = 14;

  private final List<Node> nodes = new ArrayList<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  private OnnxGraph() {}

  /**
   * An operation.
   *
   * @param operation its type, such as MatMul
   * @param name its name, which carries the module's path
   * @param inputs the names of its inputs
   * @param outputs the names of its outputs
   * @param numbers its integer attributes
   */
  record Node(
      String operation,
      String name,
      List<String> inputs,
      List<String> outputs,
      Map<String, Long> numbers) {}

  /** A stored tensor: an initializer or the value of a Constant. */
  static final class Tensor {
    private final List<Long> dims = new ArrayList<>();
    private String name = "";
    private int type;
    private byte[] raw = new byte[0];
    private boolean external;

    /** Returns the sizes, outermost first. */
    List<Long> dims() {
      return dims;
    }

    boolean isFloat() {
      return type == FLOAT;
    }

    /** Adds an element; tensors stored so are short, and long ones come as raw data. */
    private void append(long value) {
      int end = raw.length;
      raw = Arrays.copyOf(raw, end + Long.BYTES);
      ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN).putLong(end, value);
    }

    /** Returns the elements of a float tensor, checked against its sizes. */
    float[] floats(String file) {
      check(file, Float.BYTES, isFloat(), "float");
      return LittleEndian.floats(raw);
    }

    /** Returns the elements of an int64 tensor, checked against its sizes. */
    long[] longs(String file) {
      check(file, Long.BYTES, type == INT64, "int64");
      long[] values = new long[raw.length / Long.BYTES];
      ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(values);
      return values;
    }

    private void check(String file, int width, boolean rightType, String expected) {
      String where = file + ": tensor " + name;
      if (external) {
        throw new BadInputException(
            where + " lies in another file, expected a model in a single file");
      }
      if (!rightType) {
        throw new BadInputException(
            where + " has ONNX element type " + type + ", expected " + expected);
      }
      long bytes = width;
      try {
        for (long size : dims) {
          bytes = size < 0 ? -1 : Math.multiplyExact(bytes, size);
        }
      } catch (ArithmeticException e) {
        bytes = -1;
      }
      if (bytes < 0 || bytes != raw.length) {
        throw new BadInputException(
            where + " of shape " + dims + " holds " + raw.length + " bytes, expected " + bytes);
      }
    }
  }

  /** Returns the operations in the file's order. */
  List<Node> nodes() {
    return nodes;
  }

  /** Returns the initializers by name and the values of Constants by output name. */
  Map<String, Tensor> tensors() {
    return tensors;
  }

  /**
   * Reads a model.
   *
   * @param file what messages call it
   * @param stream the model's bytes
   * @throws BadInputException if they are truncated or no ONNX model
   */
  static OnnxGraph read(String file, InputStream stream) {
    OnnxGraph graph = new OnnxGraph();
    try {
      CodedInputStream in = CodedInputStream.newInstance(stream, 1 << 16);
      boolean[] found = {false};
      fields(
          in,
          field -> {
            if (field != MODEL_GRAPH) {
              return false;
            }
            found[0] = true;
            message(in, () -> fields(in, part -> graph.readPart(in, part)));
            return true;
          });
      if (!found[0]) {
        throw new BadInputException(file + " is no ONNX model: it holds no graph");
      }
    } catch (InvalidProtocolBufferException e) {
      throw new BadInputException(
          file + " is truncated or no ONNX model: its protocol buffer ends or breaks off", e);
    } catch (IOException e) {
      throw new BadInputException(file + " cannot be read: " + e.getMessage(), e);
    }
    return graph;
  }

  private boolean readPart(CodedInputStream in, int field) throws IOException {
    if (field == GRAPH_NODE) {
      message(in, () -> readNode(in));
      return true;
    }
    if (field == GRAPH_INITIALIZER) {
      Tensor tensor = new Tensor();
      message(in, () -> readTensor(in, tensor));
      tensors.put(tensor.name, tensor);
      return true;
    }
    return false;
  }

  private void readNode(CodedInputStream in) throws IOException {
    List<String> inputs = new ArrayList<>();
    List<String> outputs = new ArrayList<>();
    Map<String, Long> numbers = new LinkedHashMap<>();
    List<Tensor> values = new ArrayList<>();
    String[] texts = {"", ""};
    fields(
        in,
        field -> {
          switch (field) {
            case NODE_INPUT -> inputs.add(in.readString());
            case NODE_OUTPUT -> outputs.add(in.readString());
            case NODE_NAME -> texts[0] = in.readString();
            case NODE_OPERATION -> texts[1] = in.readString();
            case NODE_ATTRIBUTE -> message(in, () -> readAttribute(in, numbers, values));
            default -> {
              return false;
            }
          }
          return true;
        });
    nodes.add(new Node(texts[1], texts[0], inputs, outputs, numbers));
    if (texts[1].equals("Constant") && values.size() == 1 && outputs.size() == 1) {
      Tensor value = values.get(0);
      value.name = outputs.get(0);
      tensors.put(value.name, value);
    }
  }

  private static void readAttribute(
      CodedInputStream in, Map<String, Long> numbers, List<Tensor> values) throws IOException {
    String[] name = {""};
    fields(
        in,
        field -> {
          switch (field) {
            case ATTRIBUTE_NAME -> name[0] = in.readString();
            case ATTRIBUTE_INT -> numbers.put(name[0], in.readInt64());
            case ATTRIBUTE_TENSOR -> {
              Tensor tensor = new Tensor();
              message(in, () -> readTensor(in, tensor));
              values.add(tensor);
            }
            default -> {
              return false;
            }
          }
          return true;
        });
  }

  private static void readTensor(CodedInputStream in, Tensor tensor) throws IOException {
    int tag;
    while ((tag = in.readTag()) != 0) {
      boolean packed = WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED;
      switch (WireFormat.getTagFieldNumber(tag)) {
        case TENSOR_DIMS -> {
          if (packed) {
            message(
                in,
                () -> {
                  while (!in.isAtEnd()) {
                    tensor.dims.add(in.readInt64());
                  }
                });
          } else {
            tensor.dims.add(in.readInt64());
          }
        }
        case TENSOR_TYPE -> tensor.type = in.readInt32();
        case TENSOR_NAME -> tensor.name = in.readString();
        case TENSOR_LOCATION -> tensor.external = in.readEnum() != 0;
        case TENSOR_RAW -> tensor.raw = in.readByteArray();
        // Packed floats are stored as raw data is; packed and single integers are varints.
        case TENSOR_FLOATS -> tensor.raw = in.readByteArray();
        case TENSOR_LONGS -> {
          if (packed) {
            message(
                in,
                () -> {
                  while (!in.isAtEnd()) {
                    tensor.append(in.readInt64());
                  }
                });
          } else {
            tensor.append(in.readInt64());
          }
        }
        default -> in.skipField(tag);
      }
    }
  }

  /** Reads a field's value; returns false, having read nothing, for a field of no interest. */
  @FunctionalInterface
  private interface FieldReader {
    boolean read(int field) throws IOException;
  }

  /** Reads the content of a nested message. */
  @FunctionalInterface
  private interface Body {
    void read() throws IOException;
  }

  private static void fields(CodedInputStream in, FieldReader reader) throws IOException {
    int tag;
    while ((tag = in.readTag()) != 0) {
      if (!reader.read(WireFormat.getTagFieldNumber(tag))) {
        in.skipField(tag);
      }
    }
  }

  private static void message(CodedInputStream in, Body body) throws IOException {
    int limit = in.pushLimit(in.readRawVarint32());
    body.read();
    if (in.getBytesUntilLimit() != 0) {
      throw new InvalidProtocolBufferException("a nested message ends early");
    }
    in.popLimit(limit);
  }
}
