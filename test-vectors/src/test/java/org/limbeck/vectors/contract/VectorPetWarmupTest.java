// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** PetWarmup on the vector backend. */
class VectorPetWarmupTest extends PetWarmupContract {
  VectorPetWarmupTest() {
    super("vector");
  }
}
