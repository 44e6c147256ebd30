// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import org.junit.jupiter.api.Test;

/** Softmax divergences on the vector backend. */
class VectorSoftmaxKlTest extends SoftmaxKlContract {
  VectorSoftmaxKlTest() {
    super("vector");
  }

  @Test
  void bf16HasTheBitsOfF32() {
    assertBf16HasTheBitsOfF32();
  }
}
