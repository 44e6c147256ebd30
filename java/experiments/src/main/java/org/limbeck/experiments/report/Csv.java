// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

/** Cells of comma-separated values (RFC 4180). */
public final class Csv {
  private Csv() {}

  /** Returns a cell, in quotation marks where it needs them. */
  public static String quoted(String text) {
    boolean plain = text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
    return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
  }
}
