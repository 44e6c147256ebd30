// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;

class LanguageToolCorpusTest {
  private static final Dataset DATA = LanguageToolCorpus.read();

  private static List<Example> all() {
    return Stream.of(DATA.train(), DATA.dev(), DATA.test()).flatMap(List::stream).toList();
  }

  @Test
  void countsAndBalance() {
    // Of version 6.8 of the artifact.
    assertEquals(18_105, DATA.train().size());
    assertEquals(2_099, DATA.dev().size());
    assertEquals(2_302, DATA.test().size());
    for (List<Example> split : List.of(DATA.train(), DATA.dev(), DATA.test())) {
      double acceptable = split.stream().mapToDouble(Example::label).average().orElseThrow();
      assertEquals(0.69, acceptable, 0.01);
    }
  }

  /** Neither in two splits nor with both labels, for a reader who sees no case. */
  @Test
  void noSentenceTwice() {
    Set<String> seen = new HashSet<>();
    for (Example example : all()) {
      assertTrue(seen.add(example.textA().toLowerCase(Locale.ROOT)), example.textA());
    }
  }

  @Test
  void lengthsAndLabels() {
    for (Example example : all()) {
      int words = example.textA().split(" ").length;
      assertTrue(words >= 4 && words <= 40, example.textA());
      assertTrue(example.label() == 0 || example.label() == 1);
      assertEquals(null, example.textB());
    }
  }

  @Test
  void anErrorAndItsFirstCorrection() {
    List<Example> all = all();
    assertTrue(all.contains(new Example("Please improved the code.", null, 0)));
    assertTrue(all.contains(new Example("Please improve the code.", null, 1)));
  }

  @Test
  void sameSentencesInTheSameOrder() {
    assertEquals(DATA, LanguageToolCorpus.read());
  }

  private static List<String> examples(String prolog, String rules) throws IOException {
    String xml = prolog + "\n<rules>\n" + rules + "\n</rules>";
    List<String> found = new ArrayList<>();
    LanguageToolCorpus.parse(
        new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)),
        "rules.xml",
        (rule, sentence, label) -> found.add(rule + " " + label + " " + sentence));
    return found;
  }

  @Test
  void whichExamplesCount() throws IOException {
    String group =
        """
        <category id="GRAMMAR"><rulegroup id="G"><antipattern><example>no</example></antipattern>
        <rule><pattern><marker><token>x</token></marker></pattern>
        <example correction="b&amp;&e;|c">1 <marker>a</marker> 2</example>
        <example correction="">3 <marker>a</marker></example><example>4</example>
        <example type="triggers_error">no</example></rule>
        <rule default="temp_off"><example>no</example></rule></rulegroup>
        <rule id="R"><example>5</example></rule><rule id="O" default="off"><example>no</example></rule>
        </category>
        <category id="STYLE"><rule id="S"><example>no</example></rule></category>
        <category id="TYPOS" default="off"><rule id="T"><example>no</example></rule></category>
        """;
    assertEquals(
        List.of("G 0 1 a 2", "G 1 1 b&entity 2", "G 0 3 a", "G 1 4", "R 1 5"),
        examples("<!DOCTYPE rules [<!ENTITY e 'entity'>]>", group));
  }

  @Test
  void nothingIsFetchedAndErrorsNameTheLine(@TempDir Path directory) throws IOException {
    Path secret = Files.writeString(directory.resolve("secret"), "secret");
    String example =
        "<category id='GRAMMAR'><rule id='R'><example>a &e;</example></rule></category>";
    List<String> found =
        examples("<!DOCTYPE rules [<!ENTITY e SYSTEM '" + secret.toUri() + "'>]>", example);
    assertEquals(List.of("R 1 a "), found);
    assertEquals(
        List.of("R 1 a b"),
        examples("<!DOCTYPE rules SYSTEM 'http://localhost:9/x.dtd' [<!ENTITY e 'b'>]>", example));
    assertTrue(
        assertThrows(BadInputException.class, () -> examples("", "<category></rule>"))
            .getMessage()
            .startsWith("rules.xml, line 3: "));
    assertTrue(
        assertThrows(
                BadInputException.class,
                () -> examples("", "<category id='TYPOS'><example>a</example></category>"))
            .getMessage()
            .startsWith("rules.xml, line 3: an example outside of a rule"));
  }
}
