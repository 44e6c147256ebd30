// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import org.limbeck.formats.BadInputException;

/** Checks what options were given. */
public final class Options {
  private static final double GREATEST = 1e6;

  private Options() {}

  /**
   * Checks that a number is above 0 and not absurdly large.
   *
   * @param option the name of the option
   * @param given the number
   * @throws BadInputException if it is not
   */
  public static void requirePositive(String option, double given) {
    require(given > 0 && given < GREATEST, option, given, "a number above 0");
  }

  /**
   * Checks an option.
   *
   * @param holds whether it is as expected
   * @param option the name of the option
   * @param given what was given
   * @param expected what is expected
   * @throws BadInputException if it is not
   */
  public static void require(boolean holds, String option, Object given, String expected) {
    if (!holds) {
      throw new BadInputException(option + ": given " + given + ", expected " + expected);
    }
  }
}
