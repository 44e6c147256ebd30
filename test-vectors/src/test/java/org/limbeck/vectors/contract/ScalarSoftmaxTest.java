// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Softmax on the scalar backend. */
class ScalarSoftmaxTest extends SoftmaxContract {
  ScalarSoftmaxTest() {
    super("scalar");
  }
}
