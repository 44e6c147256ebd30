// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.Locale;

/**
 * What one call must do at least: the operations of its contract, and each byte of its tensors read
 * and written once where the memory is.
 *
 * @param arithmetic the instructions that do the operations
 * @param flops operations, an exponential counted as what the kernel's opening comment says
 * @param readBytes bytes read
 * @param writtenBytes bytes written
 */
public record Work(Arithmetic arithmetic, double flops, double readBytes, double writtenBytes) {
  /** The instructions whose peak bounds a stem; each has a ceiling of its name. */
  public enum Arithmetic {
    /** Fused multiply-adds of binary32. */
    FMA,
    /** Dot products of bfloat16 with binary32 sums. */
    BF16_DOT,
    /** Dot products of 8-bit integers with 32-bit sums. */
    INT8_DOT;

    /** Returns the mode of its ceiling. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Returns work in binary32. */
  public static Work f32(double flops, double readFloats, double writtenFloats) {
    return new Work(Arithmetic.FMA, flops, 4 * readFloats, 4 * writtenFloats);
  }

  /** Returns all bytes. */
  public double bytes() {
    return readBytes + writtenBytes;
  }

  /** Returns whether the bytes are nearly all read, so that a copy is not what bounds them. */
  public boolean mostlyReads() {
    return readBytes > 8 * writtenBytes;
  }
}
