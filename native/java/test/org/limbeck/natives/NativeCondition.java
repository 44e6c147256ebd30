// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.BackendCondition;

/** Skips the tests of kernels, with the reason, where this build made no library. */
public final class NativeCondition extends BackendCondition {
  /** For the service loader. */
  public NativeCondition() {
    super(new NativeProvider().name(), "Native");
  }
}
