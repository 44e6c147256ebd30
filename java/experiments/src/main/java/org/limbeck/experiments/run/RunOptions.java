// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.nio.file.Path;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import picocli.CommandLine.Option;

/** The options of an experiment that say how it runs and where its results go besides. */
public final class RunOptions {
  @Option(
      names = "--checkpoint",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description = {
        "The time between checkpoints, from which --resume goes on. Default: ${DEFAULT-VALUE}."
      })
  private double checkpointSeconds;

  @Option(names = "--resume", description = "Go on with the run in --out.")
  private boolean resume;

  @Option(names = "--quiet", description = "Plain lines instead of a progress bar.")
  private boolean quiet;

  @Option(names = "--csv", paramLabel = "FILE", description = "Write the results as CSV too.")
  private Path csv;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the results as JSON too.")
  private Path json;

  /** For picocli. */
  public RunOptions() {}

  /** Returns the least time between checkpoints in seconds. */
  public double checkpointSeconds() {
    return checkpointSeconds;
  }

  /** Returns whether an earlier run goes on. */
  public boolean resume() {
    return resume;
  }

  /** Returns whether plain lines are wanted instead of a progress bar. */
  public boolean quiet() {
    return quiet;
  }

  /**
   * Checks the options, before anything is written.
   *
   * @throws BadInputException if one cannot be
   */
  public void check() {
    Options.require(checkpointSeconds >= 0, "--checkpoint", checkpointSeconds, "0 or more");
    OutputDirectory.requireWritable(csv);
    OutputDirectory.requireWritable(json);
  }

  /**
   * Writes the results of a run, {@code results.csv} and {@code results.json}, and the files that
   * were asked for besides.
   *
   * @param directory where the run's files lie
   * @param csvText the results as CSV
   * @param jsonText the results as JSON
   */
  public void writeResults(OutputDirectory directory, String csvText, String jsonText) {
    AtomicFiles.write(directory.root().resolve("results.csv"), csvText);
    AtomicFiles.write(directory.root().resolve("results.json"), jsonText);
    if (csv != null) {
      AtomicFiles.write(csv, csvText);
    }
    if (json != null) {
      AtomicFiles.write(json, jsonText);
    }
  }
}
