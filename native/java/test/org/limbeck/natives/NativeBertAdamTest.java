// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.BertAdamContract;

/** BertAdam on the native backend. */
class NativeBertAdamTest extends BertAdamContract {
  NativeBertAdamTest() {
    super("native");
  }
}
