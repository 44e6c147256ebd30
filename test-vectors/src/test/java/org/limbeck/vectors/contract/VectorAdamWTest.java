// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** adamw on the vector backend. */
class VectorAdamWTest extends AdamWContract {
  VectorAdamWTest() {
    super("vector");
  }
}
