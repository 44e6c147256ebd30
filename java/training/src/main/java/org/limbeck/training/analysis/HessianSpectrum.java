// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoublePredicate;
import java.util.function.IntFunction;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.analysis.PowerIteration.Eigenvalue;

/**
 * The leading eigenvalues of the Hessians of many mini-batches: how sharp the loss is around a
 * solution. Fewer and smaller large ones mean a smoother loss.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 3.1, Fig. 3b.
 *
 * @param batches for each mini-batch its eigenvalues, in the order in which they were found
 */
public record HessianSpectrum(List<List<Eigenvalue>> batches) {
  /** Copies the lists. */
  public HessianSpectrum {
    batches = batches.stream().map(List::copyOf).toList();
  }

  /**
   * Finds the leading eigenvalues of each mini-batch; the start vectors are the same for each.
   *
   * @param iteration how they are found
   * @param shapes matrices with the shapes of the parameters; their content is not read
   * @param batches the number of mini-batches
   * @param hessian returns the Hessian of a mini-batch by its number, from 0; used before it is
   *     asked for the next one
   */
  public static HessianSpectrum of(
      PowerIteration iteration,
      List<Matrix> shapes,
      int batches,
      IntFunction<HessianVectorProduct> hessian) {
    List<List<Eigenvalue>> found = new ArrayList<>();
    for (int i = 0; i < batches; i++) {
      found.add(iteration.largest(hessian.apply(i), shapes));
    }
    return new HessianSpectrum(found);
  }

  /** Returns the eigenvalues above 0 of all mini-batches. */
  public double[] positive() {
    return where(value -> value > 0);
  }

  /** Returns the eigenvalues below 0 of all mini-batches. */
  public double[] negative() {
    return where(value -> value < 0);
  }

  /** Returns all eigenvalues that are numbers, mini-batch by mini-batch. */
  public double[] values() {
    return where(value -> !Double.isNaN(value));
  }

  private double[] where(DoublePredicate wanted) {
    return batches.stream()
        .flatMap(List::stream)
        .mapToDouble(Eigenvalue::value)
        .filter(wanted)
        .toArray();
  }

  /** Returns how many of the iterations ended by their stopping rule. */
  public long converged() {
    return batches.stream().flatMap(List::stream).filter(Eigenvalue::converged).count();
  }
}
