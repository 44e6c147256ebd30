// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes the report and its plots from a results file. */
@Command(
    name = "report",
    mixinStandardHelpOptions = true,
    description = "Writes REPORT.md and its plots from a results file, all rows included.")
final class ReportCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FILE", description = "A file that bench --csv wrote.")
  private Path file;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where the report goes (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("bench");

  @Option(
      names = "--causes",
      paramLabel = "FILE",
      description =
          "Why peers win where they do: " + Causes.HEADER + " (default: causes.csv beside FILE).")
  private Path causes;

  /** For picocli. */
  ReportCommand() {}

  @Override
  public Integer call() {
    List<Row> rows = ResultFile.read(file);
    if (!Files.isDirectory(out)) {
      throw new UsageException(out + ": expected a directory");
    }
    Path beside = file.resolveSibling(Causes.NAME);
    Path from = causes == null && Files.exists(beside) ? beside : causes;
    Report.write(
        rows, from == null ? Causes.none() : Causes.read(from), file.getFileName().toString(), out);
    return 0;
  }
}
