// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.limbeck.formats.AtomicFiles;

/** The results file: the header and a line for each row. */
final class ResultFile {
  private ResultFile() {}

  /** Writes a whole file over an earlier one. */
  static void write(Path file, List<Row> rows) {
    AtomicFiles.write(
        file,
        rows.stream().map(Row::line).collect(Collectors.joining("\n", Row.HEADER + "\n", "\n")));
  }

  /**
   * Reads a file.
   *
   * @throws UsageException if it cannot be read or is no results file
   */
  static List<Row> read(Path file) {
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (IOException e) {
      throw new UsageException(file + ": the file cannot be read", e);
    }
    if (lines.isEmpty() || !lines.get(0).equals(Row.HEADER)) {
      throw new UsageException(file + ": expected the first line " + Row.HEADER);
    }
    List<Row> rows = new ArrayList<>();
    for (int i = 1; i < lines.size(); i++) {
      try {
        rows.add(Row.parse(lines.get(i)));
      } catch (IllegalArgumentException e) {
        throw new UsageException(
            file + ": line " + (i + 1) + " is no measurement: " + e.getMessage(), e);
      }
    }
    return rows;
  }
}
