// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.List;

/**
 * Cuts sentences into words as NIST's {@code mteval-v13a} does, sacreBLEU's default.
 *
 * <p>Four entities are turned into their characters. ASCII symbols stand alone, except apostrophe,
 * hyphen, comma and full stop; of these, comma and full stop stand alone unless between digits, and
 * a hyphen after a digit. Other characters, such as typographic quotation marks, stay in words.
 *
 * <p>Source: the behaviour of sacreBLEU's tokenizer 13a.
 */
final class Tokenizer13a {
  private Tokenizer13a() {}

  static List<String> tokenize(String sentence) {
    String text = sentence.replace("<skipped>", "").replace("-\n", "").replace('\n', ' ');
    if (text.indexOf('&') >= 0) {
      text =
          text.replace("&quot;", "\"")
              .replace("&amp;", "&")
              .replace("&lt;", "<")
              .replace("&gt;", ">");
    }
    StringBuilder symbols = new StringBuilder(2 * text.length() + 2).append(' ');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (isSymbol(c)) {
        symbols.append(' ').append(c).append(' ');
      } else {
        symbols.append(c);
      }
    }
    String out = stops(symbols.append(' ').toString(), true);
    out = stops(out, false);
    return MosesTokenizer.words(hyphens(out));
  }

  /** All printable ASCII that is no letter or digit, but for apostrophe, comma, hyphen, stop. */
  private static boolean isSymbol(char c) {
    return c >= ' ' && c <= '~' && !isAsciiLetter(c) && !isDigit(c) && "',-.".indexOf(c) < 0;
  }

  private static boolean isAsciiLetter(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  /**
   * Sets commas and full stops apart whose neighbour, on the left or on the right, is no digit. Two
   * at a time are taken together with their neighbour, from the left: a stop that was the neighbour
   * of one is not looked at again.
   */
  private static String stops(String text, boolean leftNeighbour) {
    StringBuilder out = new StringBuilder(text.length() + 16);
    int i = 0;
    while (i < text.length()) {
      char c = text.charAt(i);
      char next = i + 1 < text.length() ? text.charAt(i + 1) : '0';
      boolean pair = i + 1 < text.length();
      if (pair && leftNeighbour && !isDigit(c) && isStop(next)) {
        out.append(c).append(' ').append(next).append(' ');
        i += 2;
      } else if (pair && !leftNeighbour && isStop(c) && !isDigit(next)) {
        out.append(' ').append(c).append(' ').append(next);
        i += 2;
      } else {
        out.append(c);
        i++;
      }
    }
    return out.toString();
  }

  private static boolean isStop(char c) {
    return c == '.' || c == ',';
  }

  private static String hyphens(String text) {
    StringBuilder out = new StringBuilder(text.length() + 8);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '-' && i > 0 && isDigit(text.charAt(i - 1))) {
        out.append(" - ");
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }
}
