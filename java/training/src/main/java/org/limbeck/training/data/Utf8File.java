// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.limbeck.formats.BadInputException;

/** Reads text files that must be UTF-8, and cuts them into lines at line feeds alone. */
public final class Utf8File {
  private static final char BYTE_ORDER_MARK = '\uFEFF';

  private Utf8File() {}

  /**
   * Returns the text of a file without its byte order mark.
   *
   * @param file the file
   * @param expected what should be in it, for messages
   * @return its text
   * @throws BadInputException if it is missing, cannot be read, or is not UTF-8; the message names
   *     file and line
   */
  public static String read(Path file, String expected) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new BadInputException("No file " + file + ": expected " + expected, e);
    } catch (IOException e) {
      throw new BadInputException("Cannot read " + file + " (" + e + "): expected " + expected, e);
    }
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length);
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      int line = 1;
      for (int i = 0; i < in.position(); i++) {
        line += bytes[i] == '\n' ? 1 : 0;
      }
      throw new BadInputException(
          file + ", line " + line + ": bytes that are no text in UTF-8: expected a file in UTF-8");
    }
    out.flip();
    if (out.hasRemaining() && out.get(0) == BYTE_ORDER_MARK) {
      out.get();
    }
    return out.toString();
  }

  /**
   * Cuts a text into lines, at line feeds only: sentences hold other characters that Java takes for
   * line ends.
   *
   * @param text the text
   * @return the lines without line feed and without a carriage return before it; none is added
   *     behind a last line feed
   */
  public static List<String> lines(String text) {
    List<String> lines = new ArrayList<>();
    for (int from = 0; from < text.length(); ) {
      int feed = text.indexOf('\n', from);
      int to = feed < 0 ? text.length() : feed;
      int content = to > from && text.charAt(to - 1) == '\r' ? to - 1 : to;
      lines.add(text.substring(from, content));
      from = to + 1;
    }
    return lines;
  }
}
