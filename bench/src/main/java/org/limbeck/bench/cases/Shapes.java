// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The text of a shape: sizes with an x between them, such as 1024x768x3072. */
public final class Shapes {
  private Shapes() {}

  /** Returns the sizes of a shape. */
  public static long[] sizes(String shape) {
    return Arrays.stream(shape.split("x", -1)).mapToLong(Long::parseLong).toArray();
  }

  /** Returns the text of sizes. */
  public static String text(long... sizes) {
    return Arrays.stream(sizes).mapToObj(String::valueOf).collect(Collectors.joining("x"));
  }

  /** Returns the regular expression of a shape of so many sizes. */
  public static String pattern(int dimensions) {
    return "[1-9]\\d{0,8}(x[1-9]\\d{0,8}){" + (dimensions - 1) + "}";
  }
}
