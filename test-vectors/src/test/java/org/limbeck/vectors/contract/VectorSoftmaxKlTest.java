// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Softmax divergences on the vector backend. */
class VectorSoftmaxKlTest extends SoftmaxKlContract {
  VectorSoftmaxKlTest() {
    super("vector");
  }
}
