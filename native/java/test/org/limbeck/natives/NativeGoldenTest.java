// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.GoldenContract;

/** The golden vectors on the native backend. */
class NativeGoldenTest extends GoldenContract {
  NativeGoldenTest() {
    super("native");
  }
}
