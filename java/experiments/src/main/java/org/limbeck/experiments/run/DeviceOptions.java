// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.util.List;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.op.GemmF32;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of a command that computes: on which device, and with how many threads. */
public final class DeviceOptions {
  @Mixin private DeviceChoice choice;

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
    return choice.name();
  }

  /** Returns whether layers round the factors of their products to tf32. */
  public boolean tf32() {
    return choice.tf32();
  }

  /**
   * Returns the precision of layers' products.
   *
   * @param tf32 what {@link #tf32()} returned
   */
  public static GemmF32.Precision precision(boolean tf32) {
    return tf32 ? GemmF32.Precision.TF32 : GemmF32.Precision.F32;
  }

  /**
   * Checks the options as far as no device is needed.
   *
   * @throws BadInputException if one cannot be
   */
  public void check() {
    Options.require(threads >= 0, "--threads", threads, "0 or more");
    choice.check();
  }

  /**
   * Opens the library.
   *
   * @return the library, for the caller to close
   * @throws BackendUnavailableException if the device is absent; the message says why
   */
  public Limbeck open() {
    int count = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    Device device = choice.device();
    return device.isHost()
        ? Limbeck.open(List.of(), count)
        : Limbeck.open(Backends.discover(), device, count);
  }
}
