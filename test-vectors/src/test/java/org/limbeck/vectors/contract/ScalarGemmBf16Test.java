// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Products of bfloat16 matrices on the scalar backend. */
class ScalarGemmBf16Test extends GemmBf16Contract {
  ScalarGemmBf16Test() {
    super("scalar");
  }
}
