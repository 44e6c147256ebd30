// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** AttentionKl on the scalar backend. */
class ScalarAttentionKlTest extends AttentionKlContract {
  ScalarAttentionKlTest() {
    super("scalar");
  }
}
