// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Optional;
import java.util.ServiceLoader;
import org.limbeck.bench.cases.Work;

/** Loops of dot products on registers, which only the native backend can offer. */
public interface DotLoops {
  /** Returns why there are none here; empty if there are. */
  String absent();

  /**
   * Runs on the calling thread.
   *
   * @param arithmetic the instructions, of bf16 or int8
   * @param rounds how often the loop is passed, up to {@code 1 << 22}
   * @return the operations done
   */
  double run(Work.Arithmetic arithmetic, long rounds);

  /** Returns those of the class path, or what says why there are none. */
  static DotLoops find() {
    Optional<DotLoops> found = ServiceLoader.load(DotLoops.class).findFirst();
    return found.orElseGet(() -> new Missing("this build is without the native backend"));
  }

  /**
   * Nothing.
   *
   * @param absent why
   */
  record Missing(String absent) implements DotLoops {
    @Override
    public double run(Work.Arithmetic arithmetic, long rounds) {
      throw new IllegalStateException(absent);
    }
  }
}
