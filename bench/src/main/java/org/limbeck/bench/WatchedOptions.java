// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.List;
import java.util.Map;
import org.limbeck.kernels.backend.Backends;
import picocli.CommandLine.Option;

/** The options of commands that time on several numbers of threads and split the time by stem. */
final class WatchedOptions {
  @Option(
      names = "--backend",
      split = ",",
      description = "The backends to choose from (default: all).")
  private List<String> backends = List.of();

  @Option(names = "--threads", split = ",", description = "The numbers of threads (default: 1,2).")
  private List<Integer> threads = List.of(1, 2);

  /** For picocli. */
  WatchedOptions() {}

  /** Returns the numbers of threads. */
  List<Integer> threads() {
    return threads;
  }

  /**
   * Checks the options.
   *
   * @throws UsageException if one is out of range
   */
  void check() {
    threads.forEach(n -> StepMain.require("--threads", n, 1));
  }

  /**
   * Returns the backends to choose from.
   *
   * @param nanosByStem what takes the time in their kernels
   */
  Backends backends(Map<String, Long> nanosByStem) {
    return WatchedBackend.all(Backends.discover().limitTo(backends), new KernelTimes(nanosByStem));
  }
}
