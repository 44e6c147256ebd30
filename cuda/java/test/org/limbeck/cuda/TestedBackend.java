// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

/** Which backend the contract tests run on. */
final class TestedBackend {
  private TestedBackend() {}

  /** Returns what the property {@code limbeck.cuda.tested} says: cuda-emulated, or cuda. */
  static String name() {
    String name = System.getProperty("limbeck.cuda.tested", "");
    return name.isEmpty() ? EmulatedProvider.NAME : name;
  }
}
