// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.FakeQuantContract;

/** Fake quantization on the native backend. */
class NativeFakeQuantTest extends FakeQuantContract {
  NativeFakeQuantTest() {
    super("native");
  }
}
