// SPDX-License-Identifier: Apache-2.0
import org.limbeck.kernels.backend.BackendProvider;

/** Contracts, façade, scalar reference and Vector API backend of Limbeck. */
module org.limbeck.kernels {
  // Absent unless the JVM is started with --add-modules jdk.incubator.vector.
  requires static jdk.incubator.vector;

  exports org.limbeck.kernels;
  exports org.limbeck.kernels.backend;
  exports org.limbeck.kernels.memory;
  exports org.limbeck.kernels.op;
  exports org.limbeck.kernels.packed;
  exports org.limbeck.kernels.parallel;
  exports org.limbeck.kernels.random;

  uses BackendProvider;

  provides BackendProvider with
      org.limbeck.kernels.scalar.ScalarProvider,
      org.limbeck.kernels.vector.VectorProvider;
}
