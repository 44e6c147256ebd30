// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.vectors.CaseResult;
import org.limbeck.vectors.CaseResult.Outcome;
import org.limbeck.vectors.CaseRunner;
import org.limbeck.vectors.OperationRunner;
import org.limbeck.vectors.VectorCase;
import org.limbeck.vectors.VectorCatalog;
import org.limbeck.vectors.VectorFile;
import org.limbeck.vectors.stems.StemAdapters;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs golden vectors on backends, a line a case. */
@Command(
    name = "selftest",
    mixinStandardHelpOptions = true,
    description = {
      "Runs golden vectors, each with contiguous and with strided matrices.",
      "Errors are in units of the case's tolerance: at most 1 passes."
    })
final class SelftestCommand implements Callable<Integer> {
  /** For tests, and slow: checked only where it is named. */
  private static final String EMULATED = "cuda-emulated";

  @Spec private CommandSpec spec;

  @Option(
      names = "--vectors",
      paramLabel = "DIR",
      description =
          "A directory with vector files of schema limbeck-vectors-v1 (default: the built-in ones).")
  private Path vectors;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      split = ",",
      description =
          "The backends to check (default: all that are there but cuda-emulated). One that is absent is an error.")
  private List<String> backends = List.of();

  @Option(names = "--quiet", description = "Prints only cases that do not pass, and the summary.")
  private boolean quiet;

  @Option(names = "--json", paramLabel = "FILE", description = "Writes the results as JSON.")
  private Path json;

  @Option(names = "--csv", paramLabel = "FILE", description = "Writes the results as CSV.")
  private Path csv;

  private record Row(String backend, VectorFile file, CaseResult result, String servedBy) {}

  @Override
  public Integer call() {
    List<VectorFile> files = vectors == null ? VectorCatalog.builtIn() : VectorCatalog.in(vectors);
    PrintWriter out = spec.commandLine().getOut();
    List<Row> rows = new ArrayList<>();
    for (String backend : chosenBackends()) {
      // A specification that the backend does not offer is served by the reference, and marked.
      try (OperationRunner operations = OperationRunner.open(backend, 1)) {
        CaseRunner runner = new CaseRunner(operations, StemAdapters::find);
        for (VectorFile file : files) {
          for (VectorCase vectorCase : file.cases()) {
            CaseResult result = runner.run(vectorCase);
            Row row = new Row(backend, file, result, String.join("+", runner.lastBackends()));
            rows.add(row);
            print(out, row);
          }
        }
      } catch (OutOfMemoryError e) {
        throw new BadInputException(
            backend + ": the cases need more memory than there is: " + e.getMessage(), e);
      }
    }
    long passed = count(rows, Outcome.PASSED);
    long failed = count(rows, Outcome.FAILED);
    long skipped = count(rows, Outcome.SKIPPED);
    out.println(
        passed
            + " passed, "
            + failed
            + " failed"
            + (skipped > 0 ? ", " + skipped + " skipped" : ""));
    out.flush();
    if (json != null) {
      AtomicFiles.write(json, toJson(rows));
    }
    if (csv != null) {
      AtomicFiles.write(csv, toCsv(rows));
    }
    return failed == 0 ? 0 : Main.FAILED;
  }

  private List<String> chosenBackends() {
    if (!backends.isEmpty()) {
      return backends;
    }
    try (Backends found = Backends.discover()) {
      return found.available().stream()
          .map(Backend::name)
          .filter(name -> !name.equals(EMULATED))
          .toList();
    }
  }

  private void print(PrintWriter out, Row row) {
    CaseResult result = row.result();
    if (quiet && result.outcome() == Outcome.PASSED) {
      return;
    }
    String note = result.message();
    if (result.outcome() == Outcome.PASSED) {
      note = String.format(Locale.ROOT, "error %.3f", result.error());
      if (!row.servedBy().isEmpty() && !row.servedBy().equals(row.backend())) {
        note += ", ran on " + row.servedBy();
      }
    }
    out.printf(
        Locale.ROOT,
        "%-7s %-7s %s: %s: %s%n",
        result.outcome().name().toLowerCase(Locale.ROOT),
        row.backend(),
        row.file().name(),
        result.vectorCase().id(),
        note);
    out.flush();
  }

  private static long count(List<Row> rows, Outcome outcome) {
    return rows.stream().filter(row -> row.result().outcome() == outcome).count();
  }

  private static String toJson(List<Row> rows) {
    JsonArray array = new JsonArray();
    for (Row row : rows) {
      JsonObject object = new JsonObject();
      object.addProperty("backend", row.backend());
      object.addProperty("file", row.file().name());
      object.addProperty("stem", row.file().stem());
      object.addProperty("case", row.result().vectorCase().id());
      object.addProperty("outcome", row.result().outcome().name().toLowerCase(Locale.ROOT));
      object.addProperty("error", Double.toString(row.result().error()));
      object.addProperty("ran_on", row.servedBy());
      object.addProperty("message", row.result().message());
      array.add(object);
    }
    return new GsonBuilder().setPrettyPrinting().create().toJson(array) + "\n";
  }

  private static String toCsv(List<Row> rows) {
    StringBuilder text = new StringBuilder("backend,file,stem,case,outcome,error,ran_on,message\n");
    for (Row row : rows) {
      text.append(row.backend())
          .append(',')
          .append(quoted(row.file().name()))
          .append(',')
          .append(quoted(row.file().stem()))
          .append(',')
          .append(quoted(row.result().vectorCase().id()))
          .append(',')
          .append(row.result().outcome().name().toLowerCase(Locale.ROOT))
          .append(',')
          .append(row.result().error())
          .append(',')
          .append(row.servedBy())
          .append(',')
          .append(quoted(row.result().message()))
          .append('\n');
    }
    return text.toString();
  }

  private static String quoted(String text) {
    return '"' + text.replace("\"", "\"\"") + '"';
  }
}
