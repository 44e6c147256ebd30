// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.SoftmaxContract;

/** Softmax on the native backend. */
class NativeSoftmaxTest extends SoftmaxContract {
  NativeSoftmaxTest() {
    super("native");
  }
}
