// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Attention on the scalar backend. */
class ScalarAttentionTest extends AttentionContract {
  ScalarAttentionTest() {
    super("scalar");
  }
}
