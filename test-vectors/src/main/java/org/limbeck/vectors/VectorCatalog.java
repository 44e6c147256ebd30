// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Where vector files are found: built into this artifact, or in a directory. */
public final class VectorCatalog {
  /** The list of built-in files with their hashes. */
  static final String INDEX = "SHA256SUMS";

  private static final String ROOT = "/limbeck-vectors/";

  private VectorCatalog() {}

  /**
   * Reads the vectors that travel with this artifact.
   *
   * @return the files in alphabetical order
   */
  public static List<VectorFile> builtIn() {
    List<VectorFile> files = new ArrayList<>();
    for (String line : new String(resource(INDEX), StandardCharsets.UTF_8).lines().toList()) {
      String name = line.substring(line.lastIndexOf(' ') + 1);
      if (name.endsWith(".json")) {
        String folder = name.substring(0, name.lastIndexOf('/') + 1);
        files.add(VectorFile.parse(name, resource(name), payload -> resource(folder + payload)));
      }
    }
    return List.copyOf(files);
  }

  private static byte[] resource(String name) {
    try (InputStream in = VectorCatalog.class.getResourceAsStream(ROOT + name)) {
      if (in == null) {
        throw new VectorFormatException(name + ": the built-in file is missing");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads all vector files ({@code *.json}) below a directory.
   *
   * @param directory the directory
   * @return the files in alphabetical order of their paths
   * @throws VectorFormatException if the directory cannot be read, holds none, or holds a malformed
   *     one
   */
  public static List<VectorFile> in(Path directory) {
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(directory)) {
      paths =
          walk.filter(path -> isVectorFile(path.getFileName().toString()))
              .filter(Files::isRegularFile)
              .sorted()
              .toList();
    } catch (IOException | UncheckedIOException e) {
      throw new VectorFormatException(directory + ": the directory cannot be read", e);
    }
    if (paths.isEmpty()) {
      throw new VectorFormatException(directory + ": holds no vector file (*.json)");
    }
    return paths.stream()
        .map(
            path ->
                VectorFile.parse(
                    directory.relativize(path).toString(),
                    read(path),
                    payload -> read(sibling(path, payload))))
        .toList();
  }

  private static boolean isVectorFile(String name) {
    return name.endsWith(".json") && !name.endsWith(".schema.json");
  }

  private static Path sibling(Path path, String payload) {
    try {
      return path.resolveSibling(payload);
    } catch (InvalidPathException e) {
      throw new VectorFormatException(path + ": the payload's name is not a file name", e);
    }
  }

  private static byte[] read(Path path) {
    try {
      return Files.readAllBytes(path);
    } catch (IOException e) {
      throw new VectorFormatException(path + ": the file cannot be read", e);
    }
  }
}
