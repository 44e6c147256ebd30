// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/**
 * The eigenvalues of largest magnitude of a symmetric map, by power iteration with deflation; the
 * sign is kept.
 *
 * <p>For each eigenvalue: v is drawn from N(0, I) and divided by its length + 1e-6. Then, at most
 * {@code maxIterations} times: v loses its projections on the eigenvectors already found, one after
 * another, and is normalised again; lambda = v' H v; v becomes H v, normalised. The iteration ends
 * when |lambda_old - lambda| / (|lambda_old| + 1e-6) falls below {@code tolerance}, and, as in
 * PyHessian, it is then lambda_old that is reported.
 *
 * <p>A product that is not a number ends the iteration with NaN, not converged.
 *
 * <p>Two eigenvalues of equal magnitude and opposite sign make the quotient a mixture of both, as
 * in any power iteration.
 *
 * <p><i>Accuracy</i>: vectors in float, inner products in double; the quotient's error is about the
 * square of the vector's. <i>Determinism</i>: the same seed gives the same bits if the product
 * does.
 *
 * <p>Source: Yao, Gholami, Keutzer and Mahoney, "PyHessian: Neural Networks Through the Lens of the
 * Hessian", 2020; as used by Kim et al., EMNLP 2022, section 3.1, Fig. 3b.
 *
 * @param count how many eigenvalues to find, 1 or more
 * @param maxIterations the most products spent on one of them, 1 or more
 * @param tolerance the relative change of lambda below which an iteration ends, 0 or more
 * @param seed the seed of the start vectors; the paper's code takes 42 anew for every mini-batch
 */
public record PowerIteration(int count, int maxIterations, double tolerance, long seed) {
  /** What keeps a quotient finite, for lengths and for the relative change. */
  public static final double GUARD = 1e-6;

  /** The settings of the paper's code: the top 3, at most 100 products each, 1e-3, seed 42. */
  public static final PowerIteration PAPER = new PowerIteration(3, 100, 1e-3, 42);

  /** Checks the settings. */
  public PowerIteration {
    if (count < 1 || maxIterations < 1 || !(tolerance >= 0)) {
      throw new IllegalArgumentException(
          "PowerIteration: given count "
              + count
              + ", maxIterations "
              + maxIterations
              + ", tolerance "
              + tolerance
              + ", expected at least 1, at least 1, at least 0");
    }
  }

  /**
   * One eigenvalue.
   *
   * @param value the eigenvalue, with its sign
   * @param products how many products H v were spent on it
   * @param converged whether the stopping rule held before the products ran out
   */
  public record Eigenvalue(double value, int products, boolean converged) {}

  /**
   * Finds the eigenvalues of largest magnitude.
   *
   * @param hessian the map
   * @param shapes matrices with the shapes of the parameters; their content is not read
   * @return the eigenvalues in the order in which they were found, usually by falling magnitude
   * @throws IllegalArgumentException if more eigenvalues are asked for than there are dimensions
   */
  public List<Eigenvalue> largest(HessianVectorProduct hessian, List<Matrix> shapes) {
    Objects.requireNonNull(hessian, "hessian");
    long dimensions = shapes.stream().mapToLong(Matrix::elements).sum();
    if (count > dimensions) {
      throw new IllegalArgumentException(
          "PowerIteration.largest: count: given "
              + count
              + ", expected at most the number of parameters, "
              + dimensions);
    }
    try (HostMemory memory = new HostMemory()) {
      List<Eigenvalue> values = new ArrayList<>();
      List<BlockVector> found = new ArrayList<>();
      BlockVector product = BlockVector.like(shapes, memory);
      for (int i = 0; i < count; i++) {
        BlockVector v = BlockVector.like(shapes, memory);
        v.fillNormal(seed, i);
        v.assignNormalised(v, GUARD);
        values.add(iterate(hessian, v, product, found));
        found.add(v);
      }
      return List.copyOf(values);
    }
  }

  private Eigenvalue iterate(
      HessianVectorProduct hessian, BlockVector v, BlockVector product, List<BlockVector> found) {
    double lambda = Double.NaN;
    for (int i = 0; i < maxIterations; i++) {
      for (BlockVector eigenvector : found) {
        v.assign(-v.dot(eigenvector), eigenvector, 1);
      }
      v.assignNormalised(v, GUARD);
      hessian.multiply(v.blocks(), product.blocks());
      double next = v.dot(product);
      if (Double.isNaN(next)) {
        return new Eigenvalue(next, i + 1, false); // no further product would help
      }
      v.assignNormalised(product, GUARD);
      if (i > 0 && Math.abs(lambda - next) / (Math.abs(lambda) + GUARD) < tolerance) {
        return new Eigenvalue(lambda, i + 1, true);
      }
      lambda = next;
    }
    return new Eigenvalue(lambda, maxIterations, false);
  }
}
