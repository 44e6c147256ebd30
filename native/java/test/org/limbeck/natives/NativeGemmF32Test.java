// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.GemmF32Contract;

/** Matrix products in float32 on the native backend. */
class NativeGemmF32Test extends GemmF32Contract {
  NativeGemmF32Test() {
    super("native");
  }
}
