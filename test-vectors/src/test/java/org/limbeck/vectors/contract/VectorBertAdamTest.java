// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** bert_adam on the vector backend. */
class VectorBertAdamTest extends BertAdamContract {
  VectorBertAdamTest() {
    super("vector");
  }
}
