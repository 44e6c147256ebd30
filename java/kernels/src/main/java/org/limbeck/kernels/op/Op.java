// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;

/**
 * The typed key of an operation: its stem, its direction, and the check of its arguments. Each stem
 * of this package declares its operations as constants.
 *
 * @param <S> the specification: what is fixed when a kernel is selected
 * @param <A> the arguments: what a call is given
 */
public final class Op<S, A> {
  /** The check of the arguments of one call. */
  @FunctionalInterface
  interface Check<S, A> {
    void check(S spec, A arguments, ArgumentChecks checks);
  }

  private final String stem;
  private final String direction;
  private final Check<S, A> check;

  Op(String stem, String direction, Check<S, A> check) {
    this.stem = Objects.requireNonNull(stem);
    this.direction = Objects.requireNonNull(direction);
    this.check = Objects.requireNonNull(check);
  }

  /** Returns the stem: the name that contract, kernels, vectors and benchmark share. */
  public String stem() {
    return stem;
  }

  /** Returns the direction within the stem, such as {@code forward}; empty where there is one. */
  public String direction() {
    return direction;
  }

  /** Returns the stem, with the direction after a dot where there is more than one. */
  public String name() {
    return direction.isEmpty() ? stem : stem + "." + direction;
  }

  /**
   * Checks the arguments of a call: presence, types, shapes, strides, overlap, device and liveness.
   *
   * @param spec the specification
   * @param arguments the arguments
   * @param checks the checks, bound to this operation and a device
   * @throws InvalidArgumentException if the contract does not allow them
   */
  public void check(S spec, A arguments, ArgumentChecks checks) {
    check.check(spec, arguments, checks);
  }

  @Override
  public String toString() {
    return name();
  }
}
