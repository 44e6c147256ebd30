// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.limbeck.formats.BadInputException;

/**
 * A directory of jars that Maven fills: repositories, mirrors and proxies are those of the user's
 * own Maven settings.
 */
final class ArtifactFetcher {
  private static final String COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

  private final Path cache;
  private final String maven;

  /**
   * Makes a fetcher.
   *
   * @param cache the directory; it is created when the first jar comes
   * @param maven the program to run
   */
  ArtifactFetcher(Path cache, String maven) {
    this.cache = cache;
    this.maven = maven;
  }

  /** Returns the name of Maven's program on this system, which the PATH is to have. */
  static String maven() {
    boolean windows = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows");
    return windows ? "mvn.cmd" : "mvn";
  }

  /** Returns an artifact's jar if it was fetched before. */
  Optional<Path> cached(Artifact artifact) {
    return Optional.of(cache.resolve(artifact.fileName())).filter(Files::isRegularFile);
  }

  /**
   * Fetches an artifact. The jar appears in the cache whole or not at all.
   *
   * @param artifact what to fetch
   * @return the jar
   * @throws BadInputException if Maven is missing or cannot have it; the message says what to do
   */
  Path fetch(Artifact artifact) {
    Path directory = null;
    try {
      Files.createDirectories(cache);
      directory = Files.createTempDirectory(cache, ".fetch");
      runMaven(artifact, directory);
      Path fetched = directory.resolve(artifact.fileName());
      new ZipFile(fetched.toFile()).close();
      return Files.move(
          fetched,
          cache.resolve(artifact.fileName()),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (ZipException e) {
      throw cannot(artifact, "what came is no whole jar", e);
    } catch (IOException e) {
      throw BadInputException.writing(cache.resolve(artifact.fileName()), e);
    } finally {
      if (directory != null) {
        deleteTree(directory);
      }
    }
  }

  private void runMaven(Artifact artifact, Path directory) {
    List<String> command =
        List.of(
            maven,
            "-B",
            "-q",
            COPY,
            "-Dartifact=" + artifact.coordinates(),
            "-DoutputDirectory=" + directory.toAbsolutePath(),
            "-Dmdep.useBaseVersion=true");
    List<String> output = new ArrayList<>();
    int status;
    try {
      // In an empty directory: a project's own pom.xml has no say here.
      Process process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(nothing()))
              .start();
      try (InputStream in = process.getInputStream()) {
        new String(in.readAllBytes(), Charset.defaultCharset()).lines().forEach(output::add);
      }
      status = process.waitFor();
    } catch (IOException e) {
      throw cannot(artifact, "the program " + maven + " does not start", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw cannot(artifact, "interrupted", e);
    }
    if (status != 0 || !Files.isRegularFile(directory.resolve(artifact.fileName()))) {
      String error =
          output.stream()
              .filter(line -> line.contains("ERROR"))
              .findFirst()
              .orElse("no message")
              .replaceFirst("^.*ERROR\\S*\\s*", "");
      throw cannot(artifact, maven + " ended with status " + status + ": " + error, null);
    }
  }

  private static File nothing() {
    return new File(maven().equals("mvn") ? "/dev/null" : "NUL");
  }

  private static BadInputException cannot(Artifact artifact, String why, Throwable cause) {
    return new BadInputException(
        "the artifact "
            + artifact.coordinates()
            + " cannot be fetched ("
            + why
            + "): install Maven or connect it, or put "
            + artifact.fileName()
            + " into a directory and name that in LIMBECK_MODELS",
        cause);
  }

  private static void deleteTree(Path directory) {
    try (Stream<Path> files = Files.walk(directory)) {
      List<Path> deepestFirst =
          files.sorted(Comparator.reverseOrder()).collect(Collectors.toList());
      for (Path file : deepestFirst) {
        Files.deleteIfExists(file);
      }
    } catch (IOException ignored) {
      // A leftover hidden directory in a cache harms nobody; the fetch has its own result.
    }
  }
}
