// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * For benchmarks: the dot products that {@code gemm_i8} and {@code gemm_bf16} consist of, on
 * registers alone, to see what a core can do at most. They follow the ceiling of the tier, as the
 * kernels do.
 */
public final class DotCeiling {
  /** The most rounds of a call. */
  public static final long MOST_ROUNDS = 1 << 22;

  private final int tier;

  private DotCeiling(int tier) {
    this.tier = tier;
  }

  /** Which dot products. */
  public enum Kind {
    /** Of signed bytes, with sums in int32. */
    INT8,
    /** Of bfloat16, with sums in float32. */
    BF16
  }

  /**
   * Loads the library.
   *
   * @throws IllegalStateException if there is no library for this platform, or its tier leaves the
   *     instructions to the compiler; the message is the reason
   */
  public static DotCeiling open() {
    try {
      Tier tier =
          Tier.best(NativeLibrary.get(), System.getProperty(NativeProvider.TIER_PROPERTY, ""));
      DotCeiling ceiling = new DotCeiling(tier.bits());
      if ((tier.bits() & LimbeckH.LB_TIER_MASK()) == LimbeckH.LB_TIER_PORTABLE()) {
        throw new IllegalStateException("the native tier is portable, in the compiler's own code");
      }
      return ceiling;
    } catch (UnavailableException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  /**
   * Runs on the calling thread.
   *
   * @param kind which dot products
   * @param rounds how often the loop is passed, 0 to {@value #MOST_ROUNDS}
   * @return the operations done, a multiplication and an addition for each product
   * @throws IllegalArgumentException if the rounds are out of range
   */
  public double run(Kind kind, long rounds) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment sum = arena.allocate(ValueLayout.JAVA_DOUBLE);
      int status =
          kind == Kind.INT8
              ? LimbeckH.lb_ceiling_i8(tier, rounds, sum)
              : LimbeckH.lb_ceiling_bf16(tier, rounds, sum);
      if (status != LimbeckH.LB_OK()) {
        throw new IllegalArgumentException(
            "rounds: given " + rounds + ", expected 0 to " + MOST_ROUNDS);
      }
      return 2 * sum.get(ValueLayout.JAVA_DOUBLE, 0);
    }
  }
}
