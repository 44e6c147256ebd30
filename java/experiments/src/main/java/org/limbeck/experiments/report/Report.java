// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.limbeck.experiments.report.TextTable.Column;

/**
 * A report of one HTML file that needs nothing else: styles are inside, pictures are data, there
 * are no scripts and no links to other places. It is also well-formed XML.
 *
 * <p>All text is escaped; nothing that is given can become markup.
 */
public final class Report {
  private static final String STYLE =
      """
      :root { color-scheme: light; }
      body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 64rem; background: #fff;
        color: #222; font: 16px/1.55 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans",
        sans-serif; }
      h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; }
      h2 { font-size: 1.3rem; margin: 2.6rem 0 .8rem; padding-top: .8rem;
        border-top: 1px solid #ddd; }
      p { margin: .7rem 0; max-width: 46rem; }
      .subtitle { color: #555; font-size: 1.05rem; margin-bottom: 1.2rem; }
      nav { margin: 1.4rem 0 0; }
      nav ol { margin: 0; padding-left: 1.3rem; }
      a { color: #0b509d; }
      .wide { overflow-x: auto; margin: 1.2rem 0; }
      table { min-width: min(100%, 40rem); border-collapse: collapse; font-size: .88rem; line-height: 1.4;
        font-variant-numeric: tabular-nums; }
      caption, figcaption { color: #444; font-size: .9rem; text-align: left; max-width: 46rem; }
      caption { padding-bottom: .5rem; }
      th, td { padding: .28rem .7rem; text-align: left; vertical-align: top;
        border-bottom: 1px solid #e6e6e6; }
      th { border-bottom: 2px solid #888; vertical-align: bottom; }
      .dense { font-size: .8rem; }
      .dense th, .dense td { padding: .25rem .45rem; }
      th:first-child, td:first-child { padding-left: 0; }
      .number { text-align: right; white-space: nowrap; }
      figure { margin: 1.6rem 0 2rem; }
      figure img { display: block; max-width: 100%; height: auto; }
      figcaption { margin-top: .5rem; }
      pre { background: #f5f5f5; border-left: 3px solid #0b509d; padding: .8rem 1rem;
        font: .85rem/1.5 ui-monospace, "DejaVu Sans Mono", Consolas, monospace;
        white-space: pre-wrap; overflow-wrap: anywhere; }
      @media print {
        body { max-width: none; padding: 0; font-size: 10.5pt; }
        nav { display: none; }
        h2, caption, thead { break-after: avoid; }
        figure, tr, pre { break-inside: avoid; }
        .wide { overflow: visible; }
        figure { margin: .6rem 0 1rem; }
        figure img { max-height: 9.5cm; object-fit: contain; object-position: left; }
        table { font-size: 8pt; }
        .dense { font-size: 6.5pt; }
        .dense th, .dense td { padding: .15rem .3rem; }
      }
      """;

  /** Beyond this number of columns a table is set smaller. */
  private static final int MANY_COLUMNS = 9;

  private final String title;
  private final StringBuilder body = new StringBuilder();
  private final List<String> sections = new ArrayList<>();
  private String subtitle = "";
  private int figures;
  private int tables;

  /**
   * Begins a report.
   *
   * @param title the heading of the page
   */
  public Report(String title) {
    this.title = title;
  }

  /** Sets the line below the title: what was run, in a sentence. */
  public Report subtitle(String text) {
    subtitle = text;
    return this;
  }

  /** Begins a section; the sections are listed at the top. */
  public Report section(String heading) {
    sections.add(heading);
    body.append("<h2 id=\"s").append(sections.size()).append("\">");
    body.append(escaped(heading)).append("</h2>\n");
    return this;
  }

  /** Adds a paragraph. */
  public Report paragraph(String text) {
    body.append("<p>").append(escaped(text)).append("</p>\n");
    return this;
  }

  /** Adds text in which line breaks and spaces count, such as a command line. */
  public Report code(String text) {
    body.append("<pre>").append(escaped(text)).append("</pre>\n");
    return this;
  }

  /**
   * Adds a table.
   *
   * @param table the cells
   * @param caption what the table shows, with the units
   */
  public Report table(TextTable table, String caption) {
    tables++;
    body.append("<div class=\"wide\"><table");
    body.append(table.columns().size() > MANY_COLUMNS ? " class=\"dense\">" : ">");
    body.append("\n<caption><b>Table ").append(tables).append(".</b> ");
    body.append(escaped(caption)).append("</caption>\n<thead><tr>");
    for (Column column : table.columns()) {
      cell("th", column, column.name());
    }
    body.append("</tr></thead>\n<tbody>\n");
    for (List<String> row : table.rows()) {
      body.append("<tr>");
      for (int c = 0; c < row.size(); c++) {
        cell("td", table.columns().get(c), row.get(c));
      }
      body.append("</tr>\n");
    }
    body.append("</tbody></table></div>\n");
    return this;
  }

  private void cell(String tag, Column column, String text) {
    body.append('<').append(tag).append(column.numeric() ? " class=\"number\">" : ">");
    body.append(escaped(text)).append("</").append(tag).append('>');
  }

  /**
   * Adds a picture.
   *
   * @param picture the picture
   * @param alternative what the picture shows, in a few words, for those who do not see it
   * @param caption what one sees in it, and the source of the formula
   */
  public Report figure(Picture picture, String alternative, String caption) {
    figures++;
    body.append("<figure><img width=\"").append(picture.width());
    body.append("\" height=\"").append(picture.height());
    body.append("\" alt=\"").append(escaped(alternative));
    body.append("\" src=\"data:image/png;base64,");
    body.append(Base64.getEncoder().encodeToString(picture.png()));
    body.append("\"/>\n<figcaption><b>Figure ").append(figures).append(".</b> ");
    body.append(escaped(caption)).append("</figcaption></figure>\n");
    return this;
  }

  /** Returns the whole file; write it as UTF-8. */
  public String html() {
    StringBuilder out = new StringBuilder("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n");
    out.append("<meta charset=\"utf-8\"/>\n");
    // A browser that honours this fetches nothing, whatever the text contains.
    out.append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    out.append("img-src data:; style-src 'unsafe-inline'\"/>\n");
    out.append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    out.append("<title>").append(escaped(title)).append("</title>\n<style>\n");
    out.append(STYLE).append("</style>\n</head>\n<body>\n<h1>");
    out.append(escaped(title)).append("</h1>\n");
    if (!subtitle.isEmpty()) {
      out.append("<p class=\"subtitle\">").append(escaped(subtitle)).append("</p>\n");
    }
    if (sections.size() > 1) {
      out.append("<nav><ol>\n");
      for (int s = 0; s < sections.size(); s++) {
        out.append("<li><a href=\"#s").append(s + 1).append("\">");
        out.append(escaped(sections.get(s))).append("</a></li>\n");
      }
      out.append("</ol></nav>\n");
    }
    return out.append(body).append("</body>\n</html>\n").toString();
  }

  /** Escapes text for element content and quoted attributes; what XML forbids becomes U+FFFD. */
  private static String escaped(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                default -> out.appendCodePoint(allowed(c) ? c : 0xFFFD);
              }
            });
    return out.toString();
  }

  private static boolean allowed(int c) {
    return (c >= 0x20 && c < 0xD800)
        || c == '\t'
        || c == '\n'
        || (c >= 0xE000 && c < 0xFFFE)
        || c >= 0x10000;
  }
}
