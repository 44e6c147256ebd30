// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Mse on the scalar backend. */
class ScalarMseTest extends MseContract {
  ScalarMseTest() {
    super("scalar");
  }
}
