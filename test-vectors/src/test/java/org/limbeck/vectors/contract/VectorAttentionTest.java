// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Attention on the vector backend. */
class VectorAttentionTest extends AttentionContract {
  VectorAttentionTest() {
    super("vector");
  }
}
