// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.TanhContract;

/** The hyperbolic tangent on the native backend. */
class NativeTanhTest extends TanhContract {
  NativeTanhTest() {
    super("native");
  }
}
