// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import java.util.Objects;

/**
 * A place where tensors live: the host, or one accelerator.
 *
 * @param kind the kind of device in lower case, such as {@code host} or {@code cuda}
 * @param index the ordinal among the devices of that kind, from 0
 */
public record Device(String kind, int index) {
  /** The host: off-heap memory of this process. */
  public static final Device HOST = new Device("host", 0);

  /** Checks that the kind is present and the index is not negative. */
  public Device {
    Objects.requireNonNull(kind, "kind");
    if (index < 0) {
      throw new IllegalArgumentException("device index: given " + index + ", expected at least 0");
    }
  }

  /** Returns whether kernels on this device can be given host memory. */
  public boolean isHost() {
    return this.equals(HOST);
  }

  @Override
  public String toString() {
    return isHost() ? kind : kind + ":" + index;
  }
}
