// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import org.limbeck.formats.BadInputException;
import org.xml.sax.Attributes;
import org.xml.sax.InputSource;
import org.xml.sax.Locator;
import org.xml.sax.SAXParseException;
import org.xml.sax.helpers.DefaultHandler;

/** Collects the examples of one file of LanguageTool's rules while it is parsed. */
final class LanguageToolRules extends DefaultHandler {
  private static final Set<String> CATEGORIES =
      Set.of("GRAMMAR", "TYPOS", "CONFUSED_WORDS", "COLLOCATIONS", "SEMANTICS");

  /** Takes a sentence. */
  interface Sink {
    void add(String rule, String sentence, int label);
  }

  /** An element that is open: the rule in which it lies, and whether its examples count. */
  private record Scope(String rule, boolean counts) {}

  private final String resource;
  private final Sink sink;
  private final Deque<Scope> open = new ArrayDeque<>();
  private final StringBuilder text = new StringBuilder();
  private Locator locator;
  private boolean inExample;
  private String correction;
  private int markerFrom;
  private int markerTo;

  LanguageToolRules(String resource, Sink sink) {
    this.resource = resource;
    this.sink = sink;
    open.push(new Scope(null, false));
  }

  @Override
  public void setDocumentLocator(Locator documentLocator) {
    locator = documentLocator;
  }

  @Override
  public InputSource resolveEntity(String publicId, String systemId) throws SAXParseException {
    throw new SAXParseException("it refers to " + systemId + ", which is not fetched", locator);
  }

  @Override
  public void startElement(String uri, String localName, String name, Attributes attributes) {
    Scope scope = open.element();
    String off = attributes.getValue("default");
    boolean on = !"off".equals(off) && !"temp_off".equals(off);
    switch (name) {
      case "category" ->
          scope =
              new Scope(null, on && CATEGORIES.contains(String.valueOf(attributes.getValue("id"))));
      case "rulegroup", "rule" ->
          // The rules of a group share its id: variants of one error must not be split.
          scope =
              new Scope(
                  scope.rule() == null ? attributes.getValue("id") : scope.rule(),
                  scope.counts() && on);
      case "antipattern" -> scope = new Scope(scope.rule(), false);
      case "example" -> startExample(scope, attributes);
      case "marker" -> markerFrom = text.length();
      default -> {
        // Patterns, messages and the like say nothing about sentences.
      }
    }
    open.push(scope);
  }

  private void startExample(Scope scope, Attributes attributes) {
    inExample = scope.counts() && attributes.getValue("type") == null;
    if (inExample && scope.rule() == null) {
      throw new BadInputException(
          resource
              + ", line "
              + locator.getLineNumber()
              + ": an example outside of a rule with an id: expected LanguageTool's rules");
    }
    correction = attributes.getValue("correction");
    text.setLength(0);
    markerFrom = -1;
    markerTo = -1;
  }

  @Override
  public void characters(char[] buffer, int start, int length) {
    if (inExample) {
      text.append(buffer, start, length);
    }
  }

  @Override
  public void endElement(String uri, String localName, String name) {
    open.pop();
    if (name.equals("marker")) {
      markerTo = text.length();
    } else if (name.equals("example") && inExample) {
      endExample(open.element().rule());
      inExample = false;
    }
  }

  private void endExample(String rule) {
    String sentence = text.toString();
    if (correction == null) {
      sink.add(rule, sentence, 1);
      return;
    }
    sink.add(rule, sentence, 0);
    int end = correction.indexOf('|');
    String first = end < 0 ? correction : correction.substring(0, end);
    // An empty correction says that the rule proposes none, not that the words should go.
    if (!first.isEmpty() && markerTo >= 0) {
      sink.add(rule, sentence.substring(0, markerFrom) + first + sentence.substring(markerTo), 1);
    }
  }
}
