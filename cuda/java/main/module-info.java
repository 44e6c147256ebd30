// SPDX-License-Identifier: Apache-2.0
import org.limbeck.kernels.backend.BackendProvider;

/** The CUDA backend of Limbeck, and the emulator that runs its kernels without a GPU. */
module org.limbeck.cuda {
  requires jcuda;
  requires org.limbeck.kernels;

  exports org.limbeck.cuda;

  provides BackendProvider with
      org.limbeck.cuda.CudaProvider,
      org.limbeck.cuda.EmulatedProvider;
}
