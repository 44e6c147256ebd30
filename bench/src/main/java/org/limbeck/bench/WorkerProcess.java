// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.limbeck.bench.peer.Peer;

/** A {@link Worker} in a JVM like this one, but for the environment. */
final class WorkerProcess implements AutoCloseable {
  /** They hold OpenBLAS to a processor or a cache that it would not choose by itself. */
  private static final List<String> CLEARED = List.of("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE");

  /** Each library has threads of its own, and a variable that numbers them. */
  private static final List<String> THREAD_VARIABLES =
      List.of("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS");

  private final Process process;
  private final Writer requests;
  private final BufferedReader answers;

  /**
   * An answer.
   *
   * @param kind one of the worker's
   * @param fields what follows it
   */
  record Answer(String kind, List<String> fields) {}

  /** Starts the process; without a peer where both are null. */
  WorkerProcess(Peer peer, Peer.Setting setting, int threads, int millis, boolean once) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Models of half a gigabyte take more heap than the process that asks for them may have.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> !argument.startsWith("-Xmx"))
        .forEach(command::add);
    // A peer counts its memory against limits that JavaCPP derives from the size of the heap.
    command.addAll(
        List.of("-Dorg.bytedeco.javacpp.maxBytes=0", "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"));
    // Compilers in the background take a processor that the calls on several threads need.
    command.add("-XX:-BackgroundCompilation");
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Worker.class.getName()));
    command.addAll(
        List.of(
            peer == null ? "" : peer.name(),
            Integer.toString(threads),
            Integer.toString(millis),
            Boolean.toString(once)));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    Map<String, String> environment = builder.environment();
    environment.keySet().removeAll(CLEARED);
    THREAD_VARIABLES.forEach(name -> environment.put(name, Integer.toString(threads)));
    if (setting != null) {
      environment.putAll(setting.environment());
    }
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    requests = process.outputWriter(StandardCharsets.UTF_8);
    answers = process.inputReader(StandardCharsets.UTF_8);
  }

  /**
   * Asks for a measurement and waits for it.
   *
   * @return the answer; one that failed, with the exit code, where the process ended
   */
  Answer ask(Worker.Request request) {
    try {
      requests.write(request.line() + "\n");
      requests.flush();
      for (String line = answers.readLine(); line != null; line = answers.readLine()) {
        String[] fields = line.split("\t", -1);
        if (fields[0].equals(Worker.MARK)) {
          return new Answer(fields[1], Arrays.asList(fields).subList(2, fields.length));
        }
      }
    } catch (IOException e) {
      // The process ended; how, its exit code tells below.
    }
    return new Answer("ended", List.of("its process ended with exit code " + exitCode()));
  }

  private int exitCode() {
    try {
      return process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a measurement ran", e);
    }
  }

  @Override
  public void close() {
    try {
      requests.close(); // the end of its input ends the worker
    } catch (IOException e) {
      // It has ended already.
    }
    exitCode();
    process.destroy();
  }
}
