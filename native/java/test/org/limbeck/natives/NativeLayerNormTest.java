// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.LayerNormContract;

/** Layer normalisation on the native backend. */
class NativeLayerNormTest extends LayerNormContract {
  NativeLayerNormTest() {
    super("native");
  }
}
