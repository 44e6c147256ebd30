// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * Names the benchmarks in the list of commands. They are a module that depends on this one's
 * libraries and on peers that nothing else may depend on, and so the launcher starts them itself.
 */
@Command(
    name = "bench",
    description = "Measures kernels beside the machine's ceilings and other libraries.")
final class BenchCommand implements Runnable {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Override
  public void run() {
    throw new CommandLine.ParameterException(
        spec.commandLine(), "bench is a program of its own; ./limbeck bench starts it");
  }
}
