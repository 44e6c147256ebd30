// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Matrix products on the scalar backend. */
class ScalarGemmF32Test extends GemmF32Contract {
  ScalarGemmF32Test() {
    super("scalar");
  }
}
