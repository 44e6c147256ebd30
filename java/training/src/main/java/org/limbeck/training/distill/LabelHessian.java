// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.analysis.HessianVectorProduct;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;

/**
 * The Hessian, by all parameters, of the loss on labels of one mini-batch: cross entropy, or mean
 * squared error in regression, the mean over the batch, plus a penalty times the sum over the
 * parameter tensors of their Euclidean lengths (not squared). No dropout.
 *
 * <p>H v = (g(w + e v) - g(w - e v)) / (2 e) with e = {@link #STEP} * |w| / |v|, where g is the
 * gradient of the loss. In a quantized network g is that of the straight-through surrogate: clip
 * masks, thresholds, scales, ternary patterns and rounding residuals stay what they are at w and
 * the mini-batch. The penalty's part is exact: penalty * (v / |p| - p (p . v) / |p|^3) for each
 * tensor p, and 0 where p is 0.
 *
 * <p>The parameters are moved by each product, and are what they were after {@link #close}, to the
 * bit; gradients are left undefined.
 *
 * <p><i>Accuracy</i>: gradients in float32; see {@link #STEP}.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 3.1, Fig. 3b; the penalty is that of the paper's code.
 */
public final class LabelHessian implements HessianVectorProduct, AutoCloseable {
  /** The factor of the parameters' lengths in the paper's code. */
  public static final double PAPER_PENALTY = 0.01;

  /**
   * The length of the step between w and each of the two points of the gradients, relative to that
   * of w.
   *
   * <p>Measured in networks of 2 layers of width 24, along leading eigenvectors and what three
   * products make of a random vector, the error relative to libtorch's double backward in float64,
   * the worst of 6 networks: 1e-2: 99 %, 3e-3: 125 %, 1e-3: 40 %, 3e-4: 4 %, 1e-4: 4e-3, 3e-5:
   * 4e-4, 1e-5: 2e-4, 3e-6: 5e-4.
   *
   * <p>Measured in MiniLM fine-tuned on two classes and its ternary student, one sentence with
   * either label, along what two and ten products with 1e-3 make of a random vector, the asymmetry
   * |u . Hv - v . Hu| / |u . Hv| and the change of Hv from the next larger step of this row, the
   * worst of 4: 1e-3: 53 % and 384 %, 3e-4: 17 % and 232 %, 1e-4: 2 % and 29 %, 3e-5: 2e-3 and 3 %,
   * 1e-5: 3e-4 and 3e-3, 3e-6: 3e-4 and 8e-4.
   *
   * <p>The cube root of float32's precision, 4e-3, which balances rounding and curvature for a
   * function that changes over the whole length of w, is thus far too long. Along random vectors,
   * where there is less curvature, rounding shows earlier: in the small networks 1e-5 is off by up
   * to 8e-3, 1e-3 by up to 2e-4.
   */
  static final double STEP = 1e-5;

  private final Compute compute;
  private final BertClassifier network;
  private final double penalty;
  private final Supervised supervised;
  private final HostMemory host = new HostMemory();
  private final List<Parameter> parameters;
  private final List<Matrix> origin = new ArrayList<>();
  private final Matrix staging;
  private final double length;
  private Memory frozen;
  private TokenBatch batch;
  private float[] labels;

