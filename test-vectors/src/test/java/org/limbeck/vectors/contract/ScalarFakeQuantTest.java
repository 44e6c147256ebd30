// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Fake quantization on the scalar backend. */
class ScalarFakeQuantTest extends FakeQuantContract {
  ScalarFakeQuantTest() {
    super("scalar");
  }
}
