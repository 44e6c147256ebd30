// SPDX-License-Identifier: Apache-2.0
import org.limbeck.kernels.backend.BackendProvider;

/** The native backend of Limbeck: kernels in C. */
module org.limbeck.natives {
  requires org.limbeck.kernels;

  exports org.limbeck.natives;

  provides BackendProvider with
      org.limbeck.natives.NativeProvider;
}
