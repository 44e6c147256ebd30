// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.Callable;
import org.limbeck.experiments.report.PackedTable;
import org.limbeck.experiments.report.ResultTable;
import org.limbeck.experiments.report.RunResult;
import org.limbeck.experiments.run.DeviceOptions;
import org.limbeck.experiments.run.Options;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.RunOptions;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.data.Task;
import org.limbeck.training.data.WordPieceTokenizer;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.io.ModelCatalog;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains ternary students of a real encoder and compares the losses of the paper. */
@Command(
    name = "qat-kd",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    description = {
      "Fine-tunes a pretrained encoder, then trains ternary students of it by"
          + " quantization-aware training with the losses of Kim et al., EMNLP 2022, and prints the"
          + " comparison."
    },
    sortOptions = false,
    usageHelpWidth = 100,
    abbreviateSynopsis = true)
public final class QatKdCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "NAME|DIR",
      defaultValue = "minilm",
      description =
          "minilm, e5-small, bge-small, bert-base, or a directory in Hugging Face's layout.")
  private String model;

  @Option(
      names = "--task",
      split = ",",
      paramLabel = "TASK",
      defaultValue = "languagetool",
      description = "One or more of languagetool, cola, sst2, rte, stsb, mrpc, qnli, qqp, mnli.")
  private List<String> tasks;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "The folder of GLUE's tasks; languagetool needs none.")
  private Path data;

  @Option(
      names = "--losses",
      split = ",",
      paramLabel = "LOSS",
      defaultValue = "baseline,map,output,map+output",
      description = {
        "Loss configurations: baseline, map, output, context, self_output, none, joined by +;"
            + " map@5 has temperature 5, map@5^2 its square as a factor, map*0.5 a coefficient,"
            + " layers:12.10 compares those hidden states alone. The first is the baseline of the"
            + " table."
      })
  private List<String> losses;

  @Option(
      names = "--seeds",
      split = ",",
      paramLabel = "SEED",
      defaultValue = "42",
      description = "Students' seeds.")
  private List<Long> seeds;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "0.5",
      description = "Students' epochs.")
  private double epochs;

  @Option(
      names = "--lr",
      paramLabel = "RATE",
      defaultValue = "1e-4",
      description = "Students' peak learning rate.")
  private double learningRate;

  @Option(
      names = "--teacher-epochs",
      paramLabel = "N",
      defaultValue = "1",
      description = "The teacher's epochs.")
  private double teacherEpochs;

  @Option(
      names = "--teacher-lr",
      paramLabel = "RATE",
      defaultValue = "5e-5",
      description = "The teacher's peak learning rate.")
  private double teacherLearningRate;

  @Option(
      names = "--teacher-seed",
      paramLabel = "SEED",
      defaultValue = "42",
      description = "The teacher's seed.")
  private long teacherSeed;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "0",
      description = "Examples a step; 0: the task's.")
  private int batch;

  @Option(
      names = "--length",
      paramLabel = "N",
      defaultValue = "0",
      description = "The most word pieces of an example; 0: the task's.")
  private int length;

  @Option(
      names = "--padding",
      paramLabel = "KIND",
      defaultValue = "grouped",
      description = {
        "longest: of the batch; grouped: the same with batches of examples of like length;"
            + " maximum: always the full length, as in the paper, whose losses count padded"
            + " positions."
      })
  private String padding;

  @Option(
      names = "--train-examples",
      paramLabel = "N",
      defaultValue = "0",
      description = "How many training examples are used; 0: all.")
  private int trainExamples;

  @Option(
      names = "--evaluations",
      paramLabel = "N",
      defaultValue = "2",
      description = "Evaluations a run, evenly spaced; 0: the paper's interval.")
  private int evaluations;

  @Option(
      names = "--analysed",
      paramLabel = "N",
      defaultValue = "16",
      description = "Examples of the development set that the analyses look at; 0: none.")
  private int analysed;

  @Option(
      names = "--hessian",
      paramLabel = "N",
      defaultValue = "0",
      description = {
        "Examples of the development set from which the leading eigenvalues of the loss's Hessian"
            + " are found, for the first seed of each configuration; 0: none. Up to 600 forward"
            + " and backward passes a mini-batch."
      })
  private int hessian;

  @Option(
      names = "--hessian-batch",
      paramLabel = "N",
      defaultValue = "1",
      description = "Examples of a mini-batch of --hessian.")
  private int hessianBatch;

  @Option(
      names = "--packed",
      paramLabel = "KIND",
      defaultValue = "i8",
      description = {
        "How the packed student of the first seed of each configuration is judged beside the"
            + " teacher: i8, products of int8 activations, quantized by row, and 2-bit weights;"
            + " f32, of activations as quantized in training; none: no student is packed."
      })
  private String packed;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "qat-kd-out",
      description = "Where results, networks, plots and report.html go.")
  private Path out;

  @Option(
      names = "--export",
      description = {
        "Write each trained network in Hugging Face's layout too, in a folder"
            + " hugging-face beside its best.safetensors; a student's values are the latent ones."
      })
  private boolean export;

  @Mixin private DeviceOptions device;

  @Mixin private RunOptions run;

  /** For picocli. */
  public QatKdCommand() {}

  @Override
  public Integer call() {
    PrintWriter terminal = spec.commandLine().getOut();
    Settings settings = settings();
    activations();
    // Everything that can be refused is looked at before anything is written.
    List<Task> chosen = settings.tasks().stream().map(Task::of).toList();
    run.check();
    try (HostMemory host = new HostMemory();
        Limbeck limbeck = device.open()) {
      PretrainedModel pretrained = ModelCatalog.standard().load(model, host);
      requireLayers(settings, pretrained.config().layers());
      try (WordPieceTokenizer tokenizer = new WordPieceTokenizer(pretrained.vocabulary())) {
        List<TokenizedTask> read = new ArrayList<>();
        for (Task task : chosen) {
          read.add(TokenizedTask.read(task, data, settings, tokenizer, pretrained.config()));
        }
        try (OutputDirectory directory = OutputDirectory.open(out, settings, run.resume())) {
          Experiment experiment =
              new Experiment(
                  limbeck,
                  pretrained,
                  settings,
                  directory,
                  terminal,
                  new Experiment.Conduct(
                      run.checkpointSeconds(), export, activations(), run.quiet()));
          List<Experiment.Outcome> outcomes = new ArrayList<>();
          for (TokenizedTask task : read) {
            outcomes.add(experiment.run(task));
          }
          finish(terminal, settings, pretrained, tokenizer, directory, outcomes);
        }
      }
    } catch (OutOfMemoryError e) {
      throw new BadInputException(
          "this run needs more memory than there is: give a smaller --batch or --length", e);
    }
    return 0;
  }

  private void finish(
      PrintWriter terminal,
      Settings settings,
      PretrainedModel pretrained,
      WordPieceTokenizer tokenizer,
      OutputDirectory directory,
      List<Experiment.Outcome> outcomes) {
    List<RunResult> results =
        outcomes.stream().flatMap(outcome -> outcome.results().stream()).toList();
    ResultTable table = new ResultTable(results, settings.losses().get(0), Experiment.TEACHER);
    terminal.println();
    terminal.print(table.plainText());
    PackedTable packedTable =
        new PackedTable(outcomes.stream().flatMap(outcome -> outcome.packed().stream()).toList());
    if (!packedTable.isEmpty()) {
      terminal.println();
      terminal.println("packed students beside their teacher, activations " + packed);
      terminal.print(packedTable.table().plainText());
    }
    terminal.flush();
    run.writeResults(directory, table.csv(), table.json(packedTable));
    Path report =
        new QatKdReport(settings, pretrained, directory, table, packedTable, tokenizer::piece)
            .write(outcomes);
    terminal.println();
    terminal.println("report: " + report);
    terminal.flush();
  }

  /** Returns how packed students take their activations, or null if none are wanted. */
  private Activations activations() {
    return switch (packed) {
      case "i8" -> Activations.I8_ROW;
      case "f32" -> Activations.F32;
      case "none" -> null;
      default ->
          throw new BadInputException("--packed: given " + packed + ", expected i8, f32 or none");
    };
  }

  private Settings settings() {
    List<String> names = losses.stream().map(String::strip).toList();
    for (String written : names) {
      try {
        LossConfiguration.parse(written);
      } catch (IllegalArgumentException e) {
        throw new BadInputException(e.getMessage(), e);
      }
    }
    Options.requirePositive("--epochs", epochs);
    Options.requirePositive("--teacher-epochs", teacherEpochs);
    Options.requirePositive("--lr", learningRate);
    Options.requirePositive("--teacher-lr", teacherLearningRate);
    Options.require(batch >= 0, "--batch", batch, "0 or more");
    Options.require(length == 0 || length >= 3, "--length", length, "0, or 3 or more");
    Options.require(trainExamples >= 0, "--train-examples", trainExamples, "0 or more");
    Options.require(evaluations >= 0, "--evaluations", evaluations, "0 or more");
    Options.require(analysed >= 0, "--analysed", analysed, "0 or more");
    Options.require(hessian >= 0, "--hessian", hessian, "0 or more");
    Options.require(hessianBatch >= 1, "--hessian-batch", hessianBatch, "1 or more");
    device.check();
    Options.require(
        List.of("longest", "grouped", "maximum").contains(padding),
        "--padding",
        padding,
        "longest, grouped or maximum");
    return new Settings(
        model,
        List.copyOf(new LinkedHashSet<>(tasks.stream().map(String::strip).toList())),
        List.copyOf(new LinkedHashSet<>(names)),
        List.copyOf(new LinkedHashSet<>(seeds)),
        learningRate,
        epochs,
        teacherLearningRate,
        teacherEpochs,
        teacherSeed,
        batch,
        length,
        padding,
        trainExamples,
        evaluations,
        analysed,
        hessian,
        hessianBatch,
        device.device(),
        device.tf32());
  }

  private static void requireLayers(Settings settings, int layers) {
    for (String losses : settings.losses()) {
      for (int index : LossConfiguration.parse(losses).hiddenLayers()) {
        Options.require(
            index >= 0 && index <= layers, "--losses " + losses, index, "layers 0 to " + layers);
      }
    }
  }
}
