// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Products with packed ternary weights on the scalar backend. */
class ScalarGemmTernaryTest extends GemmTernaryContract {
  ScalarGemmTernaryTest() {
    super("scalar");
  }
}
