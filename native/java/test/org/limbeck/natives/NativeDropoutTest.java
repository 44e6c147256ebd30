// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.DropoutContract;

/** Dropout on the native backend. */
class NativeDropoutTest extends DropoutContract {
  NativeDropoutTest() {
    super("native");
  }
}
