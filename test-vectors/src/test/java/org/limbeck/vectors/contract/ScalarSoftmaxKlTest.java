// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import org.junit.jupiter.api.Test;

/** Softmax divergences on the scalar backend. */
class ScalarSoftmaxKlTest extends SoftmaxKlContract {
  ScalarSoftmaxKlTest() {
    super("scalar");
  }

  @Test
  void bf16HasTheBitsOfF32() {
    assertBf16HasTheBitsOfF32();
  }
}
