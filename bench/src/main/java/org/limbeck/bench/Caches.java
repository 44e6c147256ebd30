// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The sizes of the data caches of a core, as Linux tells them. */
final class Caches {
  private static final Path DIRECTORY = Path.of("/sys/devices/system/cpu/cpu0/cache");

  /** The second level of one core in bytes; 1 MiB where the system does not say. */
  static final long SECOND_LEVEL = bytes("index2", 1L << 20);

  /** The last level in bytes; 32 MiB where the system does not say. */
  static final long LAST_LEVEL = bytes("index3", 1L << 25);

  private Caches() {}

  private static long bytes(String index, long unknown) {
    try {
      String text = Files.readString(DIRECTORY.resolve(index).resolve("size")).trim();
      return text.matches("\\d+K")
          ? Long.parseLong(text.substring(0, text.length() - 1)) << 10
          : unknown;
    } catch (IOException e) {
      return unknown; // another system; the levels are then those of common servers
    }
  }
}
