// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** What the machine and the JVM of a run are, as far as they bear on its numbers. */
public final class MachineFacts {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private MachineFacts() {}

  /** Returns a table of facts: processor, memory, system, JDK, flags. */
  public static TextTable table() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("processor", cpuInfo("model name")));
    rows.add(List.of("processors", Integer.toString(Runtime.getRuntime().availableProcessors())));
    rows.add(
        List.of(
            "memory of the JVM",
            String.format(Locale.ROOT, "at most %.1f GB", Runtime.getRuntime().maxMemory() / 1e9)));
    rows.add(
        List.of(
            "system",
            property("os.name") + " " + property("os.version") + ", " + property("os.arch")));
    rows.add(List.of("JDK", property("java.vendor") + " " + property("java.runtime.version")));
    rows.add(
        List.of(
            "JVM flags",
            String.join(" ", ManagementFactory.getRuntimeMXBean().getInputArguments())));
    return TextTable.pairs("fact", "value", rows);
  }

  /**
   * Returns a line of {@code /proc/cpuinfo}.
   *
   * @param key what the line begins with
   * @return the first value of that key; empty if there is none; on systems without such a file, a
   *     text that says so
   */
  public static String cpuInfo(String key) {
    if (!Files.isReadable(CPU_INFO)) {
      return "unknown: this system has no " + CPU_INFO;
    }
    try (Stream<String> lines = Files.lines(CPU_INFO)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).trim())
          .findFirst()
          .orElse("");
    } catch (IOException e) {
      return "unknown: " + e.getMessage();
    }
  }

  private static String property(String key) {
    return System.getProperty(key, "unknown");
  }
}
