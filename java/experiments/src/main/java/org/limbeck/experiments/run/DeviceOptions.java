// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.util.List;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import picocli.CommandLine.Option;

/** The options of a command that computes: on which device, and with how many threads. */
public final class DeviceOptions {
  @Option(
      names = "--device",
      paramLabel = "NAME",
      defaultValue = "host",
      description = "host, or cuda. Default: ${DEFAULT-VALUE}.")
  private String device;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "Threads; 0: all processors. Default: ${DEFAULT-VALUE}.")
  private int threads;

  /** For picocli. */
  public DeviceOptions() {}

  /** Returns the device as it was named. */
  public String device() {
    return device;
  }

  /**
   * Checks the options as far as no device is needed.
   *
   * @throws BadInputException if one cannot be
   */
  public void check() {
    Options.require(threads >= 0, "--threads", threads, "0 or more");
    Options.require(List.of("host", "cuda").contains(device), "--device", device, "host or cuda");
  }

  /**
   * Opens the library.
   *
   * @return the library, for the caller to close
   */
  public Limbeck open() {
    int count = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    return device.equals("host")
        ? Limbeck.open(List.of(), count)
        : Limbeck.open(Backends.discover(), new Device(device, 0), count);
  }
}
