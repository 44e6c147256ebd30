// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import picocli.CommandLine;

/** What a command line left: exit code and both streams. */
record Run(int exit, String out, String err) {
  /** Runs a command line in this process. */
  static Run limbeck(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    return new Run(line.execute(arguments), out.toString(), err.toString());
  }

  /** Runs a command line in this process. */
  static Run limbeck(List<String> arguments) {
    return limbeck(arguments.toArray(String[]::new));
  }

  /** Asserts success. */
  static void assertFine(Run run) {
    assertEquals(0, run.exit(), run.out() + run.err());
  }

  /** Asserts a refusal in one sentence. */
  static void assertBadInput(String message, Run run) {
    assertEquals(2, run.exit(), run.out() + run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().startsWith("limbeck: "), run.err());
    assertTrue(run.err().contains(message), run.err());
  }
}
