// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.limbeck.kernels.backend.Backends;
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

  /** Returns why a backend is absent; empty if it is there. */
  static String whyAbsent(String backend) {
    try (Backends backends = Backends.discover()) {
      if (backends.available().stream().anyMatch(b -> b.name().equals(backend))) {
        return "";
      }
      return backends.missing().stream()
          .filter(missing -> missing.name().equals(backend))
          .map(Backends.Missing::reason)
          .findFirst()
          .orElse("its module is not on the module path or class path");
    }
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

  /**
   * Runs a command line in another process and kills that as soon as a file is there.
   *
   * @param arguments the command line
   * @param file the file to wait for, such as a checkpoint
   * @param log where the process's output goes
   */
  static void killWhenThereIs(List<String> arguments, Path file, Path log) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(arguments);
    Process child =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      while (child.isAlive() && !Files.exists(file)) {
        Thread.sleep(1);
      }
    } finally {
      child.destroyForcibly().waitFor(30, TimeUnit.SECONDS);
    }
    assertTrue(Files.exists(file), Files.readString(log));
  }
}
