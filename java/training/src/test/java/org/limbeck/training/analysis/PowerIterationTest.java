// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.training.analysis.PowerIteration.Eigenvalue;

/** Power iteration on maps whose eigenvalues are known. */
class PowerIterationTest {
  private final HostMemory memory = new HostMemory();

  @AfterEach
  void close() {
    memory.close();
  }

  /** A map I - 2 w w' around a diagonal: its eigenvalues are those of the diagonal. */
  private static HessianVectorProduct reflected(double[] eigenvalues) {
    int n = eigenvalues.length;
    double[] w = new double[n];
    double square = 0;
    for (int i = 0; i < n; i++) {
      w[i] = NormalVariates.at(7, 0, i);
      square += w[i] * w[i];
    }
    double scale = 2 / square;
    return (v, out) -> {
      double[] x = flat(v);
      reflect(x, w, scale);
      for (int i = 0; i < n; i++) {
        x[i] *= eigenvalues[i];
      }
      reflect(x, w, scale);
      int at = 0;
      for (Matrix block : out) {
        for (int r = 0; r < block.rows(); r++) {
          for (int c = 0; c < block.cols(); c++) {
            block.setFloat(r, c, (float) x[at++]);
          }
        }
      }
    };
  }

  private static void reflect(double[] x, double[] w, double scale) {
    double dot = 0;
    for (int i = 0; i < x.length; i++) {
      dot += w[i] * x[i];
    }
    for (int i = 0; i < x.length; i++) {
      x[i] -= scale * dot * w[i];
    }
  }

  private static double[] flat(List<Matrix> blocks) {
    List<Double> values = new ArrayList<>();
    for (Matrix block : blocks) {
      for (float value : block.toFloatArray()) {
        values.add((double) value);
      }
    }
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private List<Matrix> shapes() {
    return List.of(memory.matrix(DType.F32, 2, 3), memory.matrix(DType.F32, 1, 4));
  }

  @Test
  void findsTheLargestInMagnitudeWithTheirSigns() {
    double[] eigenvalues = {0.1, -9, 4, 0.5, 0, 1, -0.2, 0.3, 0.7, -2};
    List<Eigenvalue> got =
        new PowerIteration(4, 100, 1e-6, 42).largest(reflected(eigenvalues), shapes());
    double[] expected = {-9, 4, -2, 1};
    for (int i = 0; i < 4; i++) {
      assertEquals(expected[i], got.get(i).value(), 1e-4 * Math.abs(expected[i]));
      assertTrue(got.get(i).converged());
      assertTrue(got.get(i).products() < 100);
    }
  }

  @Test
  void reportsTheValueBeforeTheLastOne() {
    HessianVectorProduct hessian = reflected(new double[] {5, 3, 2, 1, 1, 1, 1, 1, 1, 1});
    List<Double> quotients = new ArrayList<>();
    HessianVectorProduct watched =
        (v, out) -> {
          hessian.multiply(v, out);
          double dot = 0;
          double[] x = flat(v);
          double[] y = flat(out);
          for (int i = 0; i < x.length; i++) {
            dot += x[i] * y[i];
          }
          quotients.add(dot);
        };
    Eigenvalue got = new PowerIteration(1, 100, 1e-3, 42).largest(watched, shapes()).get(0);
    int last = quotients.size() - 1;
    assertEquals(quotients.size(), got.products());
    assertEquals(quotients.get(last - 1), got.value(), 0);
    for (int i = 1; i <= last; i++) {
      double old = quotients.get(i - 1);
      boolean stops = Math.abs(old - quotients.get(i)) / (Math.abs(old) + 1e-6) < 1e-3;
      assertEquals(i == last, stops);
    }
  }

  @Test
  void endsWhereTheProductsRunOut() {
    Eigenvalue got =
        new PowerIteration(1, 3, 0, 42)
            .largest(reflected(new double[] {5, 4.99, 2, 1, 1, 1, 1, 1, 1, 1}), shapes())
            .get(0);
    assertEquals(3, got.products());
    assertFalse(got.converged());
    assertTrue(got.value() > 1 && got.value() <= 5.0001);
  }

  @Test
  void theSeedFixesEveryBit() {
    HessianVectorProduct hessian = reflected(new double[] {5, 3, 2, 1, 6, 1, 1, 1, 1, -3.5});
    List<Eigenvalue> first = PowerIteration.PAPER.largest(hessian, shapes());
    assertEquals(first, PowerIteration.PAPER.largest(hessian, shapes()));
    assertEquals(3, first.size());
  }

  @Test
  void theZeroMapHasOnlyZeros() {
    HessianVectorProduct zero =
        (v, out) -> out.forEach(block -> block.copyFrom(zeros(block.rows(), block.cols())));
    for (Eigenvalue value : PowerIteration.PAPER.largest(zero, shapes())) {
      assertEquals(0, value.value(), 0);
      assertTrue(value.converged());
    }
  }

  @Test
  void aProductThatIsNotANumberEndsTheIteration() {
    HessianVectorProduct broken = (v, out) -> out.forEach(block -> block.setFloat(0, 0, Float.NaN));
    Eigenvalue got = PowerIteration.PAPER.largest(broken, shapes()).get(0);
    assertTrue(Double.isNaN(got.value()));
    assertEquals(1, got.products());
    assertFalse(got.converged());
  }

  private Matrix zeros(long rows, long cols) {
    return memory.matrix(DType.F32, rows, cols);
  }

  @Test
  void badArgumentsAreNamed() {
    assertThrows(IllegalArgumentException.class, () -> new PowerIteration(0, 1, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new PowerIteration(1, 1, Double.NaN, 0));
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new PowerIteration(11, 1, 0, 0).largest((v, out) -> {}, shapes()));
    assertTrue(e.getMessage().contains("number of parameters, 10"), e.getMessage());
  }

  @Test
  void variatesHaveTheMomentsOfTheNormalDistribution() {
    int n = 200_000;
    double mean = 0;
    double square = 0;
    double fourth = 0;
    double neighbours = 0;
    for (int i = 0; i < n; i++) {
      double x = NormalVariates.at(5, 9, i);
      mean += x / n;
      square += x * x / n;
      fourth += x * x * x * x / n;
      neighbours += x * NormalVariates.at(5, 9, i + 1L) / n;
    }
    assertEquals(0, mean, 5 / Math.sqrt(n));
    assertEquals(1, square, 5 * Math.sqrt(2.0 / n));
    assertEquals(3, fourth, 5 * Math.sqrt(96.0 / n));
    assertEquals(0, neighbours, 5 / Math.sqrt(n));
  }

  @Test
  void fillingTakesConsecutiveVariatesOverTheBlocks() {
    Matrix first = memory.matrix(DType.F32, 2, 3);
    Matrix second = memory.matrix(DType.F32, 1, 2);
    new BlockVector(List.of(first, second)).fillNormal(3, 1);
    assertEquals((float) NormalVariates.at(3, 1, 4), first.getFloat(1, 1));
    assertEquals((float) NormalVariates.at(3, 1, 7), second.getFloat(0, 1));
  }
}
