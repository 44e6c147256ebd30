// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

/**
 * Numbers of type {@link DType#BF16}: the upper half of a float32, with its 8 exponent bits and 7
 * of its 23 fraction bits. Every one of them is a float32; the way back rounds.
 */
public final class Bfloat16 {
  /** The bits that the lower half of a float32 takes. */
  private static final int DROPPED = 16;

  private static final int QUIET = 0x0040;

  private Bfloat16() {}

  /** Returns the number that these bits stand for; exact. */
  public static float toFloat(short bits) {
    return Float.intBitsToFloat(bits << DROPPED);
  }

  /**
   * Returns the bits of the nearest number, half to even.
   *
   * <p>Subnormal numbers are rounded like others; what is too large becomes infinite, and a NaN
   * stays one with its sign.
   *
   * @param value any float32
   */
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      // The fraction bits that remain may all be 0, which would be an infinity.
      return (short) (bits >>> DROPPED | QUIET);
    }
    int lowestKept = bits >>> DROPPED & 1;
    return (short) (bits + 0x7FFF + lowestKept >>> DROPPED);
  }

  /**
   * Rounds a matrix.
   *
   * @param source F32 [rows, cols] on the host
   * @param target BF16 [rows, cols] on the host, written; separate memory
   * @throws IllegalArgumentException if types or shapes differ from these
   */
  public static void round(Matrix source, Matrix target) {
    check("round", source, DType.F32, target, DType.BF16);
    for (long r = 0; r < source.rows(); r++) {
      for (long c = 0; c < source.cols(); c++) {
        target.setBfloat16(r, c, source.getFloat(r, c));
      }
    }
  }

  /**
   * Widens a matrix; exact.
   *
   * @param source BF16 [rows, cols] on the host
   * @param target F32 [rows, cols] on the host, written; separate memory
   * @throws IllegalArgumentException if types or shapes differ from these
   */
  public static void widen(Matrix source, Matrix target) {
    check("widen", source, DType.BF16, target, DType.F32);
    for (long r = 0; r < source.rows(); r++) {
      for (long c = 0; c < source.cols(); c++) {
        target.setFloat(r, c, source.getBfloat16(r, c));
      }
    }
  }

  private static void check(String what, Matrix source, DType from, Matrix target, DType to) {
    if (source.type() != from) {
      throw bad(what, "source", source, "elements of type " + from);
    }
    if (target.type() != to || target.rows() != source.rows() || target.cols() != source.cols()) {
      throw bad(what, "target", target, to + " of the shape of source, " + source);
    }
    if (target.overlaps(source)) {
      throw bad(what, "target", "memory that overlaps source", "separate memory");
    }
  }

  private static IllegalArgumentException bad(
      String what, String argument, Object given, String expected) {
    return new IllegalArgumentException(
        "Bfloat16." + what + ": " + argument + ": given " + given + ", expected " + expected);
  }
}
