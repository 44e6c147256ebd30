// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.util.List;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;

/** Opens the library on the device that an option names. */
public final class Devices {
  private Devices() {}

  /**
   * Opens the library.
   *
   * @param device {@code host} or {@code cuda}
   * @param threads how many threads; 0 for all processors
   * @return the library, for the caller to close
   * @throws BadInputException if the device is another
   */
  public static Limbeck open(String device, int threads) {
    int count = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    if (device.equals("host")) {
      return Limbeck.open(List.of(), count);
    }
    if (!device.equals("cuda")) {
      throw new BadInputException("--device " + device + " is unknown, expected host or cuda");
    }
    return Limbeck.open(Backends.discover(), new Device("cuda", 0), count);
  }
}
