// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.vectors.contract.EmbeddingContract;

/** Embedding on the native backend. */
class NativeEmbeddingTest extends EmbeddingContract {
  NativeEmbeddingTest() {
    super("native");
  }
}
