// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A table of text cells, shown on a terminal or in a report.
 *
 * @param columns the headings
 * @param rows the cells, as many in each row as there are headings
 */
public record TextTable(List<Column> columns, List<List<String>> rows) {
  /**
   * A heading.
   *
   * @param name the text
   * @param numeric whether the cells are numbers, set to the right
   */
  public record Column(String name, boolean numeric) {
    /** Returns a heading over text. */
    public static Column text(String name) {
      return new Column(name, false);
    }

    /** Returns a heading over numbers. */
    public static Column number(String name) {
      return new Column(name, true);
    }
  }

  /**
   * Checks that the table is rectangular.
   *
   * @throws IllegalArgumentException if a row has another number of cells than there are headings
   */
  public TextTable {
    columns = List.copyOf(columns);
    List<List<String>> copies = new ArrayList<>();
    for (List<String> row : rows) {
      if (row.size() != columns.size()) {
        throw new IllegalArgumentException(
            "TextTable: given a row of "
                + row.size()
                + " cells, expected one for each of "
                + columns.size()
                + " columns");
      }
      copies.add(List.copyOf(row));
    }
    rows = List.copyOf(copies);
  }

  /** Returns a table of two columns without a meaning of their own: what it is, and its value. */
  public static TextTable pairs(String left, String right, List<List<String>> rows) {
    return new TextTable(List.of(Column.text(left), Column.text(right)), rows);
  }

  /** Returns the table in aligned columns of plain text, each line ended by a line feed. */
  public String plainText() {
    int[] widths = new int[columns.size()];
    for (int c = 0; c < widths.length; c++) {
      widths[c] = width(columns.get(c).name());
      for (List<String> row : rows) {
        widths[c] = Math.max(widths[c], width(row.get(c)));
      }
    }
    StringBuilder out = new StringBuilder();
    append(out, columns.stream().map(Column::name).toList(), widths);
    append(out, Arrays.stream(widths).mapToObj("-"::repeat).toList(), widths);
    for (List<String> row : rows) {
      append(out, row, widths);
    }
    return out.toString();
  }

  private void append(StringBuilder out, List<String> cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int c = 0; c < widths.length; c++) {
      String room = " ".repeat(widths[c] - width(cells.get(c)));
      line.append(c == 0 ? "" : "  ");
      line.append(columns.get(c).numeric() ? room + cells.get(c) : cells.get(c) + room);
    }
    out.append(line.toString().stripTrailing()).append('\n');
  }

  private static int width(String text) {
    return text.codePointCount(0, text.length());
  }
}
