// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MosesTokenizerTest {
  private static String tokens(String language, String text) {
    return String.join(" ", new MosesTokenizer(language).tokenize(text));
  }

  /** Sentences and tokens of the tests of sacremoses, the port of Moses' tokenizer to Python. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "This, is a sentence with weird\u00bb symbols\u2026 appearing everywhere\u00bf"
            + "|This , is a sentence with weird \u00bb symbols \u2026 appearing everywhere \u00bf",
        "abc def.|abc def .",
        "2016, pp.|2016 , pp .",
        "This ain't funny. It's actually hillarious, yet double Ls. [] < > [ ] & You're gonna"
            + " shake it off? Don't?"
            + "|This ain 't funny . It 's actually hillarious , yet double Ls . [ ] < > [ ] & You"
            + " 're gonna shake it off ? Don 't ?",
        "'Hello.'|'Hello . '",
        "The meeting will take place at 11:00 a.m. Tuesday."
            + "|The meeting will take place at 11 : 00 a.m. Tuesday .",
      })
  void publishedExamplesInEnglish(String text, String expected) {
    assertEquals(expected, tokens("en", text));
  }

  /** Expected are the tokens that Moses' own script gives. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "...schwer wie ein iPhone 5.|... schwer wie ein iPhone 5 .",
        "Am 3. Mai kam Dr. Weiß, z.B. um 5,5 Uhr.|Am 3. Mai kam Dr. Weiß , z.B. um 5,5 Uhr .",
        "Er sagte: \u201eWie geht's?\u201c|Er sagte : \u201e Wie geht ' s ? \u201c",
        "Ein Schwarz-Weiß-Foto, 20 km.|Ein Schwarz-Weiß-Foto , 20 km .",
        "Also.. ja|Also .. ja",
        "5,,5 und ,5|5 , , 5 und , 5",
      })
  void german(String text, String expected) {
    assertEquals(expected, tokens("de", text));
  }

  @Test
  void apostrophesInEnglish() {
    assertEquals(
        "the 1990 's , the dogs ' and rock ' n ' roll",
        tokens("en", "the 1990's, the dogs' and rock 'n' roll"));
    assertEquals("don 't", tokens("en", "don't"));
    assertEquals("1 ' 2'3", tokens("en", "1'2'3"));
  }

  @Test
  void whiteSpaceAndControlCharacters() {
    assertEquals("a b c", tokens("en", " a\u00a0\tb \u0007 c\u2028"));
    assertEquals("", tokens("en", "  "));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "en|He said : \" I don 't know ( yet ) , but $ 5 is it . \""
            + "|He said: \"I don't know (yet), but $5 is it.\"",
        "en|the Jones ' house|the Jones' house",
        "en|This ain 't funny . It 's actually hillarious , yet double Ls . | This ain't funny."
            + " It's actually hillarious, yet double Ls.",
        "de|Er sagte : \u201e So ist es ! \u201c|Er sagte: \u201eSo ist es!\u201c",
      })
  void sentencesOfTokens(String language, String tokens, String expected) {
    assertEquals(
        expected.strip(),
        new MosesDetokenizer(language).detokenize(Arrays.asList(tokens.strip().split(" "))));
  }

  @Test
  void noCharacterComesOrGoes() {
    Random random = new Random(7);
    String characters = "ab AB19.,'-()\"?\u00e4\u201e ";
    for (int i = 0; i < 3000; i++) {
      StringBuilder text = new StringBuilder();
      for (int k = random.nextInt(20); k >= 0; k--) {
        text.append(characters.charAt(random.nextInt(characters.length())));
      }
      String joined = String.join("", new MosesTokenizer("de").tokenize(text.toString()));
      assertEquals(
          text.toString().replaceAll("\\s", ""), joined, "no character comes or goes: " + text);
    }
    List<String> words = new TextForm("de", true, true).words("Das Haus, Über.");
    assertEquals(List.of("das", "haus", ",", "über", "."), words);
    assertEquals("das haus, über.", new TextForm("de", true, true).sentence(words));
  }
}
