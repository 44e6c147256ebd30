// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Matrix products on the vector backend. */
class VectorGemmF32Test extends GemmF32Contract {
  VectorGemmF32Test() {
    super("vector");
  }
}
