// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.AdamWContract;

/** AdamW on the native backend. */
class NativeAdamWTest extends AdamWContract {
  NativeAdamWTest() {
    super("native");
  }
}
