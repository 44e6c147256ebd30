// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.util.Arrays;

/**
 * An example in word pieces, [CLS] a [SEP] or [CLS] a [SEP] b [SEP], without padding.
 *
 * @param ids the numbers of the word pieces
 * @param types 0 up to the first [SEP], 1 after it; as many as {@code ids}
 */
public record Encoded(int[] ids, int[] types) {
  /** Checks that there is a type for each word piece. */
  public Encoded {
    if (ids.length != types.length || ids.length == 0) {
      throw new IllegalArgumentException(
          "Encoded: given "
              + ids.length
              + " ids and "
              + types.length
              + " types, expected as many, at least 1");
    }
  }

  /**
   * Assembles the word pieces of one or two sentences, cut to a length.
   *
   * <p>A single sentence is cut to {@code maximumLength} - 2. Of a pair, the longer sentence loses
   * its last word piece, the second one on ties, until both have {@code maximumLength} - 3.
   *
   * @param a the word pieces of the first sentence
   * @param b those of the second, or null
   * @param maximumLength the longest result, at least 3
   * @param cls the number of [CLS]
   * @param sep the number of [SEP]
   */
  static Encoded of(int[] a, int[] b, int maximumLength, int cls, int sep) {
    int lengthA = a.length;
    int lengthB = b == null ? 0 : b.length;
    int room = maximumLength - (b == null ? 2 : 3);
    while (lengthA + lengthB > room) {
      if (lengthA > lengthB) {
        lengthA--;
      } else {
        lengthB--;
      }
    }
    int first = lengthA + 2;
    int[] ids = new int[b == null ? first : first + lengthB + 1];
    int[] types = new int[ids.length];
    ids[0] = cls;
    System.arraycopy(a, 0, ids, 1, lengthA);
    ids[first - 1] = sep;
    if (b != null) {
      System.arraycopy(b, 0, ids, first, lengthB);
      ids[ids.length - 1] = sep;
      Arrays.fill(types, first, types.length, 1);
    }
    return new Encoded(ids, types);
  }

  /** Returns the number of word pieces, special ones included. */
  public int length() {
    return ids.length;
  }
}
