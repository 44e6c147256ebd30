// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.natives;

import org.limbeck.bench.DotLoops;
import org.limbeck.bench.cases.Work.Arithmetic;
import org.limbeck.natives.DotCeiling;

/** The loops of the C library. */
public final class NativeDotLoops implements DotLoops {
  private final DotCeiling loops;
  private final String absent;

  /** For ServiceLoader. */
  public NativeDotLoops() {
    DotCeiling opened = null;
    String reason = "";
    try {
      opened = DotCeiling.open();
    } catch (IllegalStateException e) {
      reason = e.getMessage();
    }
    loops = opened;
    absent = reason;
  }

  @Override
  public String absent() {
    return absent;
  }

  @Override
  public double run(Arithmetic arithmetic, long rounds) {
    return loops.run(
        arithmetic == Arithmetic.BF16_DOT ? DotCeiling.Kind.BF16 : DotCeiling.Kind.INT8, rounds);
  }
}
