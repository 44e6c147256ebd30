// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

/** The golden vectors on the scalar backend. */
class ScalarGoldenTest extends GoldenContract {
  ScalarGoldenTest() {
    super("scalar");
  }
}
