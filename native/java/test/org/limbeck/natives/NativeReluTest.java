// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.ReluContract;

/** The rectifier on the native backend. */
class NativeReluTest extends ReluContract {
  NativeReluTest() {
    super("native");
  }
}
