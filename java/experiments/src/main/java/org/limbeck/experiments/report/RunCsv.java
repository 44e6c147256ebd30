// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.formats.BadInputException;

/**
 * Runs as comma-separated values (RFC 4180), one line a run; numbers are written so that reading
 * gives the same bits.
 */
final class RunCsv {
  private static final String HEADER =
      "task,configuration,seed,metric,best,last,steps,seconds,full_bytes,packed_bytes";
  private static final int FIELDS = 10;

  private RunCsv() {}

  static String write(List<RunResult> runs) {
    StringBuilder out = new StringBuilder(HEADER).append('\n');
    for (RunResult run : runs) {
      out.append(Csv.quoted(run.task())).append(',');
      out.append(Csv.quoted(run.configuration())).append(',');
      out.append(run.seed()).append(',');
      out.append(Csv.quoted(run.metric())).append(',');
      out.append(run.best()).append(',');
      out.append(run.last()).append(',');
      out.append(run.steps()).append(',');
      out.append(run.seconds()).append(',');
      out.append(run.fullBytes()).append(',');
      out.append(run.packedBytes()).append('\n');
    }
    return out.toString();
  }

  static List<RunResult> read(String name, String text) {
    List<List<String>> records = split(name, text);
    if (records.isEmpty() || !String.join(",", records.get(0)).equals(HEADER)) {
      throw new BadInputException(name + ": line 1: expected the columns " + HEADER);
    }
    List<RunResult> runs = new ArrayList<>();
    for (int r = 1; r < records.size(); r++) {
      List<String> f = records.get(r);
      if (f.size() != FIELDS) {
        throw new BadInputException(
            name + ": record " + r + ": given " + f.size() + " fields, expected " + FIELDS);
      }
      try {
        runs.add(
            new RunResult(
                f.get(0),
                f.get(1),
                Long.parseLong(f.get(2)),
                f.get(3),
                Double.parseDouble(f.get(4)),
                Double.parseDouble(f.get(5)),
                Long.parseLong(f.get(6)),
                Double.parseDouble(f.get(7)),
                Long.parseLong(f.get(8)),
                Long.parseLong(f.get(9))));
      } catch (NumberFormatException e) {
        throw new BadInputException(
            name + ": record " + r + ": a field is not a number: " + e.getMessage(), e);
      }
    }
    return runs;
  }

  private static List<List<String>> split(String name, String text) {
    List<List<String>> records = new ArrayList<>();
    List<String> fields = new ArrayList<>();
    StringBuilder field = new StringBuilder();
    boolean inQuotes = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (inQuotes) {
        if (c != '"') {
          field.append(c);
        } else if (i + 1 < text.length() && text.charAt(i + 1) == '"') {
          field.append('"');
          i++;
        } else {
          inQuotes = false;
        }
      } else if (c == '"') {
        inQuotes = true;
      } else if (c == ',' || c == '\n') {
        fields.add(field.toString());
        field.setLength(0);
        if (c == '\n') {
          records.add(fields);
          fields = new ArrayList<>();
        }
      } else if (c != '\r') {
        field.append(c);
      }
    }
    if (inQuotes) {
      throw new BadInputException(name + ": a quoted field does not end");
    }
    if (field.length() > 0 || !fields.isEmpty()) {
      fields.add(field.toString());
      records.add(fields);
    }
    return records;
  }
}
