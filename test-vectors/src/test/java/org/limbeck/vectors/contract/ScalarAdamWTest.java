// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** adamw on the scalar backend. */
class ScalarAdamWTest extends AdamWContract {
  ScalarAdamWTest() {
    super("scalar");
  }
}
