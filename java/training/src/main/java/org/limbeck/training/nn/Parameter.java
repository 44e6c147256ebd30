// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/**
 * A tensor that is trained, with its gradient and a name that stays the same in checkpoints and
 * exports. Sharing a parameter between layers is the same object twice: gradients add up.
 */
public final class Parameter {
  private final String name;
  private final Matrix value;
  private final Matrix gradient;

  /**
   * Allocates a parameter of zeros.
   *
   * @param name its name, Hugging Face's where there is one
   * @param memory where value and gradient live
   * @param rows its rows; 1 for a vector
   * @param cols its columns
   */
  public Parameter(String name, Memory memory, long rows, long cols) {
    this(name, memory.matrix(DType.F32, rows, cols), memory.matrix(DType.F32, rows, cols));
  }

  private Parameter(String name, Matrix value, Matrix gradient) {
    this.name = Objects.requireNonNull(name, "name");
    this.value = Objects.requireNonNull(value, "value");
    this.gradient = gradient;
  }

  /**
   * Returns a tensor that is not trained, and has no gradient: one of a network that only predicts.
   *
   * @param name its name
   * @param value its value, F32 [rows, cols]; never written
   */
  public static Parameter fixed(String name, Matrix value) {
    return new Parameter(name, value, null);
  }

  /** Returns the name. */
  public String name() {
    return name;
  }

  /** Returns the value, F32 [rows, cols]. */
  public Matrix value() {
    return value;
  }

  /**
   * Returns the gradient of the loss, F32 [rows, cols]; layers add to it.
   *
   * @throws IllegalStateException if the tensor is not trained
   */
  public Matrix gradient() {
    if (gradient == null) {
      throw new IllegalStateException(
          "Parameter.gradient: given " + this + ", which is fixed, expected one that is trained");
    }
    return gradient;
  }

  @Override
  public String toString() {
    return name + " [" + value.rows() + ", " + value.cols() + "]";
  }
}
