// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The shapes to measure, from files {@code <stem>.csv} with the columns shape and reason: those of
 * {@code bench/shapes}, which travel in the jar, or others in a directory.
 */
final class Shapes {
  private static final String HEADER = "shape,reason";

  private Shapes() {}

  /**
   * Returns the shapes of a stem.
   *
   * @param stem the stem
   * @param directory where its file lies; null for the built-in ones
   * @throws UsageException if the file cannot be read or holds something else
   */
  static List<String> of(Stem stem, Path directory) {
    String name = stem.label() + ".csv";
    String where = directory == null ? name : directory.resolve(name).toString();
    String text = directory == null ? resource(name) : read(directory.resolve(name));
    List<String> lines = text.lines().filter(line -> !line.isBlank()).toList();
    if (lines.size() < 2 || !lines.get(0).equals(HEADER)) {
      throw new UsageException(
          where + ": expected the line " + HEADER + " and a line for each shape");
    }
    List<String> shapes = new ArrayList<>();
    for (String line : lines.subList(1, lines.size())) {
      String shape = line.substring(0, Math.max(0, line.indexOf(',')));
      if (!shape.matches("[1-9]\\d{0,8}(x[1-9]\\d{0,8}){" + (stem.dimensions() - 1) + "}")) {
        throw new UsageException(
            where
                + ": the line \""
                + line
                + "\" does not begin with a shape of "
                + stem.dimensions()
                + " sizes, such as "
                + "64"
                + "x64".repeat(stem.dimensions() - 1));
      }
      shapes.add(shape);
    }
    return shapes;
  }

  /** Returns the sizes of a shape such as 1024x768x3072. */
  static long[] sizes(String shape) {
    String[] parts = shape.split("x", -1);
    long[] sizes = new long[parts.length];
    for (int i = 0; i < parts.length; i++) {
      sizes[i] = Long.parseLong(parts[i]);
    }
    return sizes;
  }

  private static String resource(String name) {
    try (InputStream in = Shapes.class.getResourceAsStream("shapes/" + name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String read(Path path) {
    try {
      return Files.readString(path);
    } catch (IOException e) {
      throw new UsageException(path + ": the file cannot be read", e);
    }
  }
}
