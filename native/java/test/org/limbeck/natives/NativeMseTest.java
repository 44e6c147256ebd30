// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.MseContract;

/** The mean squared difference on the native backend. */
class NativeMseTest extends MseContract {
  NativeMseTest() {
    super("native");
  }
}
