// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** relu on the scalar backend. */
class ScalarReluTest extends ReluContract {
  ScalarReluTest() {
    super("scalar");
  }
}
