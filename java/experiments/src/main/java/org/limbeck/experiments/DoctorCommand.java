// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import com.google.gson.GsonBuilder;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.limbeck.experiments.report.MachineFacts;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.kernels.backend.Backend;
import org.limbeck.kernels.backend.Backends;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Reports what was found on this machine and what was not, and why. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = "Shows what was found and what was not, and why: JDK, flags, CPU, backends.")
final class DoctorCommand implements Callable<Integer> {
  private static final List<String> FEATURES =
      List.of(
          "avx2",
          "fma",
          "avx512f",
          "avx512bw",
          "avx512vl",
          "avx512_vnni",
          "avx512_bf16",
          "avx512vbmi",
          "avx512_fp16",
          "avx_vnni",
          "amx_tile",
          "asimd",
          "sve",
          "sve2");

  @Spec private CommandSpec spec;

  @Option(names = "--json", paramLabel = "FILE", description = "Writes the report as JSON.")
  private Path json;

  @Override
  public Integer call() {
    Map<String, String> report = report();
    PrintWriter out = spec.commandLine().getOut();
    report.forEach((key, value) -> out.printf("%-16s %s%n", key, value));
    out.flush();
    if (json != null) {
      AtomicFiles.write(json, new GsonBuilder().setPrettyPrinting().create().toJson(report) + "\n");
    }
    return 0;
  }

  private static Map<String, String> report() {
    Map<String, String> report = new LinkedHashMap<>();
    report.put(
        "jdk",
        System.getProperty("java.vendor") + " " + System.getProperty("java.runtime.version"));
    report.put(
        "vm", System.getProperty("java.vm.name") + ", " + System.getProperty("java.vm.info"));
    report.put("flags", String.join(" ", ManagementFactory.getRuntimeMXBean().getInputArguments()));
    report.put(
        "vector module",
        ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
            ? "jdk.incubator.vector is there"
            : "absent; start the JVM with --add-modules jdk.incubator.vector");
    report.put(
        "native access",
        DoctorCommand.class.getModule().isNativeAccessEnabled()
            ? "enabled"
            : "not enabled; start the JVM with --enable-native-access=ALL-UNNAMED");
    report.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    report.put("processors", Integer.toString(Runtime.getRuntime().availableProcessors()));
    report.put("cpu", MachineFacts.cpuInfo("model name"));
    report.put("cpu features", features());
    try (Backends backends = Backends.discover()) {
      for (Backend backend : backends.available()) {
        report.put("backend " + backend.name(), backend.description() + ", on " + backend.device());
      }
      for (Backends.Missing missing : backends.missing()) {
        String remedy = missing.remedy().isEmpty() ? "" : "; " + missing.remedy();
        report.put("backend " + missing.name(), "absent: " + missing.reason() + remedy);
      }
    }
    return report;
  }

  private static String features() {
    String flags =
        " " + MachineFacts.cpuInfo("flags") + " " + MachineFacts.cpuInfo("Features") + " ";
    return FEATURES.stream()
        .filter(feature -> flags.contains(" " + feature + " "))
        .collect(Collectors.joining(" "));
  }
}
