// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.limbeck.formats.BadInputException;

/** Entries of a jar, read where they lie, without unpacking them to disk. */
final class JarFiles {
  private JarFiles() {}

  /** Opens a jar. */
  static ZipFile open(Path jar) {
    try {
      return new ZipFile(jar.toFile());
    } catch (IOException e) {
      throw BadInputException.reading(jar, e);
    }
  }

  /**
   * Returns the first file in a jar whose name passes.
   *
   * @param jar the jar's name, for messages
   * @param what what the entry is, for messages
   * @throws BadInputException if there is none
   */
  static ZipEntry entry(Path jar, ZipFile zip, String what, Predicate<String> name) {
    return zip.stream()
        .filter(entry -> !entry.isDirectory() && name.test(entry.getName()))
        .findFirst()
        .map(ZipEntry.class::cast)
        .orElseThrow(() -> new BadInputException(jar + " holds no " + what + ", expected one"));
  }

  /** Returns the bytes of an entry; its end is reached only if its checksum is right. */
  static InputStream stream(ZipFile zip, ZipEntry entry) throws IOException {
    return new Checked(zip.getInputStream(entry), entry);
  }

  /** Returns an entry as text in UTF-8. */
  static String text(Path jar, ZipFile zip, ZipEntry entry) {
    try (InputStream in = stream(zip, entry)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw BadInputException.reading(jar, e);
    }
  }

  /** Compares the checksum at the end, which {@link ZipFile} leaves to its caller. */
  private static final class Checked extends FilterInputStream {
    private final CRC32 crc = new CRC32();
    private final ZipEntry entry;

    Checked(InputStream in, ZipEntry entry) {
      super(in);
      this.entry = entry;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      int count = super.read(bytes, offset, length);
      if (count > 0) {
        crc.update(bytes, offset, count);
      } else if (count < 0 && entry.getCrc() != -1 && entry.getCrc() != crc.getValue()) {
        throw new IOException("its entry " + entry.getName() + " is damaged (wrong checksum)");
      }
      return count;
    }

    @Override
    public long skip(long count) throws IOException {
      // Through read, so that skipped bytes count for the checksum.
      byte[] sink = new byte[1 << 16];
      long left = count;
      while (left > 0) {
        int read = read(sink, 0, (int) Math.min(sink.length, left));
        if (read < 0) {
          break;
        }
        left -= read;
      }
      return count - left;
    }

    @Override
    public boolean markSupported() {
      return false;
    }
  }
}
