// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** gelu on the vector backend. */
class VectorGeluTest extends GeluContract {
  VectorGeluTest() {
    super("vector");
  }
}
