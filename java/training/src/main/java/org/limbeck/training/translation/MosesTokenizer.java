// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * Cuts sentences into words and punctuation as the tokenizer of the Moses toolkit does, for German
 * and English.
 *
 * <p>Symbols stand alone, except apostrophe, hyphen, full stop and comma inside words and numbers;
 * English contractions lose what follows the apostrophe ({@code don 't}); a full stop stays with an
 * abbreviation and leaves the last word. Hyphens are not split and nothing is escaped. The
 * abbreviations are this project's own list.
 *
 * <p>Any other language gets German's rule for apostrophes (set apart) and no abbreviations.
 *
 * <p>Source: the behaviour of Moses' {@code tokenizer.perl} with {@code -no-escape}, which PET's
 * data preparation calls.
 */
public final class MosesTokenizer {
  private static final Set<String> ENGLISH =
      abbreviations(
          "Adm Asst Ave Bldg Blvd Brig Bros Capt Cmdr Co Col Corp Cpl Dept Dr Drs Esq Gen Gov Hon"
              + " Inc Jr Lt Ltd Maj Messrs Mme Mr Mrs Ms Prof Pvt Rep Rev Sen Sens Sgt Sr St"
              + " Supt etc e.g i.e v vs ca cf approx Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov"
              + " Dec Ph");

  private static final Set<String> GERMAN =
      abbreviations(
          "Abs Abt Adr Apr Art Aufl Aug Bd bzgl bzw ca Co d.h Dez Dipl Dr ebd etc ev evtl f Feb"
              + " ff Fr geb gem gest ggf Hbf Hr Hrn Ing insb inkl Jan Jh Jr Jul Jun Kap Mag Mio"
              + " Mr Mrs Mrd Nov o.g Okt Prof Sept sog Sr St Std Str u.a u.s.w usf usw u.U v.a vgl"
              + " z.B z.T zzgl St");

  /** Abbreviations before numbers only: "No. 5", but "He said no." */
  private static final Set<String> BEFORE_NUMBERS =
      Set.of("Abb", "Art", "Bd", "Kap", "No", "Nos", "Nr", "S", "Tab", "p", "pp", "vol", "Vol");

  private final boolean english;
  private final Set<String> abbreviations;
  private final boolean ordinals;

  /**
   * Makes a tokenizer.
   *
   * @param language the language's code, {@code de} or {@code en} with rules of their own
   */
  public MosesTokenizer(String language) {
    String code = language.toLowerCase(Locale.ROOT);
    english = code.equals("en");
    ordinals = code.equals("de");
    abbreviations = english ? ENGLISH : ordinals ? GERMAN : Set.of();
  }

  private static Set<String> abbreviations(String list) {
    return Set.of(Arrays.stream(list.split(" ")).distinct().toArray(String[]::new));
  }

  /**
   * Cuts a sentence.
   *
   * @param sentence the sentence
   * @return its words and punctuation marks, none empty
   */
  public List<String> tokenize(String sentence) {
    String text = apart(clean(sentence));
    text = english ? contractions(text) : text.replace("'", " ' ");
    List<String> words = words(text);
    List<String> tokens = new ArrayList<>(words.size() + 2);
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      String next = i + 1 < words.size() ? words.get(i + 1) : null;
      int last = word.length() - 1;
      if (last > 0 && word.charAt(last) == '.' && word.charAt(last - 1) != '.') {
        String before = word.substring(0, last);
        if (next == null || !keepsStop(before, next)) {
          tokens.add(before);
          tokens.add(".");
          continue;
        }
      }
      tokens.add(word);
    }
    splitQuotedStop(tokens);
    return tokens;
  }

  /** Turns white space into single spaces and drops control characters. */
  private static String clean(String sentence) {
    StringBuilder out = new StringBuilder(sentence.length());
    for (int i = 0; i < sentence.length(); i++) {
      char c = sentence.charAt(i);
      if (isSpace(c)) {
        if (out.length() > 0 && out.charAt(out.length() - 1) != ' ') {
          out.append(' ');
        }
      } else if (c >= ' ') {
        out.append(c);
      }
    }
    int length = out.length();
    return length > 0 && out.charAt(length - 1) == ' '
        ? out.substring(0, length - 1)
        : out.toString();
  }

  private static boolean isSpace(int c) {
    return Character.isWhitespace(c) && (c < 0x1C || c > 0x1F)
        || Character.isSpaceChar(c)
        || c == 0x85;
  }

  private static boolean isLetter(int c) {
    return Character.isAlphabetic(c);
  }

  /** Unicode's category N: decimal digits, letter numbers and others, such as fractions. */
  private static boolean isNumber(int c) {
    int type = Character.getType(c);
    return type == Character.DECIMAL_DIGIT_NUMBER
        || type == Character.LETTER_NUMBER
        || type == Character.OTHER_NUMBER;
  }

  /** Sets symbols, runs of full stops, and commas outside numbers apart. */
  private static String apart(String text) {
    int[] points = text.codePoints().toArray();
    StringBuilder out = new StringBuilder(2 * text.length());
    for (int i = 0; i < points.length; i++) {
      int c = points[i];
      if (c == '.' && i + 1 < points.length && points[i + 1] == '.') {
        out.append(' ');
        for (; i < points.length && points[i] == '.'; i++) {
          out.append('.');
        }
        i--;
        out.append(' ');
      } else if (c == ',') {
        boolean before = i == 0 || isNumber(points[i - 1]);
        boolean after = i + 1 < points.length && isNumber(points[i + 1]);
        out.append(before && after ? "," : " , ");
      } else if (".'`- ".indexOf(c) >= 0
          || isLetter(c)
          || Character.getType(c) == Character.DECIMAL_DIGIT_NUMBER) {
        out.appendCodePoint(c);
      } else {
        out.append(' ').appendCodePoint(c).append(' ');
      }
    }
    return out.toString();
  }

  private static String contractions(String text) {
    if (text.indexOf('\'') < 0) {
      return text;
    }
    IntPredicate letter = MosesTokenizer::isLetter;
    IntPredicate other = c -> !isLetter(c);
    String out = apostrophes(text.strip(), other, other, true);
    out = apostrophes(out, c -> !isLetter(c) && !isNumber(c), letter, true);
    out = apostrophes(out, letter, other, true);
    out = apostrophes(out, letter, letter, false);
    return apostrophes(out, MosesTokenizer::isNumber, c -> c == 's', false);
  }

  /**
   * Sets apostrophes between two kinds of characters apart, or apart from what is before them. A
   * character is the neighbour of one apostrophe only, the left one of two.
   */
  private static String apostrophes(
      String text, IntPredicate before, IntPredicate after, boolean bothSides) {
    int[] points = text.codePoints().toArray();
    StringBuilder out = new StringBuilder(text.length() + 8);
    int free = 0;
    for (int i = 0; i < points.length; i++) {
      if (points[i] == '\''
          && i - 1 >= free
          && i + 1 < points.length
          && before.test(points[i - 1])
          && after.test(points[i + 1])) {
        out.append(bothSides ? " ' " : " '").appendCodePoint(points[i + 1]);
        i++;
        free = i + 1;
      } else {
        out.appendCodePoint(points[i]);
      }
    }
    return out.toString();
  }

  /** Cuts at spaces. */
  static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    int from = -1;
    for (int i = 0; i <= text.length(); i++) {
      boolean end = i == text.length() || isSpace(text.charAt(i));
      if (end && from >= 0) {
        words.add(text.substring(from, i));
        from = -1;
      } else if (!end && from < 0) {
        from = i;
      }
    }
    return words;
  }

  /** Returns whether a word keeps its full stop before another word. */
  private boolean keepsStop(String word, String next) {
    boolean inside = word.indexOf('.') >= 0 && word.codePoints().anyMatch(c -> isLetter(c));
    char initial = word.length() == 1 ? word.charAt(0) : ' ';
    char first = next.charAt(0);
    boolean digit = first >= '0' && first <= '9';
    return inside
        || abbreviations.contains(word)
        || (english || ordinals) && initial >= 'A' && initial <= 'Z'
        || ordinals && initial >= 'a' && initial <= 'z'
        || ordinals && word.length() <= 2 && word.chars().allMatch(c -> c >= '0' && c <= '9')
        || Character.isLowerCase(next.codePointAt(0))
        || BEFORE_NUMBERS.contains(word) && digit;
  }

  /** Splits a full stop before the apostrophe that ends a sentence: {@code Hello.'}. */
  private static void splitQuotedStop(List<String> tokens) {
    if (tokens.isEmpty()) {
      return;
    }
    String last = tokens.get(tokens.size() - 1);
    if (last.endsWith(".'")) {
      tokens.remove(tokens.size() - 1);
      if (last.length() > 2) {
        tokens.add(last.substring(0, last.length() - 2));
      }
      tokens.add(".");
      tokens.add("'");
    }
  }
}
