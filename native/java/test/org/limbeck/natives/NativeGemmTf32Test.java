// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.GemmTf32Contract;

/** Matrix products that may round to tf32 on the native backend. */
class NativeGemmTf32Test extends GemmTf32Contract {
  NativeGemmTf32Test() {
    super("native");
  }
}
