// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** tanh on the scalar backend. */
class ScalarTanhTest extends TanhContract {
  ScalarTanhTest() {
    super("scalar");
  }
}
