// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** layer_norm on the scalar backend. */
class ScalarLayerNormTest extends LayerNormContract {
  ScalarLayerNormTest() {
    super("scalar");
  }
}
