// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

/**
 * How translations are searched for.
 *
 * @param beam the number of hypotheses a sentence; 1 is greedy
 * @param lengthPenalty the exponent p of the length in a finished hypothesis's score, log
 *     probability / length^p
 * @param lengthFactor a in the greatest number of tokens before the end, a * n + b, for a source of
 *     n tokens, its end included
 * @param lengthOffset b in it
 * @param lengthLimit an upper bound of it
 * @param sentences the largest number of sentences that are decoded at once
 */
public record BeamOptions(
    int beam,
    double lengthPenalty,
    double lengthFactor,
    int lengthOffset,
    int lengthLimit,
    int sentences) {
  /** Beam 5, length penalty 1, at most 1.2 n + 10 tokens, 128 sentences at once. */
  public static final BeamOptions DEFAULT = new BeamOptions(5, 1, 1.2, 10, 200, 128);

  /** Checks each option. */
  public BeamOptions {
    if (beam < 1 || sentences < 1) {
      throw new IllegalArgumentException(
          "BeamOptions: given beam "
              + beam
              + " and "
              + sentences
              + " sentences at once, expected at least 1 of each");
    }
    if (!Double.isFinite(lengthPenalty)) {
      throw new IllegalArgumentException(
          "BeamOptions: lengthPenalty: given " + lengthPenalty + ", expected a finite number");
    }
    if (!(lengthFactor >= 0)
        || Double.isInfinite(lengthFactor)
        || lengthOffset < 0
        || lengthLimit < 1
        || lengthLimit >= Capacity.MAX_LENGTH) {
      throw new IllegalArgumentException(
          "BeamOptions: given lengths of at most "
              + lengthFactor
              + " n + "
              + lengthOffset
              + " and "
              + lengthLimit
              + ", expected a finite factor and an offset of at least 0, and a limit of at least 1"
              + " and below "
              + Capacity.MAX_LENGTH);
    }
  }

  /** Returns this with another beam. */
  public BeamOptions withBeam(int newBeam) {
    return new BeamOptions(
        newBeam, lengthPenalty, lengthFactor, lengthOffset, lengthLimit, sentences);
  }

  /** Returns this with another number of sentences at once. */
  public BeamOptions withSentences(int newSentences) {
    return new BeamOptions(
        beam, lengthPenalty, lengthFactor, lengthOffset, lengthLimit, newSentences);
  }

  /**
   * Returns the greatest number of tokens of a translation before its end.
   *
   * @param sourceLength the number n of source tokens, the end included
   */
  public int maxLength(int sourceLength) {
    return (int) Math.min(lengthFactor * sourceLength + lengthOffset, lengthLimit);
  }
}
