// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

/**
 * The outcome of a case on a backend.
 *
 * @param vectorCase the case
 * @param outcome whether it passed
 * @param error the largest error over all outputs, in units of the tolerance; 0 where nothing was
 *     compared
 * @param message why it did not pass; empty where it did
 */
public record CaseResult(VectorCase vectorCase, Outcome outcome, double error, String message) {
  /** What a case can end in. */
  public enum Outcome {
    /** All outputs are within tolerance, or the expected error was reported. */
    PASSED,
    /** An output is not, an error is missing, or another error was reported. */
    FAILED,
    /** This library has no operation for the stem. */
    SKIPPED
  }
}
