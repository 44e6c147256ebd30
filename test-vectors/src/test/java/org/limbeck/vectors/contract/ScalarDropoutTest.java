// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** dropout on the scalar backend. */
class ScalarDropoutTest extends DropoutContract {
  ScalarDropoutTest() {
    super("scalar");
  }
}
