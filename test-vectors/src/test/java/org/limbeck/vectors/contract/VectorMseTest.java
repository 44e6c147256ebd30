// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Mse on the vector backend. */
class VectorMseTest extends MseContract {
  VectorMseTest() {
    super("vector");
  }
}
