// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Matrix products that may round to tf32 on the vector backend. */
class VectorGemmTf32Test extends GemmTf32Contract {
  VectorGemmTf32Test() {
    super("vector");
  }
}
