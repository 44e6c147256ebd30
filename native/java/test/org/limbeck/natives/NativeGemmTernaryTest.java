// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.GemmTernaryContract;

/** Products with ternary weights on the native backend. */
class NativeGemmTernaryTest extends GemmTernaryContract {
  NativeGemmTernaryTest() {
    super("native");
  }
}
