// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** PetWarmup on the scalar backend. */
class ScalarPetWarmupTest extends PetWarmupContract {
  ScalarPetWarmupTest() {
    super("scalar");
  }
}
