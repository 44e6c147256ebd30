// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.limbeck.experiments.pet.PetCommand;
import org.limbeck.experiments.pet.TranslateCommand;
import org.limbeck.experiments.qatkd.ExportCommand;
import org.limbeck.experiments.qatkd.QatKdCommand;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.DeviceException;
import org.limbeck.vectors.VectorFormatException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * The command {@code limbeck}. Exits 0 on success, 1 on a failed check, 2 on bad usage or bad
 * input.
 */
@Command(
    name = "limbeck",
    mixinStandardHelpOptions = true,
    version = "limbeck 0.1.0",
    description = "Kernels for knowledge distillation and quantization-aware training.",
    subcommands = {
      QatKdCommand.class,
      ExportCommand.class,
      PetCommand.class,
      TranslateCommand.class,
      SelftestCommand.class,
      BenchCommand.class,
      DoctorCommand.class
    },
    synopsisSubcommandLabel = "COMMAND")
public final class Main implements Runnable {
  static final int FAILED = 1;
  static final int BAD_INPUT = 2;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  /** For picocli. */
  public Main() {}

  /** Runs a command line and ends the JVM with its exit code. */
  public static void main(String[] arguments) {
    // Sentences come and go in UTF-8, whatever the locale.
    System.exit(commandLine().setOut(utf8(System.out)).setErr(utf8(System.err)).execute(arguments));
  }

  private static PrintWriter utf8(PrintStream stream) {
    return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
  }

  /** Returns the command line; tests give it other streams. */
  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setParameterExceptionHandler(Main::reportUsage)
        .setExecutionExceptionHandler(Main::reportFailure);
  }

  @Override
  public void run() {
    throw new CommandLine.ParameterException(spec.commandLine(), "a command is missing");
  }

  private static int reportUsage(CommandLine.ParameterException e, String[] arguments) {
    PrintWriter err = e.getCommandLine().getErr();
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    err.println("limbeck: " + e.getMessage() + " (" + command + " --help shows the usage)");
    err.flush();
    return BAD_INPUT;
  }

  /**
   * Bad input gets one sentence, and so does a device that fails. Anything else is a defect of this
   * program, and keeps its trace.
   */
  static int reportFailure(Exception e, CommandLine commandLine, CommandLine.ParseResult result)
      throws Exception {
    if (e instanceof VectorFormatException
        || e instanceof BackendUnavailableException
        || e instanceof BadInputException) {
      commandLine.getErr().println("limbeck: " + e.getMessage());
      commandLine.getErr().flush();
      return BAD_INPUT;
    }
    if (e instanceof DeviceException) {
      commandLine.getErr().println("limbeck: the device failed: " + e.getMessage());
      commandLine.getErr().flush();
      return FAILED;
    }
    throw e;
  }
}
