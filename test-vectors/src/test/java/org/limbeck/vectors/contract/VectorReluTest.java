// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** relu on the vector backend. */
class VectorReluTest extends ReluContract {
  VectorReluTest() {
    super("vector");
  }
}
