// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.io.PrintStream;
import java.text.DecimalFormat;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how far a long task is, how fast it goes and how long it will still take.
 *
 * <p>On a terminal it is a bar on the standard error stream. Elsewhere, and where quiet is asked
 * for, it is a plain line every ten seconds at most; a task shorter than that prints nothing. Not
 * for several threads at once.
 */
public final class Progress implements AutoCloseable {
  private static final long INTERVAL_NANOS = Duration.ofSeconds(10).toNanos();
  private static final int BAR_UPDATE_MILLIS = 250;

  private final String task;
  private final String unit;
  private final long total;
  private final ProgressBar bar;
  private final PrintStream out;
  private final LongSupplier nanos;
  private final long begin;
  private long lastLine;
  private long done;
  private String note = "";
  private boolean closed;

  private Progress(
      String task, String unit, long total, ProgressBar bar, PrintStream out, LongSupplier nanos) {
    this.task = task;
    this.unit = unit;
    this.total = total;
    this.bar = bar;
    this.out = out;
    this.nanos = nanos;
    begin = nanos.getAsLong();
    lastLine = begin;
  }

  /**
   * Begins a task, with a bar where a person watches and plain lines otherwise.
   *
   * @param task a few words for what is done
   * @param unit what is counted, such as {@code steps}
   * @param total how many of them there are, 1 or more
   * @param quiet whether plain lines are wanted even on a terminal
   */
  @SuppressWarnings("SystemConsoleNull") // it still is where -Djdk.console chooses another module
  public static Progress start(String task, String unit, long total, boolean quiet) {
    boolean terminal = System.console() != null && System.console().isTerminal();
    if (quiet || !terminal) {
      return plain(task, unit, total, System.err, System::nanoTime);
    }
    ProgressBar bar =
        ProgressBar.builder()
            .setTaskName(task)
            .setInitialMax(total)
            .setStyle(ProgressBarStyle.ASCII)
            .setUnit(" " + unit, 1)
            .setUpdateIntervalMillis(BAR_UPDATE_MILLIS)
            .showSpeed(new DecimalFormat("0.0"))
            .build();
    return new Progress(task, unit, total, bar, System.err, System::nanoTime);
  }

  /** Begins a task with plain lines, for tests with a clock of their own. */
  static Progress plain(String task, String unit, long total, PrintStream out, LongSupplier nanos) {
    return new Progress(task, unit, total, null, out, nanos);
  }

  /** Counts one more. */
  public void step() {
    stepTo(done + 1);
  }

  /** Sets how many are done. */
  public void stepTo(long count) {
    done = count;
    if (bar != null) {
      bar.stepTo(count);
    } else if (nanos.getAsLong() - lastLine >= INTERVAL_NANOS) {
      lastLine = nanos.getAsLong();
      printLine();
    }
  }

  /**
   * Sets what is written behind the numbers, such as the loss.
   *
   * @param text a few words; empty for nothing
   */
  public void note(String text) {
    note = text;
    if (bar != null) {
      bar.setExtraMessage(text.isEmpty() ? "" : " " + text);
    }
  }

  private void printLine() {
    double seconds = (lastLine - begin) / 1e9;
    double rate = done / seconds;
    StringBuilder line = new StringBuilder();
    line.append(
        String.format(
            Locale.ROOT,
            "%s: %d of %d %s (%.0f %%), %s",
            task,
            done,
            total,
            unit,
            100.0 * done / Math.max(1, total),
            speed(rate)));
    if (done > 0 && done < total) {
      line.append(", ").append(Numbers.duration((total - done) / rate)).append(" left");
    }
    if (!note.isEmpty()) {
      line.append(", ").append(note);
    }
    out.println(line);
    out.flush();
  }

  private String speed(double rate) {
    return rate >= 1 || rate == 0
        ? String.format(Locale.ROOT, "%.1f %s a second", rate, unit)
        : String.format(Locale.ROOT, "%.1f %s a minute", rate * 60, unit);
  }

  /**
   * Ends the task; after ten seconds and more of plain lines, with a line that says how long it
   * took.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (bar != null) {
      bar.close();
      return;
    }
    double seconds = (nanos.getAsLong() - begin) / 1e9;
    if (seconds * 1e9 >= INTERVAL_NANOS) {
      out.printf(
          Locale.ROOT,
          "%s: %d of %d %s in %s%s%n",
          task,
          done,
          total,
          unit,
          Numbers.duration(seconds),
          note.isEmpty() ? "" : ", " + note);
      out.flush();
    }
  }
}
