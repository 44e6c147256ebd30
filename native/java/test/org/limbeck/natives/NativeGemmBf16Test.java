// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.GemmBf16Contract;

/** Products of bfloat16 matrices on the native backend. */
class NativeGemmBf16Test extends GemmBf16Contract {
  NativeGemmBf16Test() {
    super("native");
  }
}
