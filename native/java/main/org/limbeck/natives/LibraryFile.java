// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;

/**
 * Puts a library from a jar into a file, so that it can be loaded: into a directory that nobody
 * else may enter, under its hash. A file that is there already is used if its content has that
 * hash. A new one is written beside, synced and renamed, so that processes that start at the same
 * time see a whole file or none.
 */
final class LibraryFile {
  private static final boolean POSIX =
      FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");
  private static final FileAttribute<?>[] PRIVATE_ATTRIBUTES =
      POSIX
          ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PRIVATE)}
          : new FileAttribute<?>[0];

  private LibraryFile() {}

  /**
   * Returns a file with the content of the library.
   *
   * @param name the name of the file
   * @param bytes its content
   * @param sha256 the hash of the content in hexadecimal digits
   * @param cache the directory below which it goes, or empty for the user's cache
   * @throws UnavailableException if the content has another hash, or no directory will have it
   */
  static Path extract(String name, byte[] bytes, String sha256, String cache)
      throws UnavailableException {
    if (!sha256(bytes).equalsIgnoreCase(sha256)) {
      throw new UnavailableException(
          "the library in this artifact has the hash " + sha256(bytes) + ", expected " + sha256,
          "get the artifact anew");
    }
    if (!cache.isEmpty()) {
      try {
        return extractInto(Path.of(cache).resolve("native"), name, bytes, sha256);
      } catch (IOException e) {
        throw failure(cache, e);
      }
    }
    try {
      return extractInto(usersCache().resolve("native"), name, bytes, sha256);
    } catch (IOException inCache) {
      // No home, or one that is read-only: a directory for this process alone.
      try {
        Path temporary = Files.createTempDirectory("limbeck-native", PRIVATE_ATTRIBUTES);
        temporary.toFile().deleteOnExit();
        Path file = extractInto(temporary, name, bytes, sha256);
        file.getParent().toFile().deleteOnExit();
        file.toFile().deleteOnExit();
        return file;
      } catch (IOException e) {
        e.addSuppressed(inCache);
        throw failure(System.getProperty("java.io.tmpdir"), e);
      }
    }
  }

  private static UnavailableException failure(String directory, IOException e) {
    return new UnavailableException(
        "the library cannot be extracted into " + directory + ": " + e,
        "name a directory of your own with -D" + NativeProvider.CACHE_PROPERTY);
  }

  private static Path usersCache() {
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base =
        xdg == null || xdg.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(xdg);
    return base.resolve("limbeck");
  }

  private static Path extractInto(Path given, String name, byte[] bytes, String sha256)
      throws IOException {
    Path base = given.toAbsolutePath();
    Files.createDirectories(base);
    Path directory = base.resolve(sha256.substring(0, 16));
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      try {
        Files.createDirectory(directory, PRIVATE_ATTRIBUTES);
      } catch (FileAlreadyExistsException e) {
        // Another process was faster; what it made is checked like any other.
      }
    }
    requirePrivate(directory);
    Path file = directory.resolve(name);
    if (hasContent(file, sha256)) {
      return file;
    }
    Path beside = Files.createTempFile(directory, name, ".part", PRIVATE_ATTRIBUTES);
    try {
      write(beside, bytes);
      try {
        Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(beside, file, StandardCopyOption.REPLACE_EXISTING);
      }
    } finally {
      Files.deleteIfExists(beside);
    }
    if (!hasContent(file, sha256)) {
      throw new IOException(file + " does not have the content that was written");
    }
    return file;
  }

  private static void write(Path file, byte[] bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      channel.force(true);
    }
  }

  private static boolean hasContent(Path file, String sha256) throws IOException {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && sha256(Files.readAllBytes(file)).equalsIgnoreCase(sha256);
  }

  /** Somebody who can write there could put code into this process. */
  private static void requirePrivate(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(directory + " is not a directory");
    }
    if (!POSIX) {
      return;
    }
    Set<PosixFilePermission> given =
        Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS);
    if (!PRIVATE.containsAll(given)) {
      throw new IOException(
          directory + " is open to others: " + PosixFilePermissions.toString(given));
    }
    Path probe = Files.createTempFile(directory, "owner", ".part", PRIVATE_ATTRIBUTES);
    try {
      if (!Files.getOwner(probe).equals(Files.getOwner(directory, LinkOption.NOFOLLOW_LINKS))) {
        throw new IOException(directory + " belongs to somebody else");
      }
    } finally {
      Files.deleteIfExists(probe);
    }
  }

  /** Returns the SHA-256 of bytes in hexadecimal digits. */
  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
