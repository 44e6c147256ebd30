// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.random.NormalVariates;

/** Densities of samples whose bandwidth is worked out by hand, or whose density is known. */
class KernelDensityTest {
  @Test
  void theBandwidthIsSilvermans() {
    // Quartiles 2 and 4, deviation sqrt(2.5) = 1.58: the quartiles' 2 / 1.34 is the smaller one.
    KernelDensity density = new KernelDensity(new double[] {5, 1, 3, 2, 4});
    double h = 0.9 * (2 / 1.34) * Math.pow(5, -0.2);
    assertEquals(h, density.bandwidth(), 1e-15);
    double sum = 0;
    for (int x = 1; x <= 5; x++) {
      sum += Math.exp(-Math.pow((2.5 - x) / h, 2) / 2);
    }
    assertEquals(sum / (5 * h * Math.sqrt(2 * Math.PI)), density.at(2.5), 1e-15);
  }

  @Test
  void equalQuartilesLeaveTheDeviation() {
    KernelDensity density = new KernelDensity(new double[] {1, 1, 1, 1, 1, 1, 1, 9});
    assertEquals(0.9 * Math.sqrt(8) * Math.pow(8, -0.2), density.bandwidth(), 1e-12);
  }

  @Test
  void itIntegratesToOneAndComesCloseToTheNormalDensity() {
    double[] sample = new double[20_000];
    for (int i = 0; i < sample.length; i++) {
      sample[i] = NormalVariates.at(3, 0, i);
    }
    KernelDensity density = new KernelDensity(sample);
    double sum = 0;
    for (double x = -8; x <= 8; x += 0.05) {
      double f = density.at(x);
      sum += 0.05 * f;
      assertEquals(Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI), f, 0.02);
    }
    assertEquals(1, sum, 1e-6);
  }

  @Test
  void aSampleWithoutSpreadIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> new KernelDensity(new double[] {1}));
    assertThrows(IllegalArgumentException.class, () -> new KernelDensity(new double[] {2, 2}));
    assertThrows(
        IllegalArgumentException.class, () -> new KernelDensity(new double[] {1, Double.NaN}));
  }
}
