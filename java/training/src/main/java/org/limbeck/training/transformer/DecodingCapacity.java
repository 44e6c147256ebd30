// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

/**
 * The largest numbers that memory for decoding is made for, each by itself.
 *
 * @param sentences the largest number of sentences B
 * @param hypotheses the largest number of hypotheses N, of all sentences
 * @param sourceLength the greatest padded source length S
 * @param sourceRows the largest B * S
 * @param prefixRows the largest N times positions of a prefix
 * @param keys the greatest number of keys of a hypothesis in one attention
 * @param keyRows the largest N times such keys
 */
record DecodingCapacity(
    int sentences,
    int hypotheses,
    int sourceLength,
    long sourceRows,
    long prefixRows,
    int keys,
    long keyRows) {
  /** Room for prefixes grows by so many positions. */
  private static final int STEP = 8;

  /** Returns how many positions there is room for where some are needed. */
  static int pitch(int positions) {
    return (positions + STEP - 1) / STEP * STEP;
  }

  /** Returns what a batch needs. */
  static DecodingCapacity of(
      int sentences, int sourceLength, int beam, int targetLength, DecoderKind kind) {
    int hypotheses = Math.multiplyExact(sentences, beam);
    int pitch = pitch(targetLength);
    int keys =
        kind == DecoderKind.COMPRESSED ? sourceLength + pitch : Math.max(sourceLength, pitch);
    return new DecodingCapacity(
        sentences,
        hypotheses,
        sourceLength,
        (long) sentences * sourceLength,
        (long) hypotheses * pitch,
        keys,
        (long) hypotheses * keys);
  }

  /** Returns what is enough for both. */
  DecodingCapacity with(DecodingCapacity other) {
    return new DecodingCapacity(
        Math.max(sentences, other.sentences),
        Math.max(hypotheses, other.hypotheses),
        Math.max(sourceLength, other.sourceLength),
        Math.max(sourceRows, other.sourceRows),
        Math.max(prefixRows, other.prefixRows),
        Math.max(keys, other.keys),
        Math.max(keyRows, other.keyRows));
  }
}
