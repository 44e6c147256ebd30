// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Matrix products that may round to tf32 on the scalar backend. */
class ScalarGemmTf32Test extends GemmTf32Contract {
  ScalarGemmTf32Test() {
    super("scalar");
  }
}
