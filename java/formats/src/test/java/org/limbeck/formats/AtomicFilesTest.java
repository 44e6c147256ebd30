// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir private Path directory;

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).collect(Collectors.toList());
    }
  }

  @Test
  void writesAndReplaces() throws IOException {
    Path file = directory.resolve("report.json");
    AtomicFiles.write(file, "first, and longer");
    AtomicFiles.write(file, "zweite Fassung: ä");
    assertEquals("zweite Fassung: ä", Files.readString(file));
    assertEquals(List.of("report.json"), names());
  }

  @Test
  void theFileHasTheRightsOfAnyOtherNewFile() throws IOException {
    Path file = directory.resolve("a");
    Path ordinary = Files.createFile(directory.resolve("b"));
    AtomicFiles.write(file, "x");
    assertEquals(Files.getPosixFilePermissions(ordinary), Files.getPosixFilePermissions(file));
  }

  @Test
  void aFullDiskLeavesTheEarlierFileAndNothingElse() throws IOException {
    Path file = directory.resolve("model.safetensors");
    AtomicFiles.write(file, "earlier");
    AtomicFiles.Content full =
        channel -> {
          channel.write(ByteBuffer.wrap(new byte[1000]));
          throw new IOException("No space left on device");
        };
    BadInputException e =
        assertThrows(BadInputException.class, () -> AtomicFiles.write(file, full));
    assertEquals(file + ": the file cannot be written: No space left on device", e.getMessage());
    assertEquals("earlier", Files.readString(file));
    assertEquals(List.of("model.safetensors"), names());
  }

  @Test
  void anExceptionOfTheContentPassesThrough() throws IOException {
    IllegalStateException thrown = new IllegalStateException("a matrix on a device");
    AtomicFiles.Content failing =
        channel -> {
          throw thrown;
        };
    assertSame(
        thrown,
        assertThrows(
            IllegalStateException.class, () -> AtomicFiles.write(directory.resolve("x"), failing)));
    assertEquals(List.of(), names());
  }

  @Test
  void whatCannotBeWrittenIsNamed() throws IOException {
    Path missing = directory.resolve("none").resolve("x.csv");
    BadInputException e =
        assertThrows(BadInputException.class, () -> AtomicFiles.write(missing, "x"));
    assertEquals(
        missing + ": the file cannot be written: " + missing.getParent() + " does not exist",
        e.getMessage());

    Path file = Files.createFile(directory.resolve("file"));
    Path below = file.resolve("x.csv");
    e = assertThrows(BadInputException.class, () -> AtomicFiles.write(below, "x"));
    assertTrue(e.getMessage().startsWith(below + ": the file cannot be written: "), e.getMessage());

    e = assertThrows(BadInputException.class, () -> AtomicFiles.write(directory, "x"));
    assertEquals(directory + ": the file cannot be written: it is a directory", e.getMessage());
  }

  @Test
  void aLinkIsFollowed() throws IOException {
    Path file = directory.resolve("file");
    AtomicFiles.write(file, "earlier");
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    AtomicFiles.write(link, "later");
    assertTrue(Files.isSymbolicLink(link));
    assertEquals("later", Files.readString(file));
  }

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "/dev/full is Linux's")
  void aDeviceIsWrittenDirectly() {
    Path full = Path.of("/dev/full");
    BadInputException e = assertThrows(BadInputException.class, () -> AtomicFiles.write(full, "x"));
    assertEquals("/dev/full: the file cannot be written: No space left on device", e.getMessage());
    assertFalse(Files.isRegularFile(full));
  }
}
