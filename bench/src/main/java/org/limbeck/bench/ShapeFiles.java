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
import org.limbeck.bench.cases.Shapes;

/**
 * The shapes to measure, from files {@code <stem>.csv} with the columns shape and reason: those of
 * {@code bench/shapes}, which travel in the jar, or others in a directory.
 */
final class ShapeFiles {
  private static final String HEADER = "shape,reason";

  private ShapeFiles() {}

  /**
   * Returns the shapes of a stem.
   *
   * @param stem the stem, or {@code ceiling}
   * @param dimensions how many sizes a shape has
   * @param directory where its file lies; null for the built-in ones
   * @throws UsageException if the file cannot be read or holds something else
   */
  static List<String> of(String stem, int dimensions, Path directory) {
    String name = stem + ".csv";
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
      if (!shape.matches(Shapes.pattern(dimensions))) {
        throw new UsageException(
            where
                + ": the line \""
                + line
                + "\" does not begin with a shape of "
                + dimensions
                + " sizes, such as "
                + "64"
                + "x64".repeat(dimensions - 1));
      }
      shapes.add(shape);
    }
    return shapes;
  }

  private static String resource(String name) {
    try (InputStream in = ShapeFiles.class.getResourceAsStream("shapes/" + name)) {
      if (in == null) {
        throw new UsageException("there is no file of shapes " + name);
      }
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
