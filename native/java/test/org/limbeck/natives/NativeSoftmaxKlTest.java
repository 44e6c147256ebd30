// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.junit.jupiter.api.Test;
import org.limbeck.vectors.contract.SoftmaxKlContract;

/** Softmax divergences on the native backend. */
class NativeSoftmaxKlTest extends SoftmaxKlContract {
  NativeSoftmaxKlTest() {
    super("native");
  }

  @Test
  void bf16HasTheBitsOfF32() {
    assertBf16HasTheBitsOfF32();
  }
}
