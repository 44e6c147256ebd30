// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** dropout on the vector backend. */
class VectorDropoutTest extends DropoutContract {
  VectorDropoutTest() {
    super("vector");
  }
}
