// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import org.limbeck.kernels.op.PetWarmup;

/**
 * The classes of the target tokens of a corpus for PET's warm-up, two bits a token: 0 the teacher
 * is confidently correct, 1 correct, 2 confidently wrong, 3 wrong.
 */
public final class WarmupLabels {
  private static final int BITS = 2;
  private static final int PER_BYTE = 4;
  private static final int MASK = 3;

  private final long[] offsets;
  private final byte[] bits;

  /**
   * Allocates for a corpus; all classes are 0.
   *
   * @param lengths the number of target tokens of each sentence pair, the end included
   */
  public WarmupLabels(int[] lengths) {
    offsets = new long[lengths.length + 1];
    for (int i = 0; i < lengths.length; i++) {
      offsets[i + 1] = offsets[i] + lengths[i];
    }
    bits = new byte[Math.toIntExact((offsets[lengths.length] + PER_BYTE - 1) / PER_BYTE)];
  }

  /**
   * Sets a class.
   *
   * @param pair the sentence pair, from 0
   * @param position the target token in it, from 0
   * @param label the class, 0 to 3
   */
  public void set(int pair, int position, int label) {
    if (label < 0 || label >= PetWarmup.CLASSES) {
      throw new IllegalArgumentException(
          "WarmupLabels: given the class " + label + ", expected 0 to " + MASK);
    }
    long token = token(pair, position);
    int at = (int) (token / PER_BYTE);
    int shift = (int) (token % PER_BYTE) * BITS;
    bits[at] = (byte) (bits[at] & ~(MASK << shift) | label << shift);
  }

  /**
   * Returns a class.
   *
   * @param pair the sentence pair, from 0
   * @param position the target token in it, from 0
   */
  public int get(int pair, int position) {
    long token = token(pair, position);
    return bits[(int) (token / PER_BYTE)] >> (int) (token % PER_BYTE) * BITS & MASK;
  }

  private long token(int pair, int position) {
    long token = offsets[pair] + position;
    if (position < 0 || token >= offsets[pair + 1]) {
      throw new IllegalArgumentException(
          "WarmupLabels: given token "
              + position
              + " of pair "
              + pair
              + ", expected one of its "
              + length(pair));
    }
    return token;
  }

  /** Returns the number of sentence pairs. */
  public int pairs() {
    return offsets.length - 1;
  }

  /**
   * Returns the number of target tokens of a pair.
   *
   * @param pair the sentence pair, from 0
   */
  public int length(int pair) {
    return (int) (offsets[pair + 1] - offsets[pair]);
  }

  /** Returns how many tokens each class has. */
  public long[] counts() {
    long[] counts = new long[PetWarmup.CLASSES];
    for (long token = 0; token < offsets[pairs()]; token++) {
      int shift = (int) (token % PER_BYTE) * BITS;
      counts[bits[(int) (token / PER_BYTE)] >> shift & MASK]++;
    }
    return counts;
  }

  /** Returns a copy of the classes as they are kept: four tokens a byte, the first one lowest. */
  public byte[] toBytes() {
    return bits.clone();
  }

  /**
   * Takes the classes of a corpus that {@link #toBytes} returned.
   *
   * @param packed the classes
   * @throws IllegalArgumentException if they are of a corpus of another size
   */
  public void takeBytes(byte[] packed) {
    if (packed.length != bits.length) {
      throw new IllegalArgumentException(
          "WarmupLabels: given "
              + packed.length
              + " bytes, expected "
              + bits.length
              + " for the target tokens of this corpus");
    }
    System.arraycopy(packed, 0, bits, 0, bits.length);
  }
}
