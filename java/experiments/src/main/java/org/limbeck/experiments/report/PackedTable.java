// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.limbeck.experiments.report.TextTable.Column;

/** Packed students beside their teacher. */
public final class PackedTable {
  private static final String NONE = "-";

  private final List<PackedResult> results;

  /**
   * Makes a table.
   *
   * @param results the teacher and its packed students, task by task
   */
  public PackedTable(List<PackedResult> results) {
    this.results = List.copyOf(results);
  }

  /** Returns whether there is nothing to show. */
  public boolean isEmpty() {
    return results.isEmpty();
  }

  /** Returns a row for each network. */
  public TextTable table() {
    List<Column> columns =
        List.of(
            Column.text("task"),
            Column.text("configuration"),
            Column.text("metric"),
            Column.number("points"),
            Column.number("differ"),
            Column.number("of"),
            Column.number("on disk"),
            Column.number("in memory"),
            Column.number("sentences/s"));
    List<List<String>> rows = new ArrayList<>();
    for (PackedResult r : results) {
      rows.add(
          List.of(
              r.task(),
              r.configuration(),
              r.metric(),
              Numbers.points(r.value()),
              r.differing() < 0 ? NONE : Integer.toString(r.differing()),
              r.differing() < 0 ? NONE : Integer.toString(r.examples()),
              Numbers.size(r.diskBytes()),
              Numbers.size(r.memoryBytes()),
              Double.isNaN(r.sentencesPerSecond())
                  ? NONE
                  : String.format(Locale.ROOT, "%.1f", r.sentencesPerSecond())));
    }
    return new TextTable(columns, rows);
  }

  /** Returns the rows as JSON; what is not known is null. */
  public JsonArray json() {
    JsonArray all = new JsonArray();
    for (PackedResult r : results) {
      JsonObject object = new JsonObject();
      object.addProperty("task", r.task());
      object.addProperty("configuration", r.configuration());
      object.addProperty("metric", r.metric());
      object.addProperty("value", Numbers.finite(r.value()));
      object.addProperty("differing", r.differing() < 0 ? null : r.differing());
      object.addProperty("examples", r.examples());
      object.addProperty("disk_bytes", r.diskBytes());
      object.addProperty("memory_bytes", r.memoryBytes());
      object.addProperty("sentences_per_second", Numbers.finite(r.sentencesPerSecond()));
      all.add(object);
    }
    return all;
  }
}
