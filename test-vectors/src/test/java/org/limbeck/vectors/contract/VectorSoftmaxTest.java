// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Softmax on the vector backend. */
class VectorSoftmaxTest extends SoftmaxContract {
  VectorSoftmaxTest() {
    super("vector");
  }
}
