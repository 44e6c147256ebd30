// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Why peers win where they do, written by hand: a file with the columns stem, shape, mode, threads,
 * peer, cause and found by. A field that is {@code *} fits all; of lines that fit a row the first
 * counts. The cause and how it was found hold no comma.
 */
final class Causes {
  static final String HEADER = "stem,shape,mode,threads,peer,cause,found by";

  /** The name of the file that is looked for beside the results. */
  static final String NAME = "causes.csv";

  private static final int KEYS = 5;
  private static final String ANY = "*";

  /**
   * A cause.
   *
   * @param keys which rows it explains
   * @param cause the cause
   * @param foundBy the measurement that showed it
   */
  record Cause(List<String> keys, String cause, String foundBy) {
    boolean fits(Row row) {
      List<String> of =
          List.of(row.stem(), row.shape(), row.mode(), Integer.toString(row.threads()), row.peer());
      for (int i = 0; i < KEYS; i++) {
        if (!keys.get(i).equals(ANY) && !keys.get(i).equals(of.get(i))) {
          return false;
        }
      }
      return true;
    }
  }

  private final List<Cause> all;

  private Causes(List<Cause> all) {
    this.all = all;
  }

  /** Returns a list of none. */
  static Causes none() {
    return new Causes(List.of());
  }

  /**
   * Reads a file.
   *
   * @throws UsageException if it cannot be read or holds something else
   */
  static Causes read(Path file) {
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (IOException e) {
      throw new UsageException(file + ": the file cannot be read", e);
    }
    if (lines.isEmpty() || !lines.get(0).equals(HEADER)) {
      throw new UsageException(file + ": expected the first line " + HEADER);
    }
    List<Cause> causes = new ArrayList<>();
    for (int i = 1; i < lines.size(); i++) {
      if (lines.get(i).isBlank()) {
        continue;
      }
      List<String> fields = List.of(lines.get(i).split(",", -1));
      if (fields.size() != KEYS + 2) {
        throw new UsageException(
            file + ": line " + (i + 1) + " has " + fields.size() + " columns, expected 7");
      }
      causes.add(new Cause(fields.subList(0, KEYS), fields.get(KEYS), fields.get(KEYS + 1)));
    }
    return new Causes(causes);
  }

  /** Returns the cause of a row's ratio, if it is known. */
  Optional<Cause> of(Row row) {
    return all.stream().filter(cause -> cause.fits(row)).findFirst();
  }
}
