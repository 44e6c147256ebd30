// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

/** Turns the cases of one stem into calls of the library. */
@FunctionalInterface
public interface StemAdapter {
  /**
   * Runs a case: reads its parameters and inputs, runs the stem's operations, declares the outputs.
   *
   * @param call the case
   * @throws VectorFormatException if the case does not follow the schema
   */
  void run(CaseCall call);
}
