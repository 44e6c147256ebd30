// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** gelu on the scalar backend. */
class ScalarGeluTest extends GeluContract {
  ScalarGeluTest() {
    super("scalar");
  }
}
