// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * A case on its way through the library: hands an adapter the parameters and inputs as library
 * types, runs operations, and takes the outputs. Notes which parameters and inputs were asked for,
 * so that one that an adapter does not know is an error and never passed over.
 */
public final class CaseCall {
  private static final int PADDING = 5;
  private static final byte SENTINEL = (byte) 0xA5;

  private final VectorCase vectorCase;
  private final OperationRunner runner;
  private final HostMemory memory;
  private final boolean strided;
  private final Set<String> backends;
  private final Set<String> used = new HashSet<>();
  private final Map<String, Matrix> outputs = new LinkedHashMap<>();
  private final Map<Matrix, Matrix> wholes = new LinkedHashMap<>();

  CaseCall(
      VectorCase vectorCase,
      OperationRunner runner,
      HostMemory memory,
      boolean strided,
      Set<String> backends) {
    this.vectorCase = vectorCase;
    this.runner = runner;
    this.memory = memory;
    this.strided = strided;
    this.backends = backends;
  }

  /** Runs an operation. */
  public <S, A> void run(Op<S, A> op, S spec, A arguments) {
    backends.add(runner.servedBy(op, spec));
    runner.run(op, spec, arguments);
  }

  /** Returns whether an input is given. */
  public boolean has(String input) {
    return vectorCase.inputs().containsKey(input);
  }

  /** Returns whether an output is expected. */
  public boolean wants(String output) {
    return vectorCase.expect().containsKey(output);
  }

  /** Returns whether a parameter is given; one that is null is not. */
  public boolean hasParam(String name) {
    return param(name) != null;
  }

  /** Returns the sizes of an input that must have so many dimensions. */
  public List<Long> shape(String input, int dimensions) {
    Tensor tensor = tensor(input);
    if (tensor.shape().size() != dimensions) {
      throw new VectorFormatException(
          "the input " + input + " is " + tensor + ", expected " + dimensions + " dimensions");
    }
    return tensor.shape();
  }

  /** Returns an input as stored. */
  public Tensor tensor(String input) {
    used.add(input);
    Tensor tensor = vectorCase.inputs().get(input);
    if (tensor == null) {
      throw new VectorFormatException("the input " + input + " is missing");
    }
    return tensor;
  }

  /**
   * Returns an input as a matrix: the last dimension gives the columns, the others together the
   * rows.
   *
   * @param input its name
   * @param type the element type that the library takes; floats become F32 or BF16, any integers
   *     I64, I32, I8 or U8
   */
  public Matrix input(String input, DType type) {
    Tensor tensor = tensor(input);
    return fill(allocate(type, tensor.rows(), tensor.cols()), tensor, input);
  }

  /** Returns an input as {@link #input} does, or null where it is not given. */
  public Matrix optional(String input, DType type) {
    return has(input) ? input(input, type) : null;
  }

  /** Returns an input of any shape as a vector, [1, elements]. */
  public Matrix vector(String input, DType type) {
    Tensor tensor = tensor(input);
    return fill(allocate(type, 1, tensor.elements()), tensor, input);
  }

  /** Returns an input as {@link #vector} does, or null where it is not given. */
  public Matrix optionalVector(String input, DType type) {
    return has(input) ? vector(input, type) : null;
  }

  private static Matrix fill(Matrix matrix, Tensor tensor, String input) {
    boolean floats = matrix.type() == DType.F32 || matrix.type() == DType.BF16;
    if (floats == tensor.isInteger()) {
      throw new VectorFormatException(
          "the input " + input + " is " + tensor + ", expected " + matrix.type());
    }
    for (long r = 0; r < matrix.rows(); r++) {
      for (long c = 0; c < matrix.cols(); c++) {
        long index = r * matrix.cols() + c;
        switch (matrix.type()) {
          case F32 -> matrix.setFloat(r, c, (float) tensor.number(index));
          case BF16 -> matrix.setBfloat16(r, c, (float) tensor.number(index));
          case I64 -> matrix.setLong(r, c, tensor.integer(index));
          case I32 -> matrix.setInt(r, c, Math.toIntExact(tensor.integer(index)));
          case I8 -> matrix.setByte(r, c, (byte) within(input, tensor, index, -128, 127));
          case U8 -> matrix.setByte(r, c, (byte) within(input, tensor, index, 0, 255));
          default -> throw new IllegalStateException("no stem takes " + matrix.type());
        }
      }
    }
    return matrix;
  }

  private static long within(String input, Tensor tensor, long index, long from, long to) {
    long value = tensor.integer(index);
    if (value < from || value > to) {
      throw new VectorFormatException(
          "the input "
              + input
              + " holds "
              + value
              + ", expected numbers of at least "
              + from
              + " and at most "
              + to);
    }
    return value;
  }

  /** Returns a new output that is compared with what the case expects under this name. */
  public Matrix output(String name, DType type, long rows, long cols) {
    Matrix matrix = allocate(type, rows, cols);
    outputs.put(name, matrix);
    return matrix;
  }

  /** Returns a new output as {@link #output} does, or null where the case does not expect it. */
  public Matrix optionalOutput(String name, DType type, long rows, long cols) {
    return wants(name) ? output(name, type, rows, cols) : null;
  }

  /** Declares a matrix that holds results already, such as a parameter updated in place. */
  public void output(String name, Matrix matrix) {
    outputs.put(name, matrix);
  }

