// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Products of signed bytes on the scalar backend. */
class ScalarGemmI8Test extends GemmI8Contract {
  ScalarGemmI8Test() {
    super("scalar");
  }
}
