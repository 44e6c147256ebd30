// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

/** Two computations of the same thing differ by more than their rounding allows. */
public final class DifferenceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DifferenceException(String message) {
    super(message);
  }
}
