// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;

/**
 * Joins words and punctuation to a sentence as the detokenizer of the Moses toolkit does, for
 * German and English.
 *
 * <p>Punctuation joins the word before it, opening brackets and currency signs the word after,
 * English contractions the word before, and quotation marks alternate between the word after and
 * the word before.
 *
 * <p>Source: the behaviour of Moses' {@code detokenizer.perl}, without its rules for escapes and
 * for languages other than these two.
 */
public final class MosesDetokenizer {
  private static final String OPENING = "([{\u00BF\u00A1";
  private static final String CLOSING = ",.?!:;\\%}])";
  private static final String QUOTES = "'\"\u201E\u201C`";
  private static final String DOUBLE_QUOTES = "\u201E\u201C\u201D";

  private final boolean english;

  /**
   * Makes a detokenizer.
   *
   * @param language the language's code; English ({@code en}) has rules of its own
   */
  public MosesDetokenizer(String language) {
    english = language.toLowerCase(Locale.ROOT).equals("en");
  }

  private static boolean all(String token, IntPredicate kind) {
    return !token.isEmpty() && token.codePoints().allMatch(kind);
  }

  /**
   * Joins tokens.
   *
   * @param tokens words and punctuation marks
   * @return the sentence
   */
  public String detokenize(List<String> tokens) {
    StringBuilder out = new StringBuilder();
    Map<String, Integer> quotes = new HashMap<>();
    boolean space = false;
    for (int i = 0; i < tokens.size(); i++) {
      String token = tokens.get(i);
      String before = i > 0 ? tokens.get(i - 1) : "";
      boolean joinLeft = false;
      boolean joinRight = false;
      if (all(token, c -> isCurrency(c) || OPENING.indexOf(c) >= 0)) {
        joinRight = true;
      } else if (all(token, c -> CLOSING.indexOf(c) >= 0)) {
        joinLeft = true;
      } else if (english && isContraction(token, before)) {
        joinLeft = true;
      } else if (all(token, c -> QUOTES.indexOf(c) >= 0)) {
        String kind = all(token, c -> DOUBLE_QUOTES.indexOf(c) >= 0) ? "\"" : token;
        boolean opens = quotes.getOrDefault(kind, 0) % 2 == 0;
        if (opens && english && token.equals("'") && before.endsWith("s")) {
          // The possessive of a plural: it opens nothing.
          joinLeft = true;
        } else {
          joinRight = opens;
          joinLeft = !opens;
          quotes.merge(kind, 1, Integer::sum);
        }
      }
      if (space && !joinLeft) {
        out.append(' ');
      }
      out.append(token);
      space = !joinRight;
    }
    return out.toString();
  }

  private static boolean isCurrency(int c) {
    return Character.getType(c) == Character.CURRENCY_SYMBOL;
  }

  private static boolean isContraction(String token, String before) {
    return token.length() > 1
        && token.charAt(0) == '\''
        && Character.isAlphabetic(token.codePointAt(1))
        && !before.isEmpty()
        && Character.isLetterOrDigit(before.codePointBefore(before.length()));
  }
}
