// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;

/** What the machine is, as far as it bears on the numbers. */
final class Machine {
  /** The system property with the commit that was built; the launcher sets it. */
  static final String COMMIT_PROPERTY = "limbeck.commit";

  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final String SEPARATOR = "; ";

  private Machine() {}

  /** Returns the kind of the machine, then the JDK and the commit. */
  static String describe() {
    return String.join(
        SEPARATOR,
        kind(),
        "JDK " + Runtime.version(),
        "commit " + System.getProperty(COMMIT_PROPERTY, "unknown"));
  }

  /**
   * Returns what decides whether two runs can be compared: processor, their number, its vectors.
   */
  static String kind() {
    return String.join(
        SEPARATOR,
        processor(),
        Runtime.getRuntime().availableProcessors() + " processors",
        FloatVector.SPECIES_PREFERRED.vectorBitSize() + "-bit vectors");
  }

  private static String processor() {
    if (Files.isReadable(CPU_INFO)) {
      try (Stream<String> lines = Files.lines(CPU_INFO)) {
        return lines
            .filter(line -> line.startsWith("model name"))
            .map(line -> line.substring(line.indexOf(':') + 1).trim())
            .findFirst()
            .orElse(System.getProperty("os.arch"));
      } catch (IOException e) {
        return System.getProperty("os.arch");
      }
    }
    return System.getProperty("os.arch");
  }
}
