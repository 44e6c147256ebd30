// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * The attention maps of one example in one layer, cut to its real tokens: a view, nothing is
 * copied.
 *
 * <p>Map h is rows {@code h * queries} to {@code h * queries + tokens - 1} and columns 0 to {@code
 * tokens - 1}, where {@code queries = maps.rows() / heads}. Padding behind the real tokens is not
 * read.
 *
 * @param maps softmax rows, before dropout; F32 on the host, shape [heads * queries, keys]
 * @param heads the number of heads, 1 or more
 * @param tokens the number n of real tokens, 1 or more, special tokens included
 */
public record HeadMaps(Matrix maps, int heads, int tokens) {
  /**
   * Checks that the matrix holds that many maps of that many tokens.
   *
   * @throws IllegalArgumentException if it does not; the message names what was given
   */
  public HeadMaps {
    Objects.requireNonNull(maps, "maps");
    if (maps.type() != DType.F32) {
      throw new IllegalArgumentException("HeadMaps: maps: given " + maps + ", expected F32");
    }
    if (heads < 1 || maps.rows() % heads != 0) {
      throw new IllegalArgumentException(
          "HeadMaps: heads: given " + heads + ", expected a divisor of the rows of " + maps);
    }
    if (tokens < 1 || tokens > maps.rows() / heads || tokens > maps.cols()) {
      throw new IllegalArgumentException(
          "HeadMaps: tokens: given "
              + tokens
              + ", expected 1 to the queries and keys of "
              + heads
              + " maps in "
              + maps);
    }
  }

  /**
   * Copies one row of one map.
   *
   * @param head the head, 0 to {@code heads - 1}
   * @param query the query row, 0 to {@code tokens - 1}
   * @param out receives the probabilities of keys 0 to {@code tokens - 1}; its length is {@code
   *     tokens}
   */
  void row(int head, int query, double[] out) {
    long at = (long) head * (maps.rows() / heads) + query;
    for (int key = 0; key < tokens; key++) {
      out[key] = maps.getFloat(at, key);
    }
  }

  /** Fails unless both networks have as many heads and tokens. */
  static void requireSameShape(String operation, HeadMaps student, HeadMaps teacher) {
    if (student.heads != teacher.heads || student.tokens != teacher.tokens) {
      throw new IllegalArgumentException(
          operation
              + ": given "
              + student.heads
              + " heads and "
              + student.tokens
              + " tokens of the student, expected those of the teacher: "
              + teacher.heads
              + " heads and "
              + teacher.tokens
              + " tokens");
    }
  }

  /** Fails unless a count of highest-ranked tokens can be taken from an example. */
  static void requireCount(String operation, String argument, int count, int tokens) {
    if (count < 1 || count > tokens) {
      throw new IllegalArgumentException(
          operation
              + ": "
              + argument
              + ": given "
              + count
              + ", expected 1 to the number of tokens of the example, "
              + tokens);
    }
  }
}
