// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.transformer.Activations;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.Transformer;

/**
 * Takes losses over the logits of a decoder's output, some rows at a time: a vocabulary is long,
 * and the logits of a whole batch would be the largest tensor of training.
 */
final class OutputLoss implements AutoCloseable {
  /** Rows at a time: enough to keep a product busy, few enough for a cache of some megabytes. */
  static final int ROWS = 512;

  private final Transformer model;
  private final Compute compute;
  private final Slot logits;
  private final HostMemory host = new HostMemory();
  private final Matrix deviceLosses;
  private final Matrix hostLosses;
  private int parts;

  /** A loss of some rows. */
  @FunctionalInterface
  interface Body {
    /**
     * Computes loss and gradient.
     *
     * @param logits F32 [to - from, V]; the body may overwrite it
     * @param from the first row of the batch
     * @param to the row after the last
     * @param loss F64 [1, 1], written
     * @return the gradient by the logits, or null where none is wanted
     */
    Matrix apply(Matrix logits, long from, long to, Matrix loss);
  }

  /** What is done with the logits of some rows. */
  @FunctionalInterface
  interface RowsBody {
    /** Takes the logits, F32 [to - from, V], which it may overwrite. */
    void apply(Matrix logits, long from, long to);
  }

  OutputLoss(Compute compute, Transformer model, Capacity capacity) {
    this.compute = compute;
    this.model = model;
    logits = newRows(compute, model.config().targetVocabulary(), capacity);
    long most = (capacity.rows() + ROWS - 1) / ROWS;
    deviceLosses = compute.memory().vector(DType.F64, most);
    hostLosses = host.vector(DType.F64, most);
  }

  /** Allocates memory for the logits of as many rows as are taken at a time. */
  static Slot newRows(Compute compute, long columns, Capacity capacity) {
    return new Slot(compute.memory(), Math.min(ROWS, capacity.rows()) * columns);
  }

  /**
   * Computes the loss of a pass, and where the body gives gradients, those by the decoder's output
   * and the output projection.
   */
  void apply(Activations a, Body body) {
    parts = 0;
    forEach(
        a,
        (z, from, to) -> {
          int part = parts++;
          Matrix gradient = body.apply(z, from, to, deviceLosses.columns(part, part + 1));
          if (gradient != null) {
            model.backwardLogits(
                a.decoded().rows(from, to), gradient, a.gradDecoded().rows(from, to));
          }
        });
  }

  /** Returns the sum of what the body of the last pass computed; waits for the device. */
  double read() {
    Matrix computed = hostLosses.columns(0, parts);
    compute.memory().download(deviceLosses.columns(0, parts), computed);
    double sum = 0;
    for (int i = 0; i < parts; i++) {
      sum += computed.getDouble(0, i);
    }
    return sum;
  }

  /** Takes something over the logits of a pass, some rows at a time. */
  void forEach(Activations a, RowsBody body) {
    Matrix decoded = a.decoded();
    for (long from = 0; from < decoded.rows(); from += ROWS) {
      long to = Math.min(from + ROWS, decoded.rows());
      Matrix z = logits.view(to - from, model.config().targetVocabulary());
      model.logits(decoded.rows(from, to), z);
      body.apply(z, from, to);
    }
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    host.close();
  }
}
