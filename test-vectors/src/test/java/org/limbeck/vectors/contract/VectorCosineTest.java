// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Cosine on the vector backend. */
class VectorCosineTest extends CosineContract {
  VectorCosineTest() {
    super("vector");
  }
}
