// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.util.List;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.op.GemmF32;
import picocli.CommandLine.Option;

/** The options of a command that computes: on which device, and with how many threads. */
public final class DeviceOptions {
  private static final String HOST = Device.HOST.kind();

  /** The devices by the names of their backends; the emulated one is for tests. */
  private static final List<String> DEVICES = List.of(HOST, "cuda", "cuda-emulated");

  @Option(
      names = "--device",
      paramLabel = "NAME",
      defaultValue = "host",
      description = {
        "host; cuda, the first NVIDIA GPU; or for tests cuda-emulated, the same kernels on this"
            + " processor, very slow. Default: ${DEFAULT-VALUE}."
      })
  private String device;

  @Option(
      names = "--tf32",
      description = {
        "With --device cuda or cuda-emulated: layers multiply numbers that are rounded to tf32, 10"
            + " bits of mantissa, on tensor cores. By default all products are in float32."
      })
  private boolean tf32;

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

  /** Returns whether layers round the factors of their products to tf32. */
  public boolean tf32() {
    return tf32;
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
    Options.require(DEVICES.contains(device), "--device", device, "host, cuda or cuda-emulated");
    Options.require(
        !tf32 || !device.equals(HOST),
        "--tf32",
        "--device " + device,
        "--device cuda or cuda-emulated");
  }

  /**
   * Opens the library.
   *
   * @return the library, for the caller to close
   * @throws BackendUnavailableException if the device is absent; the message says why
   */
  public Limbeck open() {
    int count = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    return device.equals(HOST)
        ? Limbeck.open(List.of(), count)
        : Limbeck.open(Backends.discover(), new Device(device, 0), count);
  }
}
