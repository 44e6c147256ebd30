// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** The report is one well-formed file that needs nothing else. */
class ReportTest {
  private static Document parsed(String html) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(html)));
  }

  @Test
  void theSampleIsWellFormedAndHoldsEveryFigureAndTable() throws Exception {
    Map<String, Picture> pictures = new LinkedHashMap<>();
    for (int i = 0; i < 3; i++) {
      pictures.put("picture " + i, new Picture(new byte[] {1, 2, (byte) i}, 400 + i, 300));
    }
    String html = SampleReport.report(pictures).html();
    Document document = parsed(html);
    NodeList images = document.getElementsByTagName("img");
    assertEquals(3, images.getLength());
    for (int i = 0; i < 3; i++) {
      Element image = (Element) images.item(i);
      String source = image.getAttribute("src");
      assertTrue(source.startsWith("data:image/png;base64,"), source);
      byte[] png = Base64.getDecoder().decode(source.substring(source.indexOf(',') + 1));
      assertEquals(i, png[2]);
      assertEquals(Integer.toString(400 + i), image.getAttribute("width"));
      assertFalse(image.getAttribute("alt").isEmpty());
    }
    assertEquals(4, document.getElementsByTagName("table").getLength());
    NodeList headings = document.getElementsByTagName("h2");
    NodeList links = document.getElementsByTagName("a");
    assertEquals(5, headings.getLength());
    assertEquals(5, links.getLength());
    for (int i = 0; i < 5; i++) {
      assertEquals(
          ((Element) links.item(i)).getAttribute("href"),
          "#" + ((Element) headings.item(i)).getAttribute("id"));
    }
    String text = document.getDocumentElement().getTextContent();
    assertTrue(text.contains("Figure 3."));
    assertTrue(text.contains("61.95 (0.56)"), "the result table");
  }

  @Test
  void nothingIsFetched() {
    String html = SampleReport.report(Map.of()).html();
    for (String forbidden :
        List.of("http:", "https:", "//", "<script", "<link", "url(", "@import", "<iframe")) {
      assertFalse(html.contains(forbidden), forbidden);
    }
  }

  @Test
  void textCannotBecomeMarkup() throws Exception {
    String nasty = "</p><script>alert('x')</script> & \" \u0000\u0008 \ud83d\ude00 \ud800";
    TextTable table = TextTable.pairs(nasty, nasty, List.of(List.of(nasty, nasty)));
    String html =
        new Report(nasty)
            .subtitle(nasty)
            .section(nasty)
            .paragraph(nasty)
            .code(nasty)
            .table(table, nasty)
            .figure(new Picture(new byte[1], 1, 1), nasty, nasty)
            .html();
    Document document = parsed(html);
    assertEquals(0, document.getElementsByTagName("script").getLength());
    assertEquals(
        "</p><script>alert('x')</script> & \" \ufffd\ufffd \ud83d\ude00 \ufffd",
        document.getElementsByTagName("h1").item(0).getTextContent());
    Element image = (Element) document.getElementsByTagName("img").item(0);
    assertTrue(image.getAttribute("alt").contains("& \""));
  }

  @Test
  void tablesAlignNumbersOnATerminal() {
    TextTable table =
        new TextTable(
            List.of(TextTable.Column.text("name"), TextTable.Column.number("points")),
            List.of(List.of("a", "1.25"), List.of("longer", "100.00")));
    assertEquals(
        """
        name    points
        ------  ------
        a         1.25
        longer  100.00
        """,
        table.plainText());
    assertThrows(
        IllegalArgumentException.class, () -> TextTable.pairs("a", "b", List.of(List.of("one"))));
  }

  @Test
  void machineFactsNameTheJdk() {
    String text = MachineFacts.table().plainText();
    assertTrue(text.contains(System.getProperty("java.runtime.version")), text);
  }
}
