// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.List;
import java.util.Map;
import org.limbeck.experiments.run.DeviceChoice;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.Backends;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The options of commands that time on a device, on the host on several numbers of threads, and
 * split the host's time by stem.
 */
final class WatchedOptions {
  @Mixin private DeviceChoice device;

  @Option(
      names = "--backend",
      split = ",",
      description = "The backends to choose from (default: all).")
  private List<String> backends = List.of();

  @Option(
      names = "--threads",
      split = ",",
      description = "The host's numbers of threads (default: 1,2; with a device 1).")
  private List<Integer> threads;

  /** For picocli. */
  WatchedOptions() {}

  /** Returns the device with the precision of products. */
  DeviceChoice device() {
    return device;
  }

  /** Returns the numbers of threads. */
  List<Integer> threads() {
    if (threads != null) {
      return threads;
    }
    return device.device().isHost() ? List.of(1, 2) : List.of(1);
  }

  /**
   * Checks the options.
   *
   * @throws UsageException if a number of threads is out of range
   * @throws BadInputException if there is no such device, or it lacks the precision
   */
  void check() {
    device.check();
    threads().forEach(n -> StepMain.require("--threads", n, 1));
  }

  /**
   * Opens the library.
   *
   * @param n the number of threads
   * @param nanosByStem what takes the host's time in kernels. Nothing of a device, where a call
   *     returns before the work is done
   * @throws BackendUnavailableException if the device or a backend is absent
   */
  Limbeck open(int n, Map<String, Long> nanosByStem) {
    Backends found = Backends.discover().limitTo(backends);
    return Limbeck.open(
        device.device().isHost() ? WatchedBackend.all(found, new KernelTimes(nanosByStem)) : found,
        device.device(),
        n);
  }
}
