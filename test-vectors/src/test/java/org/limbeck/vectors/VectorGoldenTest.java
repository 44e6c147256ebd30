// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

/** The golden vectors on the vector backend. */
class VectorGoldenTest extends GoldenContract {
  VectorGoldenTest() {
    super("vector");
  }
}
