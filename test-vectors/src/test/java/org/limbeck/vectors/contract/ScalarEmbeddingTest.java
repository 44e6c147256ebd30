// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Embedding on the scalar backend. */
class ScalarEmbeddingTest extends EmbeddingContract {
  ScalarEmbeddingTest() {
    super("scalar");
  }
}
