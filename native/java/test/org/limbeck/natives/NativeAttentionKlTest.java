// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.AttentionKlContract;

/** The attention-map loss on the native backend. */
class NativeAttentionKlTest extends AttentionKlContract {
  NativeAttentionKlTest() {
    super("native");
  }
}