  /** Returns a matrix for intermediate results, filled with zeros. */
  public Matrix allocate(DType type, long rows, long cols) {
    if (!strided || rows == 1) {
      return memory.matrix(type, rows, cols);
    }
    Matrix whole = memory.matrix(type, rows, cols + PADDING);
    whole.segment().fill(SENTINEL);
    Matrix view = whole.columns(1, 1 + cols);
    for (long r = 0; r < rows; r++) {
      view.segment().asSlice(view.rowOffsetBytes(r), cols * type.bytes()).fill((byte) 0);
    }
    wholes.put(view, whole);
    return view;
  }

  /** Returns ternary weights packed anew; the layout of packed rows has no strides. */
  public PackedTernary packed(Matrix codes) {
    return PackedTernary.pack(codes, memory);
  }

  /** Returns whether nothing was written between the rows of strided matrices. */
  boolean paddingIntact() {
    for (Map.Entry<Matrix, Matrix> entry : wholes.entrySet()) {
      Matrix whole = entry.getValue();
      int bytes = whole.type().bytes();
      long rowBytes = whole.rowStrideBytes();
      for (long at = 0; at < whole.segment().byteSize(); at++) {
        long inRow = at % rowBytes;
        boolean padding = inRow < bytes || inRow >= (1 + entry.getKey().cols()) * bytes;
        if (padding && whole.segment().get(ValueLayout.JAVA_BYTE, at) != SENTINEL) {
          return false;
        }
      }
    }
    return true;
  }

  /** Returns a numeric parameter. Strings such as NaN and -Infinity are numbers too. */
  public double number(String name, double defaultValue) {
    JsonElement value = param(name);
    if (value == null) {
      return defaultValue;
    }
    try {
      return value.getAsDouble();
    } catch (NumberFormatException | UnsupportedOperationException | IllegalStateException e) {
      throw new VectorFormatException(
          "the parameter " + name + " is " + value + ", expected a number", e);
    }
  }

  /** Returns an integer parameter. */
  public long integer(String name, long defaultValue) {
    double value = number(name, (double) defaultValue);
    if (value != Math.rint(value)) {
      throw new VectorFormatException(
          "the parameter " + name + " is " + value + ", expected an integer");
    }
    return (long) value;
  }

  /**
   * Returns an integer parameter of up to 64 bits, given as a number or, since JSON readers may
   * take numbers for doubles, as a decimal string. Numbers from 2^63 to 2^64 - 1 are taken for the
   * signed ones of the same bits.
   */
  public long exactInteger(String name, long defaultValue) {
    JsonElement value = param(name);
    if (value == null) {
      return defaultValue;
    }
    try {
      BigInteger integer = new BigDecimal(value.getAsString()).toBigIntegerExact();
      if (integer.bitLength() <= (integer.signum() < 0 ? 63 : 64)) {
        return integer.longValue();
      }
    } catch (NumberFormatException
        | ArithmeticException
        | UnsupportedOperationException
        | IllegalStateException e) {
      // Reported below, as numbers of too many bits are.
    }
    throw new VectorFormatException(
        "the parameter " + name + " is " + value + ", expected an integer of 64 bits");
  }

  /** Returns a parameter that is true or false. */
  public boolean bool(String name, boolean defaultValue) {
    JsonElement value = param(name);
    if (value == null) {
      return defaultValue;
    }
    if (!(value instanceof JsonPrimitive primitive) || !primitive.isBoolean()) {
      throw new VectorFormatException(
          "the parameter " + name + " is " + value + ", expected true or false");
    }
    return primitive.getAsBoolean();
  }

  /**
   * Returns a parameter that names a constant, in lower case in the file; bias+gelu is bias_gelu.
   */
  public <E extends Enum<E>> E choice(String name, Class<E> type, E defaultValue) {
    JsonElement value = param(name);
    if (value == null) {
      return defaultValue;
    }
    try {
      String constant = value.getAsString().toUpperCase(Locale.ROOT).replace('+', '_');
      return Enum.valueOf(type, constant);
    } catch (IllegalArgumentException | UnsupportedOperationException | IllegalStateException e) {
      throw new VectorFormatException(
          "the parameter "
              + name
              + " is "
              + value
              + ", which is no "
              + type.getSimpleName()
              + " of this library",
          e);
    }
  }

  /** Returns the parameter {@code normaliser}: sum, mean_rows, mean_weights or a number. */
  public Normaliser normaliser() {
    JsonElement value = param("normaliser");
    if (value == null) {
      return Normaliser.SUM;
    }
    String text = value.isJsonPrimitive() ? value.getAsString() : "";
    return switch (text) {
      case "sum" -> Normaliser.SUM;
      case "mean_rows" -> Normaliser.MEAN_ROWS;
      case "mean_weights" -> Normaliser.MEAN_WEIGHTS;
      default -> Normaliser.of(number("normaliser", 1));
    };
  }

  /**
   * Returns a parameter; null, which in the file means the default as well, where there is none.
   */
  private JsonElement param(String name) {
    used.add(name);
    JsonElement value = vectorCase.params().get(name);
    return value == null || value.isJsonNull() ? null : value;
  }

  /** Throws if the case has a parameter or an input that the adapter did not ask for. */
  void checkAllUsed() {
    Set<String> unknown = new HashSet<>(vectorCase.params().keySet());
    unknown.removeIf(name -> vectorCase.params().get(name).isJsonNull());
    unknown.addAll(vectorCase.inputs().keySet());
    unknown.removeAll(used);
    if (!unknown.isEmpty()) {
      throw new VectorFormatException(
          "this library knows no parameter or input named " + String.join(", ", unknown));
    }
  }

  Map<String, Matrix> outputs() {
    return outputs;
  }
}
