// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/** Spectra of diagonal maps. */
class HessianSpectrumTest {
  private static HessianVectorProduct diagonal(float... values) {
    return (v, out) -> {
      for (int i = 0; i < values.length; i++) {
        out.get(0).setFloat(0, i, values[i] * v.get(0).getFloat(0, i));
      }
    };
  }

  @Test
  void collectsTheEigenvaluesOfAllBatchesWithTheirSigns() {
    List<HessianVectorProduct> hessians =
        List.of(diagonal(1, -8, 0.1f, 3), diagonal(20, 0.5f, 5, -1), diagonal(Float.NaN, 1, 1, 1));
    try (HostMemory memory = new HostMemory()) {
      List<Matrix> shapes = List.of(memory.vector(DType.F32, 4));
      HessianSpectrum got =
          HessianSpectrum.of(
              new PowerIteration(3, 200, 1e-8, 42), shapes, hessians.size(), hessians::get);
      assertArrayEquals(new double[] {-8, 3, 1, 20, 5, -1}, got.values(), 1e-4);
      assertArrayEquals(new double[] {3, 1, 20, 5}, got.positive(), 1e-4);
      assertArrayEquals(new double[] {-8, -1}, got.negative(), 1e-4);
      assertEquals(6, got.converged());
      assertEquals(3, got.batches().get(2).size());
    }
  }

  @Test
  void everyBatchBeginsWithTheSameVectors() {
    try (HostMemory memory = new HostMemory()) {
      List<Matrix> shapes = List.of(memory.vector(DType.F32, 4));
      HessianSpectrum got =
          HessianSpectrum.of(PowerIteration.PAPER, shapes, 2, i -> diagonal(3, 2, 1, 0));
      assertEquals(got.batches().get(0), got.batches().get(1));
    }
  }
}
