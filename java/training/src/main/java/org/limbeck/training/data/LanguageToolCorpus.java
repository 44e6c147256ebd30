// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import javax.xml.XMLConstants;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.parsers.SAXParser;
import javax.xml.parsers.SAXParserFactory;
import org.limbeck.formats.BadInputException;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/**
 * The examples of LanguageTool's English rules as a task of acceptability like CoLA, read from the
 * artifact {@code org.languagetool:language-en} on the class path.
 *
 * <p>Of the rules on grammar, typos, confused words, collocations and semantics, an example with a
 * correction is unacceptable (label 0); the same sentence with its first correction is acceptable
 * (1), and so is an example without correction. Left out: rules that are off by default, examples
 * of exceptions to a rule (often no sentences), examples known to trigger a rule wrongly, sentences
 * of fewer than 4 or more than 40 words, and sentences that occur with both labels once case and
 * accents, which an uncased model does not see, are dropped. A sentence counts for the first rule
 * that has it.
 *
 * <p>The splits, about 18,100, 2,100 and 2,300 sentences, follow from a hash of the rule's id: the
 * kinds of error in dev and test do not occur in train. About 69 % of the sentences are acceptable.
 *
 * <p><b>Determinism.</b> The same sentences in the same order, that of the files, for a version of
 * the artifact.
 */
public final class LanguageToolCorpus {
  private static final String FOLDER = "/org/languagetool/rules/en/";
  private static final List<String> FILES =
      List.of("grammar.xml", "en-US/grammar.xml", "en-GB/grammar.xml", "grammar-l2-de.xml");

  private static final int FEWEST_WORDS = 4;
  private static final int MOST_WORDS = 40;

  /**
   * Put before a rule's id, so that the splits have the intended sizes and share of acceptable
   * sentences although some rules have hundreds of examples.
   */
  private static final String SALT = "35:";

  /** Rules whose hash, as a fraction, is below this are in train. */
  private static final double TRAIN_BELOW = 0.80;

  /** Rules whose hash is below this and not in train are in dev, the others in test. */
  private static final double DEV_BELOW = 0.893;

  private static final Pattern SPACE = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern ACCENTS = Pattern.compile("\\p{Mn}+");

  private LanguageToolCorpus() {}

  /**
   * Reads the corpus.
   *
   * @return the sentences in train, dev and test
   * @throws BadInputException if the artifact is not on the class path or its files are not as
   *     expected; the message names file and line
   */
  public static Dataset read() {
    Sentences sentences = new Sentences();
    for (String file : FILES) {
      parse(FOLDER + file, sentences);
    }
    return sentences.split();
  }

  private static void parse(String resource, Sentences sentences) {
    try (InputStream in = LanguageToolCorpus.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new BadInputException(
            "No resource "
                + resource
                + " on the class path: the task languagetool expects the artifact"
                + " org.languagetool:language-en there");
      }
      parse(in, resource, sentences::add);
    } catch (IOException e) {
      throw new BadInputException(
          "Cannot read " + resource + " (" + e + "): expected LanguageTool's rules", e);
    }
  }

  /** Hands the examples of one file to a sink. */
  static void parse(InputStream in, String resource, LanguageToolRules.Sink sink)
      throws IOException {
    try {
      parser().parse(new InputSource(in), new LanguageToolRules(resource, sink));
    } catch (SAXParseException e) {
      throw new BadInputException(
          resource
              + ", line "
              + e.getLineNumber()
              + ": "
              + e.getMessage()
              + ": expected LanguageTool's rules",
          e);
    } catch (SAXException e) {
      throw new BadInputException(
          "Cannot read " + resource + " (" + e.getMessage() + "): expected LanguageTool's rules",
          e);
    }
  }

  /**
   * Returns the JDK's own parser. It expands entities of the file's own DTD, which the rules use
   * thousands of times, and fetches nothing from elsewhere.
   */
  private static SAXParser parser() throws SAXException {
    SAXParserFactory factory = SAXParserFactory.newDefaultInstance();
    try {
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://xml.org/sax/features/external-general-entities", false);
      factory.setFeature("http://xml.org/sax/features/external-parameter-entities", false);
      factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
      SAXParser parser = factory.newSAXParser();
      parser.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
      parser.setProperty(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
      // The JDK's limits are for documents of strangers: 2,500 expansions since JDK 24.
      parser.setProperty("jdk.xml.entityExpansionLimit", "100000");
      parser.setProperty("jdk.xml.totalEntitySizeLimit", "50000000");
      parser.setProperty("jdk.xml.maxGeneralEntitySizeLimit", "1000000");
      return parser;
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException("The JDK's XML parser lacks a feature: " + e.getMessage(), e);
    }
  }

  /** Returns where a rule lies in [0, 1), the same on every platform. */
  private static double fraction(String rule) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest((SALT + rule).getBytes(StandardCharsets.UTF_8));
      return Integer.toUnsignedLong(ByteBuffer.wrap(hash).getInt()) / (double) (1L << 32);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("Every JDK has SHA-256", e);
    }
  }

  /** Sentences in the order in which they came, by what an uncased model sees of them. */
  private static final class Sentences {
    private record Entry(String rule, String text, int label, boolean contradicted) {}

    private final Map<String, Entry> entries = new LinkedHashMap<>();

    void add(String rule, String raw, int label) {
      String text = SPACE.matcher(raw).replaceAll(" ").strip();
      int words = (int) text.chars().filter(c -> c == ' ').count() + 1;
      if (words < FEWEST_WORDS || words > MOST_WORDS) {
        return;
      }
      String plain = Normalizer.normalize(text.toLowerCase(Locale.ROOT), Normalizer.Form.NFD);
      String key = ACCENTS.matcher(plain).replaceAll("");
      Entry known = entries.get(key);
      if (known == null) {
        entries.put(key, new Entry(rule, text, label, false));
      } else if (known.label() != label) {
        entries.put(key, new Entry(known.rule(), known.text(), known.label(), true));
      }
    }

    Dataset split() {
      List<Example> train = new ArrayList<>();
      List<Example> dev = new ArrayList<>();
      List<Example> test = new ArrayList<>();
      for (Entry entry : entries.values()) {
        if (!entry.contradicted()) {
          double fraction = fraction(entry.rule());
          List<Example> split = fraction < TRAIN_BELOW ? train : fraction < DEV_BELOW ? dev : test;
          split.add(new Example(entry.text(), null, entry.label()));
        }
      }
      return new Dataset(Task.LANGUAGETOOL, train, dev, List.of(), test);
    }
  }
}