  /**
   * Takes the parameters of a network as they are.
   *
   * @param compute operations and memory
   * @param network the network; it trains and judges nothing else until {@link #close}
   * @param penalty the factor of the parameters' lengths, 0 or more
   * @param maxBatch the largest mini-batch
   * @param maxLength the greatest padded length
   */
  public LabelHessian(
      Compute compute, BertClassifier network, double penalty, int maxBatch, int maxLength) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.network = Objects.requireNonNull(network, "network");
    if (!(penalty >= 0)) {
      throw new IllegalArgumentException(
          "LabelHessian: penalty: given " + penalty + ", expected at least 0");
    }
    this.penalty = penalty;
    supervised = new Supervised(compute, network, maxBatch, maxLength);
    parameters = List.copyOf(network.parameters().all());
    long largest = 0;
    double square = 0;
    for (Parameter parameter : parameters) {
      Matrix value = parameter.value();
      Matrix copy = host.matrix(DType.F32, value.rows(), value.cols());
      compute.memory().download(value, copy);
      origin.add(copy);
      square += dot(copy, copy);
      largest = Math.max(largest, value.elements());
    }
    length = Math.sqrt(square);
    staging = host.vector(DType.F32, largest);
  }

  /** Returns matrices with the shapes of the parameters: the parameters as they are. */
  public List<Matrix> shapes() {
    return List.copyOf(origin);
  }

  /**
   * Sets the mini-batch, and freezes the quantizers at it.
   *
   * @param newBatch the sequences; they stay as they are until the next call
   * @param newLabels for each sequence its class from 0, or its value in regression
   * @return the loss, without the penalty
   */
  public double at(TokenBatch newBatch, float[] newLabels) {
    batch = Objects.requireNonNull(newBatch, "newBatch");
    labels = newLabels.clone();
    restore();
    frozen = compute.limbeck().newMemory();
    network.freeze(frozen);
    return gradient();
  }

  private double gradient() {
    network.parameters().zeroGradients();
    return supervised.step(batch, labels, Pass.EVALUATION);
  }

  /** Undoes moves and freezes. */
  private void restore() {
    for (int i = 0; i < origin.size(); i++) {
      compute.memory().upload(origin.get(i), parameters.get(i).value());
    }
    network.thaw();
    if (frozen != null) {
      frozen.close();
      frozen = null;
    }
  }

  /**
   * Writes H v.
   *
   * @param v one F32 host matrix for each parameter, contiguous
   * @param out receives the product, contiguous
   * @throws IllegalStateException if no mini-batch was set
   */
  @Override
  public void multiply(List<Matrix> v, List<Matrix> out) {
    if (frozen == null) {
      throw new IllegalStateException(
          "LabelHessian.multiply: given no mini-batch, expected a call of at before");
    }
    double square = 0;
    for (Matrix block : v) {
      square += dot(block, block);
    }
    if (square == 0) {
      out.forEach(block -> block.segment().fill((byte) 0));
      return;
    }
    double step = STEP * length / Math.sqrt(square);
    gradientAt(-step, v);
    for (int i = 0; i < out.size(); i++) {
      compute.memory().download(parameters.get(i).gradient(), out.get(i));
    }
    gradientAt(step, v);
    for (int i = 0; i < out.size(); i++) {
      Matrix right = staged(origin.get(i));
      compute.memory().download(parameters.get(i).gradient(), right);
      combine(out.get(i), right, 1 / (2 * step), origin.get(i), v.get(i));
    }
  }

  private Matrix staged(Matrix shape) {
    return staging.columns(0, shape.elements()).reshape(shape.rows(), shape.cols());
  }

  private void gradientAt(double step, List<Matrix> v) {
    for (int i = 0; i < origin.size(); i++) {
      Matrix moved = staged(origin.get(i));
      MemorySegment to = moved.segment();
      MemorySegment from = origin.get(i).segment();
      MemorySegment direction = v.get(i).segment();
      for (long k = 0; k < moved.elements(); k++) {
        to.setAtIndex(ValueLayout.JAVA_FLOAT, k, (float) (at(from, k) + step * at(direction, k)));
      }
      compute.memory().upload(moved, parameters.get(i).value());
    }
    network.refreshWeights();
    gradient();
  }

  /** Replaces the left gradient by the difference quotient plus the penalty's part. */
  private void combine(Matrix left, Matrix right, double factor, Matrix p, Matrix v) {
    double norm = Math.sqrt(dot(p, p));
    double along = norm == 0 ? 0 : penalty * dot(p, v) / (norm * norm * norm);
    double across = norm == 0 ? 0 : penalty / norm;
    MemorySegment to = left.segment();
    MemorySegment upper = right.segment();
    MemorySegment value = p.segment();
    MemorySegment direction = v.segment();
    for (long k = 0; k < left.elements(); k++) {
      double quotient = factor * ((double) at(upper, k) - at(to, k));
      double penalised = across * at(direction, k) - along * at(value, k);
      to.setAtIndex(ValueLayout.JAVA_FLOAT, k, (float) (quotient + penalised));
    }
  }

  private static double dot(Matrix x, Matrix y) {
    MemorySegment left = x.segment();
    MemorySegment right = y.segment();
    double sum = 0;
    for (long k = 0; k < x.elements(); k++) {
      sum += (double) at(left, k) * at(right, k);
    }
    return sum;
  }

  private static float at(MemorySegment segment, long index) {
    return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  /** Gives the network its parameters back, and frees the host's memory. */
  @Override
  public void close() {
    restore();
    supervised.close();
    host.close();
  }
}
