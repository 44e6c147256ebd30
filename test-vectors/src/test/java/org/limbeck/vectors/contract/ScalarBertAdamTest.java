// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** bert_adam on the scalar backend. */
class ScalarBertAdamTest extends BertAdamContract {
  ScalarBertAdamTest() {
    super("scalar");
  }
}
