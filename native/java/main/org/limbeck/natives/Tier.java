// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.util.List;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * The instructions that kernels may use: the first argument of each function of the library.
 *
 * @param bits a level and the bits of features, as {@code limbeck.h} defines them
 */
record Tier(int bits) {
  /** The names of the levels, each at the place of its number. */
  private static final List<String> LEVELS = List.of("portable", "avx2", "avx512");

  /**
   * Returns the best tier of the processor that a ceiling allows.
   *
   * @param library the library, loaded
   * @param ceiling the name of the highest level, or empty for no ceiling
   * @throws UnavailableException if there is no such level
   */
  static Tier best(NativeLibrary library, String ceiling) throws UnavailableException {
    if (ceiling.isEmpty()) {
      return new Tier(library.bestTier());
    }
    int highest = LEVELS.indexOf(ceiling);
    if (highest < 0) {
      throw new UnavailableException(
          NativeProvider.TIER_PROPERTY + " is " + ceiling,
          "set it to " + String.join(", ", LEVELS) + ", or leave it out");
    }
    return new Tier(library.bestTier()).atMost(highest);
  }

  private Tier atMost(int highest) {
    return level() <= highest ? this : new Tier(highest);
  }

  private int level() {
    return bits & LimbeckH.LB_TIER_MASK();
  }

  /** Returns whether all bits of a feature are there. */
  boolean has(int feature) {
    return (bits & feature) == feature;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(LEVELS.get(level()));
    if (has(LimbeckH.LB_FEATURE_VNNI())) {
      text.append(" vnni");
    }
    if (has(LimbeckH.LB_FEATURE_BF16())) {
      text.append(" bf16");
    }
    return text.toString();
  }
}
