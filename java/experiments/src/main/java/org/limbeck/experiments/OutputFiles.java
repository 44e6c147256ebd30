// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Writes files that are whole or not there: beside the target, synced, then renamed. */
final class OutputFiles {
  private OutputFiles() {}

  /**
   * Writes a text file, replacing one of the same name.
   *
   * @param target the file
   * @param text its content
   * @throws BadInputException if it cannot be written; an earlier file is then untouched
   */
  static void write(Path target, String text) {
    Path directory = target.toAbsolutePath().getParent();
    Path beside = null;
    try {
      beside = Files.createTempFile(directory, "." + target.getFileName(), ".part");
      try (FileChannel channel = FileChannel.open(beside, StandardOpenOption.WRITE)) {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(
          beside, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      delete(beside);
      throw new BadInputException(target + ": the file cannot be written: " + e, e);
    }
  }

  private static void delete(Path beside) {
    if (beside != null) {
      try {
        Files.deleteIfExists(beside);
      } catch (IOException ignored) {
        // The first failure is the one to report; what is left is a hidden file ending in .part.
      }
    }
  }
}
