// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Op;

/**
 * What layers share: the operations of one device, each selected once, and the memory in which
 * parameters and activations live.
 *
 * <p>Not thread-safe: one network at a time computes, on all threads of the library.
 */
public final class Compute implements AutoCloseable {
  private static final GemmF32.Spec SUM_OF_ROWS = GemmF32.Spec.of(false, false).withBeta(1);
  private static final GemmF32.Spec SUBTRACTION = SUM_OF_ROWS.withAlpha(-1);
  private static final Dropout.Spec KEEP_ALL = new Dropout.Spec(0);

  private final Limbeck limbeck;
  private final GemmF32.Precision precision;
  private final Memory memory;
  private final Map<Key, Operation<?, ?>> operations = new HashMap<>();
  private Matrix ones;

  private record Key(Op<?, ?> op, Object spec) {}

  /**
   * Makes operations and memory on the device of a library instance; products in full float32.
   *
   * @param limbeck the library; it stays open as long as this object is used
   */
  public Compute(Limbeck limbeck) {
    this(limbeck, GemmF32.Precision.F32);
  }

  /**
   * Makes operations and memory on the device of a library instance.
   *
   * @param limbeck the library; it stays open as long as this object is used
   * @param precision that of {@link #product} and {@link #attention}
   */
  public Compute(Limbeck limbeck, GemmF32.Precision precision) {
    this.limbeck = Objects.requireNonNull(limbeck, "limbeck");
    this.precision = Objects.requireNonNull(precision, "precision");
    this.memory = limbeck.newMemory();
  }

  /** Returns the memory in which parameters and activations live; {@link #close} frees it. */
  public Memory memory() {
    return memory;
  }

  /** Returns the library. */
  public Limbeck limbeck() {
    return limbeck;
  }

  /**
   * Returns an operation, the same one for equal specifications.
   *
   * @param op a constant of a stem
   * @param spec the specification
   */
  @SuppressWarnings("unchecked") // An entry is made from an op and a spec of the same types.
  public <S, A> Operation<S, A> operation(Op<S, A> op, S spec) {
    return (Operation<S, A>)
        operations.computeIfAbsent(new Key(op, spec), key -> limbeck.operation(op, spec));
  }

  /**
   * Computes a product of a layer, in the precision of this object: of activations, weights and
   * their gradients. Sums over rows and differences are in full float32 always.
   *
   * @param spec what is computed, apart from the precision
   * @param arguments the matrices
   */
  public void product(GemmF32.Spec spec, GemmF32.Arguments arguments) {
    operation(GemmF32.OP, spec.withPrecision(precision)).run(arguments);
  }

  /**
   * Runs an operation of attention, whose products are in the precision of this object.
   *
   * @param op a constant of {@link Attention}
   * @param spec what is computed, apart from the precision
   * @param arguments the tensors
   */
  public <A> void attention(Op<Attention.Spec, A> op, Attention.Spec spec, A arguments) {
    operation(op, spec.withPrecision(precision)).run(arguments);
  }

  /**
   * Adds one matrix to another.
   *
   * @param x F32 [rows, cols]
   * @param sum F32 [rows, cols], added to
   */
  public void add(Matrix x, Matrix sum) {
    // Dropout that drops nothing is the sum of its input and its residual.
    operation(Dropout.FORWARD, KEEP_ALL).run(new Dropout.Forward(x, sum, sum, 0, 0));
  }

  /**
   * Subtracts one matrix from another.
   *
   * @param x F32 [rows, cols], contiguous
   * @param difference F32 [rows, cols], contiguous, subtracted from
   */
  public void subtract(Matrix x, Matrix difference) {
    // The product of the 1 x 1 matrix 1 and x as one row.
    operation(GemmF32.OP, SUBTRACTION)
        .run(
            GemmF32.Arguments.of(
                ones(1), x.reshape(1, x.elements()), difference.reshape(1, x.elements())));
  }

  /**
   * Adds the sum over the rows of a matrix to a vector: the gradient of a bias.
   *
   * @param x F32 [rows, cols]
   * @param sum F32 [1, cols], added to
   */
  public void addSumOfRows(Matrix x, Matrix sum) {
    operation(GemmF32.OP, SUM_OF_ROWS).run(GemmF32.Arguments.of(ones(x.rows()), x, sum));
  }

  private Matrix ones(long length) {
    if (ones == null || ones.cols() < length) {
      ones = memory.vector(DType.F32, length);
      Tensors.upload(memory, ones, i -> 1f);
    }
    return ones.columns(0, length);
  }

  /** Frees the memory; the library stays open. */
  @Override
  public void close() {
    memory.close();
  }
}
