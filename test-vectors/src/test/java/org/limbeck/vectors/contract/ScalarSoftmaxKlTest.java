// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Softmax divergences on the scalar backend. */
class ScalarSoftmaxKlTest extends SoftmaxKlContract {
  ScalarSoftmaxKlTest() {
    super("scalar");
  }
}
