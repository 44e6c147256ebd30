// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

/**
 * How a network runs once: with dropout or without, and with which random numbers.
 *
 * @param dropout the probability of dropping, in [0, 1); 0 when evaluating
 * @param seed the seed of the run
 * @param step the number of the step; each has random numbers of its own
 */
public record Pass(double dropout, long seed, long step) {
  /** The bits of a stream's number that tell the uses within a step apart. */
  private static final int SITE_BITS = 16;

  /** Without dropout. */
  public static final Pass EVALUATION = new Pass(0, 0, 0);

  /**
   * Returns the stream of random numbers of one use of dropout.
   *
   * @param site the number of the use in the network, below 65,536
   */
  public long stream(int site) {
    return step << SITE_BITS | site;
  }
}
