// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.EigenDecompositionSymmetric;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.training.analysis.PowerIteration;
import org.limbeck.training.analysis.PowerIteration.Eigenvalue;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;

/**
 * Hessian vector products against libtorch's, by differentiating twice in double precision.
 *
 * <p>The bounds: difference quotients of float32 gradients, 1e-3 of the product's length where
 * there is much curvature; along random vectors rounding weighs more, about 1e-2. Quantized, a
 * value next to a rounding boundary may fall on its other side in float32, which moves the
 * reference point itself: a few 1e-2.
 */
class LabelHessianTest {
  private static final BertConfig SMALL = new BertConfig(2, 24, 3, 40, 50, 16, 2, 1e-12);
  private static final BertConfig TINY = new BertConfig(1, 4, 2, 5, 7, 5, 2, 1e-12);

  private Limbeck limbeck;
  private Compute compute;
  private HostMemory host;

  @BeforeAll
  static void loadTorch() {
    Twins.assumeTorch();
  }

  @BeforeEach
  void open() {
    limbeck = Limbeck.open();
    compute = new Compute(limbeck);
    host = new HostMemory();
  }

  @AfterEach
  void close() {
    host.close();
    compute.close();
    limbeck.close();
  }

  /** A network, its twin and a batch with labels. */
  private final class Case {
    final BertClassifier network;
    final TorchBert twin;
    final RandomBert.Tokens inputs;
    final float[] labels;
    // Owns its elements, so it must live as long as they are used.
    private TensorVector gradients;

    Case(BertConfig config, int classes, boolean quantized, int[] lengths, int length) {
      network =
          new BertClassifier(
              compute, config, classes, quantized ? Quantization.TERNARY : Quantization.NONE);
      twin = Twins.randomise(compute, network, 3, new TorchBert(config, quantized));
      inputs = RandomBert.Tokens.random(lengths, length, config.vocabulary(), 7);
      labels = new float[lengths.length];
      for (int i = 0; i < labels.length; i++) {
        labels[i] = classes == 1 ? 0.7f * i - 1 : i % classes;
      }
    }

    LabelHessian hessian() {
      LabelHessian hessian =
          new LabelHessian(
              compute,
              network,
              LabelHessian.PAPER_PENALTY,
              inputs.lengths().length,
              inputs.length());
      hessian.at(inputs.on(host), labels);
      return hessian;
    }

    /** Differentiates once, and returns the loss. */
    Tensor differentiate() {
      Twins.forward(twin, inputs);
      Tensor loss = labelled();
      Tensor total = loss;
      for (Tensor parameter : twin.parameters.values()) {
        total = total.add(parameter.norm().mul(new Scalar(LabelHessian.PAPER_PENALTY)));
      }
      gradients = gradient(total, true, false);
      return loss;
    }

    private TensorVector gradient(Tensor of, boolean again, boolean unused) {
      TensorVector parameters = new TensorVector(twin.parameters.values().toArray(new Tensor[0]));
      return torch.grad(
          new TensorVector(of),
          parameters,
          new TensorVector(),
          new BoolOptional(true),
          again,
          unused);
    }

    private Tensor labelled() {
      double[] targets = new double[labels.length * (int) twin.logits.size(1)];
      boolean regression = twin.logits.size(1) == 1;
      for (int i = 0; i < labels.length; i++) {
        if (regression) {
          targets[i] = labels[i];
        } else {
          targets[i * (int) twin.logits.size(1) + (int) labels[i]] = -1.0 / labels.length;
        }
      }
      Tensor target = Tensor.create(targets, labels.length, twin.logits.size(1));
      return regression
          ? twin.logits.sub(target).pow(new Scalar(2)).mean()
          : twin.logits.log_softmax(1).mul(target).sum();
    }

