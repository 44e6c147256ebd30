// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Cosine on the scalar backend. */
class ScalarCosineTest extends CosineContract {
  ScalarCosineTest() {
    super("scalar");
  }
}
