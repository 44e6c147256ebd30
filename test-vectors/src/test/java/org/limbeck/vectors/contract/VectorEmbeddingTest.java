// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** Embedding on the vector backend. */
class VectorEmbeddingTest extends EmbeddingContract {
  VectorEmbeddingTest() {
    super("vector");
  }
}
