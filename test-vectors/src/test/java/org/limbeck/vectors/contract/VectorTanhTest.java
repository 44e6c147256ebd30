// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** tanh on the vector backend. */
class VectorTanhTest extends TanhContract {
  VectorTanhTest() {
    super("vector");
  }
}
