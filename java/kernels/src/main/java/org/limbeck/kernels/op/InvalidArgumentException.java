// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

/**
 * An argument that a contract does not allow, found before any kernel ran. The message names the
 * operation, the argument, what was given and what was expected.
 */
public final class InvalidArgumentException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final String operation;
  private final String argument;

  /**
   * Creates an exception.
   *
   * @param operation the stem, such as {@code softmax_kl}
   * @param argument the name of the argument
   * @param given what was given
   * @param expected what the contract asks for
   */
  public InvalidArgumentException(
      String operation, String argument, Object given, String expected) {
    super(operation + ": " + argument + ": given " + given + ", expected " + expected);
    this.operation = operation;
    this.argument = argument;
  }

  /** Returns the stem of the operation. */
  public String operation() {
    return operation;
  }

  /** Returns the name of the argument. */
  public String argument() {
    return argument;
  }
}
