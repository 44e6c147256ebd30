// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** AttentionKl on the vector backend. */
class VectorAttentionKlTest extends AttentionKlContract {
  VectorAttentionKlTest() {
    super("vector");
  }
}
