// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Writes files that are whole or not there: beside the target in the same directory, synced, then
 * renamed over it. A reader sees the earlier file or the new one, also after a crash.
 */
public final class AtomicFiles {
  private AtomicFiles() {}

  /** What a file is to hold, written to its channel. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes everything.
     *
     * @param channel an empty file, positioned at its beginning
     * @throws IOException if a write fails; the target then stays as it was
     */
    void writeTo(FileChannel channel) throws IOException;
  }

  /**
   * Writes a text file in UTF-8, replacing one of the same name.
   *
   * @param target the file
   * @param text its content
   * @throws BadInputException if it cannot be written; an earlier file is then untouched
   */
  public static void write(Path target, String text) {
    write(target, text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Writes a file, replacing one of the same name.
   *
   * @param target the file
   * @param bytes its content
   * @throws BadInputException if it cannot be written; an earlier file is then untouched
   */
  public static void write(Path target, byte[] bytes) {
    write(target, channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
  }

  /**
   * Writes a file, replacing one of the same name. A symbolic link is followed. What is no regular
   * file ({@code /dev/stdout}, a named pipe) is written directly, since nothing can be renamed over
   * it.
   *
   * @param target the file, in an existing directory
   * @param content writes what the file is to hold; an exception of its own passes through
   * @throws BadInputException if the file cannot be written: no such directory, no permission, a
   *     full disk; an earlier file is then untouched
   */
  public static void write(Path target, Content content) {
    try {
      if (Files.isDirectory(target)) {
        throw new FileSystemException(target.toString(), null, "it is a directory");
      }
      if (Files.exists(target) && !Files.isRegularFile(target)) {
        try (FileChannel channel = FileChannel.open(target, StandardOpenOption.WRITE)) {
          content.writeTo(channel);
        }
        return;
      }
      replace(Files.exists(target) ? target.toRealPath() : target.toAbsolutePath(), content);
    } catch (IOException e) {
      throw BadInputException.writing(target, e);
    }
  }

  /**
   * Writes all remaining bytes of a buffer.
   *
   * @param channel where to
   * @param bytes what; at its limit afterwards
   * @throws IOException if a write fails
   */
  public static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static void replace(Path target, Content content) throws IOException {
    Path directory = target.getParent();
    if (!Files.exists(directory)) {
      throw new NoSuchFileException(directory.toString());
    }
    Path beside = null;
    boolean done = false;
    try {
      beside = unusedName(directory, target.getFileName().toString());
      // Not Files.createTempFile: its files can be read by their owner only, and stay so renamed.
      try (FileChannel channel =
          FileChannel.open(beside, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeTo(channel);
        channel.force(true);
      }
      Files.move(
          beside, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      done = true;
    } catch (FileAlreadyExistsException e) {
      // Another process took the name between the check and the creation: the file is its own.
      beside = null;
      throw e;
    } finally {
      if (!done && beside != null) {
        delete(beside);
      }
    }
    syncDirectory(directory);
  }

  private static Path unusedName(Path directory, String name) {
    Path beside;
    do {
      String unique = Long.toUnsignedString(ThreadLocalRandom.current().nextLong(), 36);
      beside = directory.resolve("." + name + "." + unique + ".part");
    } while (Files.exists(beside));
    return beside;
  }

  private static void delete(Path beside) {
    try {
      Files.deleteIfExists(beside);
    } catch (IOException ignored) {
      // The first failure is the one to report; what is left is a hidden file ending in .part.
    }
  }

  /** Makes the new name durable, where the file system can. */
  private static void syncDirectory(Path directory) {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException ignored) {
      // Some systems cannot open or sync directories; the file itself is synced and in its place.
    }
  }
}
