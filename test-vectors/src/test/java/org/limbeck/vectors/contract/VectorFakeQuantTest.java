// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Fake quantization on the vector backend. */
class VectorFakeQuantTest extends FakeQuantContract {
  VectorFakeQuantTest() {
    super("vector");
  }
}
