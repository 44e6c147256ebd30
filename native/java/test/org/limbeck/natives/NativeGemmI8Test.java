// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.GemmI8Contract;

/** Products of signed bytes on the native backend. */
class NativeGemmI8Test extends GemmI8Contract {
  NativeGemmI8Test() {
    super("native");
  }
}
