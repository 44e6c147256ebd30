// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** layer_norm on the vector backend. */
class VectorLayerNormTest extends LayerNormContract {
  VectorLayerNormTest() {
    super("vector");
  }
}