    /** Differentiates a second time. */
    List<double[]> product(List<Matrix> v) {
      Tensor sum = null;
      for (int i = 0; i < v.size(); i++) {
        float[] narrow = v.get(i).toFloatArray();
        double[] wide = new double[narrow.length];
        for (int k = 0; k < wide.length; k++) {
          wide[k] = narrow[k];
        }
        Tensor part = gradients.get(i).flatten().mul(Tensor.create(wide, wide.length)).sum();
        sum = sum == null ? part : sum.add(part);
      }
      List<double[]> product = new ArrayList<>();
      try (TensorVector got = gradient(sum, false, true)) {
        for (int i = 0; i < v.size(); i++) {
          product.add(Twins.values(got.get(i), (int) v.get(i).elements()));
        }
      }
      return product;
    }
  }

  private List<Matrix> like(List<Matrix> shapes) {
    return shapes.stream().map(m -> host.matrix(DType.F32, m.rows(), m.cols())).toList();
  }

  private List<Matrix> random(List<Matrix> shapes, long seed, double deviation) {
    List<Matrix> v = like(shapes);
    for (int i = 0; i < v.size(); i++) {
      int block = i;
      Tensors.upload(host, v.get(i), k -> (float) (deviation * NormalVariates.at(seed, block, k)));
    }
    return v;
  }

