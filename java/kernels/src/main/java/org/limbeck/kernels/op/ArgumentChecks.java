// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Matrix;

/**
 * The checks that contracts are made of. Bound to one operation and one device; a check that passes
 * allocates nothing.
 */
public final class ArgumentChecks {
  private final String operation;
  private final Device device;

  /**
   * Creates the checks of one operation.
   *
   * @param operation the name that messages begin with
   * @param device where all tensors must be
   */
  public ArgumentChecks(String operation, Device device) {
    this.operation = operation;
    this.device = device;
  }

  /** Returns the exception for an argument; the caller throws it. */
  InvalidArgumentException fail(String argument, Object given, String expected) {
    return new InvalidArgumentException(operation, argument, given, expected);
  }

  /** Returns whether the tensors are on the host, so that their content can be checked. */
  boolean onHost() {
    return device.isHost();
  }

  /** Checks a condition between arguments. */
  void that(boolean condition, String argument, Object given, String expected) {
    if (!condition) {
      throw fail(argument, given, expected);
    }
  }

  /** Checks that a matrix is present, alive, on the device, not empty and of a type. */
  void present(String argument, Matrix matrix, DType type) {
    usable(argument, matrix, type);
    if (matrix.rows() == 0 || matrix.cols() == 0) {
      throw fail(argument, "an empty matrix, " + matrix, "at least one row and one column");
    }
  }

  /** Checks that a matrix is present, alive, on the device and of a type; it may be empty. */
  void usable(String argument, Matrix matrix, DType type) {
    if (matrix == null) {
      throw fail(argument, "null", "a matrix of " + type);
    }
    if (!matrix.buffer().device().equals(device)) {
      throw fail(argument, matrix, "a matrix on " + device);
    }
    if (!matrix.buffer().isAlive()) {
      throw fail(argument, "a closed buffer", "an open one");
    }
    if (matrix.type() != type) {
      throw fail(argument, matrix, "elements of type " + type);
    }
    if (matrix.cols() > Integer.MAX_VALUE) {
      throw fail(argument, matrix, "at most 2147483647 columns");
    }
  }

  /** Checks a matrix as {@link #present} does, and its shape. */
  void matrix(String argument, Matrix matrix, DType type, long rows, long cols) {
    present(argument, matrix, type);
    if (matrix.rows() != rows || matrix.cols() != cols) {
      throw fail(argument, matrix, "shape [" + rows + ", " + cols + "]");
    }
  }

  /** Checks a matrix as {@link #matrix} does, unless it is null. */
  void optional(String argument, Matrix matrix, DType type, long rows, long cols) {
    if (matrix != null) {
      matrix(argument, matrix, type, rows, cols);
    }
  }

  /** Checks a vector, a matrix of shape [1, length]. */
  void vector(String argument, Matrix vector, DType type, long length) {
    matrix(argument, vector, type, 1, length);
  }

  /** Checks a vector as {@link #vector} does, unless it is null. */
  void optionalVector(String argument, Matrix vector, DType type, long length) {
    if (vector != null) {
      vector(argument, vector, type, length);
    }
  }

  /** Checks that an output and another matrix share no byte; null never overlaps. */
  void disjoint(String argument, Matrix output, String otherArgument, Matrix other) {
    if (output != null && other != null && output.overlaps(other)) {
      throw fail(argument, "memory that overlaps " + otherArgument, "separate memory");
    }
  }

  /** Checks that an output is exactly another matrix (in place), or shares no byte with it. */
  void disjointOrSame(String argument, Matrix output, String otherArgument, Matrix other) {
    if (output != null && other != null && output.overlaps(other) && !output.sameView(other)) {
      throw fail(
          argument,
          "memory that overlaps " + otherArgument + " in part",
          "exactly the same view or separate memory");
    }
  }

  /** Checks that each index of an I64 vector lies in [0, bound), or equals an allowed exception. */
  void indices(String argument, Matrix vector, long bound, long allowed) {
    if (!onHost()) {
      return;
    }
    for (long i = 0; i < vector.cols(); i++) {
      long index = vector.getLong(0, i);
      if ((index < 0 || index >= bound) && index != allowed) {
        throw fail(
            argument, index + " at position " + i, "an index of at least 0 and below " + bound);
      }
    }
  }

  /** Checks that each row weight is finite and at least 0; null has none. */
  void rowWeights(String argument, Matrix rowWeight) {
    if (rowWeight == null || !onHost()) {
      return;
    }
    for (long r = 0; r < rowWeight.cols(); r++) {
      float weight = rowWeight.getFloat(0, r);
      if (!(weight >= 0) || Float.isInfinite(weight)) {
        throw fail(argument, weight + " at position " + r, "finite weights of at least 0");
      }
    }
  }

  /** Checks the rows of a top-k distribution: different indices in range, sums of at most 1. */
  void distributions(String argument, Matrix ids, Matrix probabilities, long bound) {
    if (!onHost()) {
      return;
    }
    for (long r = 0; r < ids.rows(); r++) {
      double sum = 0;
      for (long i = 0; i < ids.cols(); i++) {
        long id = ids.getLong(r, i);
        if (id < 0 || id >= bound) {
          throw fail("topIds", id + " in row " + r, "an index of at least 0 and below " + bound);
        }
        for (long j = 0; j < i; j++) {
          if (ids.getLong(r, j) == id) {
            throw fail("topIds", id + " twice in row " + r, "different indices within a row");
          }
        }
        float p = probabilities.getFloat(r, i);
        if (!(p >= 0 && p <= 1)) {
          throw fail(argument, p + " in row " + r, "probabilities of at least 0 and at most 1");
        }
        sum += p;
      }
      if (sum > 1 + 1e-5) {
        throw fail(argument, "a sum of " + sum + " in row " + r, "rows that sum to at most 1");
      }
    }
  }

  /** Checks a parameter of a specification that must be finite and greater than 0. */
  static void positive(String operation, String argument, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new InvalidArgumentException(operation, argument, value, "a finite number above 0");
    }
  }

  /** Checks a parameter of a specification that must be finite. */
  static void finite(String operation, String argument, double value) {
    if (!Double.isFinite(value)) {
      throw new InvalidArgumentException(operation, argument, value, "a finite number");
    }
  }

  /** Checks a parameter of a specification that must be finite and at least 0. */
  static void notNegative(String operation, String argument, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new InvalidArgumentException(
          operation, argument, value, "a finite number of at least 0");
    }
  }

  /** Checks a parameter of a specification that must lie in [0, 1). */
  static void fraction(String operation, String argument, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new InvalidArgumentException(
          operation, argument, value, "a number of at least 0 and below 1");
    }
  }
}
