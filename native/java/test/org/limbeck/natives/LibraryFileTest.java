// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a library gets into a file. */
class LibraryFileTest {
  private static final byte[] CONTENT = new byte[100_000];

  static {
    for (int i = 0; i < CONTENT.length; i++) {
      CONTENT[i] = (byte) (i * 31);
    }
  }

  private static final String HASH = LibraryFile.sha256(CONTENT);

  @TempDir Path directory;

  private Path extract() throws UnavailableException {
    return LibraryFile.extract("library.so", CONTENT, HASH, directory.toString());
  }

  private static void assumePosix() {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("posix"),
        "this file system has no POSIX permissions");
  }

  @Test
  void knownAnswer() {
    assertEquals(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        LibraryFile.sha256(new byte[] {'a', 'b', 'c'}));
  }

  @Test
  void theFileHasTheContentAndIsPrivate() throws Exception {
    Path file = extract();
    assertArrayEquals(CONTENT, Files.readAllBytes(file));
    assumePosix();
    String given = PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent()));
    assertEquals("rwx------", given);
    assertTrue(
        PosixFilePermissions.toString(Files.getPosixFilePermissions(file)).endsWith("------"));
  }

  @Test
  void aFileThatIsThereIsUsedAgain() throws Exception {
    Path file = extract();
    FileTime past = FileTime.fromMillis(1_000_000);
    Files.setLastModifiedTime(file, past);
    assertEquals(file, extract());
    assertEquals(past, Files.getLastModifiedTime(file));
  }

  @Test
  void aFileWithOtherContentIsReplaced() throws Exception {
    Path file = extract();
    Files.write(file, new byte[] {1, 2, 3});
    assertEquals(file, extract());
    assertArrayEquals(CONTENT, Files.readAllBytes(file));
    assertOnlyTheFile(file);
  }

  private static void assertOnlyTheFile(Path file) throws IOException {
    try (Stream<Path> files = Files.list(file.getParent())) {
      assertEquals(List.of(file), files.toList());
    }
  }

  @Test
  void contentWithAnotherHashIsRefused() {
    byte[] other = CONTENT.clone();
    other[5]++;
    var e =
        assertThrows(
            UnavailableException.class,
            () -> LibraryFile.extract("library.so", other, HASH, directory.toString()));
    assertTrue(e.getMessage().contains("expected " + HASH), e.getMessage());
  }

  @Test
  void aDirectoryThatIsOpenToOthersIsRefused() throws Exception {
    assumePosix();
    Path parent = extract().getParent();
    Files.setPosixFilePermissions(parent, PosixFilePermissions.fromString("rwxrwx---"));
    var e = assertThrows(UnavailableException.class, this::extract);
    assertTrue(e.getMessage().contains("is open to others: rwxrwx---"), e.getMessage());
  }

  @Test
  void aDirectoryThatIsALinkIsRefused() throws Exception {
    assumePosix();
    Path parent = extract().getParent();
    Path elsewhere = directory.resolve("elsewhere");
    Files.move(parent, elsewhere);
    Files.createSymbolicLink(parent, elsewhere);
    var e = assertThrows(UnavailableException.class, this::extract);
    assertTrue(e.getMessage().contains("is not a directory"), e.getMessage());
  }

  @Test
  void aDirectoryThatCannotBeMadeIsRefused() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    var e =
        assertThrows(
            UnavailableException.class,
            () -> LibraryFile.extract("library.so", CONTENT, HASH, file.toString()));
    assertTrue(e.getMessage().contains("cannot be extracted into " + file), e.getMessage());
    assertTrue(e.remedy().contains("limbeck.cache"), e.remedy());
  }

  @Test
  void manyAtATimeSeeAWholeFile() throws Exception {
    int threads = 8;
    CountDownLatch start = new CountDownLatch(threads);
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      List<Future<byte[]>> results = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        results.add(
            executor.submit(
                () -> {
                  start.countDown();
                  start.await();
                  return Files.readAllBytes(extract());
                }));
      }
      for (Future<byte[]> result : results) {
        assertArrayEquals(CONTENT, result.get());
      }
    } finally {
      executor.shutdownNow();
    }
    assertOnlyTheFile(extract());
  }
}
