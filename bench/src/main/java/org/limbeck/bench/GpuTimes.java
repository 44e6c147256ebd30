// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import org.limbeck.formats.BadInputException;

/** Files of times in the columns of cuda's {@code GpuBench}, which joins them with the peers'. */
final class GpuTimes {
  static final String HEADER =
      "stem,shape,mode,who,clock,median_ns,low_ns,high_ns,calls,flops,bytes";

  /** Says what a time is; without commas, which separate columns. */
  private static final String CLOCK = "the host's clock; each step waits for its loss";

  private GpuTimes() {}

  /**
   * Appends a row. The column of bytes is 0: those of a step are nobody's to count.
   *
   * @param file the file; a new one begins with the header
   * @param begin stem, shape, mode and who, joined by commas
   * @param nanos the times, the shortest first
   * @param operations the additions and multiplications of a call
   * @throws BadInputException if the file cannot be written
   */
  static void append(Path file, String begin, long[] nanos, double operations) {
    String line =
        String.format(
            Locale.ROOT,
            "%s,%s,%d,%d,%d,%d,%.0f,0%n",
            begin,
            CLOCK,
            nanos[nanos.length / 2],
            nanos[0],
            nanos[nanos.length - 1],
            nanos.length,
            operations);
    try {
      Files.writeString(
          file,
          Files.exists(file) ? line : HEADER + System.lineSeparator() + line,
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw BadInputException.writing(file, e);
    }
  }
}
