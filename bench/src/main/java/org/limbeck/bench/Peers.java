// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.limbeck.bench.step.StepPeer;
import org.limbeck.bench.step.StepProblem;
import org.limbeck.bench.step.TrainingStep;

/** Finds the libraries to compare with, and starts processes with the environment they need. */
final class Peers {
  /** They hold OpenBLAS to a processor or a cache that it would not choose by itself. */
  private static final List<String> SLOWS_OPENBLAS =
      List.of("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE");

  private Peers() {}

  /**
   * Returns a peer.
   *
   * @param name its name
   * @param problem what it computes on
   * @throws UsageException if it is not on the class path
   */
  static <P extends StepProblem> StepPeer<P> find(String name, Class<P> problem) {
    List<StepPeer<P>> peers = new ArrayList<>();
    for (StepPeer<?> peer : ServiceLoader.load(StepPeer.class)) {
      if (peer.problem() == problem) {
        @SuppressWarnings("unchecked") // It has just said so.
        StepPeer<P> right = (StepPeer<P>) peer;
        peers.add(right);
      }
    }
    if (peers.isEmpty()) {
      throw new UsageException(
          "--peer " + name + " needs the peers, which only a build with -Ppeers contains");
    }
    return peers.stream()
        .filter(peer -> peer.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "--peer is "
                        + name
                        + ", expected "
                        + peers.stream()
                            .map(peer -> peer.name())
                            .collect(Collectors.joining(" or "))));
  }

  /**
   * Makes a peer's step in this process.
   *
   * @param peer the peer
   * @param problem what it computes on
   * @param setting one of the peer's
   * @param threads the number of threads
   * @throws UsageException if it cannot be loaded here
   */
  static <P extends StepProblem> TrainingStep open(
      StepPeer<P> peer, P problem, String setting, int threads) {
    try {
      return peer.open(problem, setting, threads);
    } catch (LinkageError e) {
      throw new UsageException(
          "--peer " + peer.name() + " cannot be loaded here: " + e.getMessage(), e);
    }
  }

  /**
   * Runs a class in a JVM like this one, but for the environment, and copies its output.
   *
   * @param main the class
   * @param arguments its arguments
   * @param peer the peer that runs there
   * @param setting one of the peer's
   * @param threads the number of threads
   * @param out takes the standard output; the standard error stream goes to this process's
   * @return the exit code
   */
  static int run(
      Class<?> main,
      List<String> arguments,
      StepPeer<?> peer,
      String setting,
      int threads,
      PrintWriter out) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    Map<String, String> environment = builder.environment();
    SLOWS_OPENBLAS.forEach(environment::remove);
    for (String other : peer.settings()) {
      environment.keySet().removeAll(peer.environment(other, threads).keySet());
    }
    environment.putAll(peer.environment(setting, threads));
    try {
      Process process = builder.start();
      try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          out.println(line);
          out.flush();
        }
        return process.waitFor();
      } finally {
        process.destroy();
      }
    } catch (IOException e) {
      throw new UsageException("the peer's process could not be started: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UsageException("interrupted while the peer's process ran", e);
    }
  }
}