  private static double dot(List<Matrix> x, List<Matrix> y) {
    double sum = 0;
    for (int i = 0; i < x.size(); i++) {
      float[] left = x.get(i).toFloatArray();
      float[] right = y.get(i).toFloatArray();
      for (int k = 0; k < left.length; k++) {
        sum += (double) left[k] * right[k];
      }
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({
    "false, 3, 1",
    "false, 1, 1",
    "false, 2, 1000",
    "true, 3, 1",
    "true, 1, 1",
    "true, 2, 0.001"
  })
  void productsAgreeWithLibtorch(boolean quantized, int classes, double deviation) {
    Case given = new Case(SMALL, classes, quantized, new int[] {9, 4, 1, 7}, 9);
    given.differentiate();
    try (LabelHessian hessian = given.hessian()) {
      for (long seed = 1; seed <= 3; seed++) {
        List<Matrix> v = random(hessian.shapes(), seed, deviation);
        assertAgrees(given, hessian, v, quantized ? 3e-2 : 2e-2);
        assertAgrees(given, hessian, steep(hessian, v), quantized ? 3e-2 : 1e-3);
      }
    }
  }

  /** Returns what three products make of a vector: close to the leading eigenvectors. */
  private List<Matrix> steep(LabelHessian hessian, List<Matrix> v) {
    List<Matrix> from = v;
    for (int i = 0; i < 3; i++) {
      List<Matrix> to = like(from);
      hessian.multiply(from, to);
      from = to;
    }
    return from;
  }

  private void assertAgrees(Case given, LabelHessian hessian, List<Matrix> v, double bound) {
    List<Matrix> got = like(v);
    hessian.multiply(v, got);
    List<double[]> want = given.product(v);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < got.size(); i++) {
      float[] block = got.get(i).toFloatArray();
      for (int k = 0; k < block.length; k++) {
        difference += Math.pow(block[k] - want.get(i)[k], 2);
        norm += Math.pow(want.get(i)[k], 2);
      }
    }
    double error = Math.sqrt(difference / norm);
    assertTrue(error <= bound, "relative error " + error);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theHessianIsSymmetric(boolean quantized) {
    Case given = new Case(SMALL, 2, quantized, new int[] {9, 4, 1, 7}, 9);
    try (LabelHessian hessian = given.hessian()) {
      List<Matrix> u = steep(hessian, random(hessian.shapes(), 5, 1));
      List<Matrix> v = steep(hessian, random(hessian.shapes(), 6, 1));
      List<Matrix> hu = like(u);
      List<Matrix> hv = like(v);
      hessian.multiply(u, hu);
      hessian.multiply(v, hv);
      double scale = Math.sqrt(dot(u, u) * dot(hv, hv));
      assertEquals(dot(u, hv) / scale, dot(v, hu) / scale, 1e-4);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void powerIterationFindsTheDenseEigenvalues(boolean quantized) {
    Case given = new Case(TINY, 2, quantized, new int[] {5, 3, 4}, 5);
    given.differentiate();
    try (LabelHessian hessian = given.hessian()) {
      List<Matrix> unit = like(hessian.shapes());
      int n = (int) unit.stream().mapToLong(Matrix::elements).sum();
      double[][] dense = new double[n][n];
      int column = 0;
      for (Matrix block : unit) {
        for (long k = 0; k < block.elements(); k++) {
          long row = k / block.cols();
          block.setFloat(row, k % block.cols(), 1);
          int at = 0;
          for (double[] part : given.product(unit)) {
            for (double value : part) {
              dense[at++][column] = value;
            }
          }
          block.setFloat(row, k % block.cols(), 0);
          column++;
        }
      }
      double[] want = new EigenDecompositionSymmetric(symmetric(dense)).getEigenvalues();
      Double[] byMagnitude = Arrays.stream(want).boxed().toArray(Double[]::new);
      Arrays.sort(byMagnitude, (a, b) -> Double.compare(Math.abs(b), Math.abs(a)));
      List<Eigenvalue> got =
          new PowerIteration(2, 400, 1e-6, 42).largest(hessian, hessian.shapes());
      double bound = quantized ? 2e-2 : 1e-3;
      for (int i = 0; i < got.size(); i++) {
        assertEquals(byMagnitude[i], got.get(i).value(), bound * Math.abs(byMagnitude[0]));
      }
    }
  }

  /** Removes what rounding left of asymmetry, after a look at how much it is. */
  private static Array2DRowRealMatrix symmetric(double[][] dense) {
    for (int i = 0; i < dense.length; i++) {
      for (int j = 0; j < i; j++) {
        assertEquals(dense[i][j], dense[j][i], 1e-8);
        dense[i][j] = dense[j][i];
      }
    }
    return new Array2DRowRealMatrix(dense, false);
  }

  @Test
  void theLossIsThatOfTheLabelsAndTheNetworkIsLeftAsItWas() {
    Case given = new Case(SMALL, 3, true, new int[] {9, 4, 1, 7}, 9);
    List<float[]> before = values(given.network);
    double loss = given.differentiate().item_double();
    try (LabelHessian hessian = given.hessian()) {
      assertEquals(loss, hessian.at(given.inputs.on(host), given.labels), 2e-2 * Math.abs(loss));
      List<Matrix> v = random(hessian.shapes(), 5, 1);
      hessian.multiply(v, like(v));
    }
    List<float[]> after = values(given.network);
    for (int i = 0; i < before.size(); i++) {
      assertArrayEquals(before.get(i), after.get(i));
    }
    try (Supervised supervised = new Supervised(compute, given.network, 4, 9)) {
      double again = supervised.step(given.inputs.on(host), given.labels, Pass.EVALUATION);
      assertEquals(loss, again, 2e-2 * Math.abs(loss));
    }
  }

  private List<float[]> values(BertClassifier network) {
    List<float[]> values = new ArrayList<>();
    for (Parameter parameter : network.parameters().all()) {
      values.add(Tensors.download(compute.memory(), parameter.value()));
    }
    network.weights().forEach(w -> values.add(Tensors.download(compute.memory(), w.effective())));
    return values;
  }

  @Test
  void aZeroVectorHasAZeroProductAndABatchIsNeeded() {
    Case given = new Case(TINY, 2, false, new int[] {5, 3, 4}, 5);
    try (LabelHessian hessian = new LabelHessian(compute, given.network, 0, 3, 5)) {
      List<Matrix> v = like(hessian.shapes());
      List<Matrix> out = random(hessian.shapes(), 1, 1);
      Exception e = assertThrows(IllegalStateException.class, () -> hessian.multiply(v, out));
      assertTrue(e.getMessage().contains("mini-batch"), e.getMessage());
      hessian.at(given.inputs.on(host), given.labels);
      hessian.multiply(v, out);
      assertEquals(0, dot(out, out));
    }
    assertThrows(
        IllegalArgumentException.class, () -> new LabelHessian(compute, given.network, -1, 3, 5));
  }
}
