// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.GeluContract;

/** Gelu on the native backend. */
class NativeGeluTest extends GeluContract {
  NativeGeluTest() {
    super("native");
  }
}
