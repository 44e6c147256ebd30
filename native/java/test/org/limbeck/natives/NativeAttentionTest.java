// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.AttentionContract;

/** Attention on the native backend. */
class NativeAttentionTest extends AttentionContract {
  NativeAttentionTest() {
    super("native");
  }
}
