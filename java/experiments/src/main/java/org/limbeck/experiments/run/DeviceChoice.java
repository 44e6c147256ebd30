// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.util.List;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.op.GemmF32;
import picocli.CommandLine.Option;

/** The options of a command that computes on one device: which one, and in what precision. */
public final class DeviceChoice {
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
  private String name;

  @Option(
      names = "--tf32",
      description = {
        "With --device cuda or cuda-emulated: layers multiply numbers that are rounded to tf32, 10"
            + " bits of mantissa, on tensor cores. By default all products are in float32."
      })
  private boolean tf32;

  /** For picocli. */
  public DeviceChoice() {}

  /** Returns the device as it was named. */
  public String name() {
    return name;
  }

  /** Returns the device. */
  public Device device() {
    return name.equals(HOST) ? Device.HOST : new Device(name, 0);
  }

  /** Returns whether layers round the factors of their products to tf32. */
  public boolean tf32() {
    return tf32;
  }

  /** Returns the precision of layers' products. */
  public GemmF32.Precision precision() {
    return DeviceOptions.precision(tf32);
  }

  /**
   * Checks the options as far as no device is needed.
   *
   * @throws BadInputException if one cannot be
   */
  public void check() {
    Options.require(DEVICES.contains(name), "--device", name, "host, cuda or cuda-emulated");
    Options.require(
        !tf32 || !name.equals(HOST),
        "--tf32",
        "--device " + name,
        "--device cuda or cuda-emulated");
  }
}
