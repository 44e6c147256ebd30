// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.Callable;
import org.limbeck.experiments.report.ResultTable;
import org.limbeck.experiments.report.RunResult;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.data.Task;
import org.limbeck.training.data.WordPieceTokenizer;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.io.ModelCatalog;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains ternary students of a real encoder and compares the losses of the paper. */
@Command(
    name = "qat-kd",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    description = {
      "Fine-tunes a pretrained encoder, then trains ternary students of it by quantization-aware",
      "training with the losses of Kim et al., EMNLP 2022, and prints the comparison."
    })
public final class QatKdCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "NAME|DIR",
      defaultValue = "minilm",
      description = "minilm, e5-small, bge-small, bert-base, or a directory of Hugging Face.")
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
        "Loss configurations: baseline, map, output, context, self_output, none, joined by +;",
        "map@5 has temperature 5, map@5^2 its square as a factor, map*0.5 a coefficient,",
        "layers:12.10 compares those hidden states alone."
      })
  private List<String> losses;

  @Option(names = "--seeds", split = ",", defaultValue = "42", description = "Students' seeds.")
  private List<Long> seeds;

  @Option(names = "--epochs", defaultValue = "0.5", description = "Students' epochs.")
  private double epochs;

  @Option(names = "--lr", defaultValue = "1e-4", description = "Students' peak learning rate.")
  private double learningRate;

  @Option(names = "--teacher-epochs", defaultValue = "1", description = "The teacher's epochs.")
  private double teacherEpochs;

  @Option(
      names = "--teacher-lr",
      defaultValue = "1e-4",
      description = "The teacher's peak learning rate.")
  private double teacherLearningRate;

  @Option(names = "--teacher-seed", defaultValue = "42", description = "The teacher's seed.")
  private long teacherSeed;

  @Option(names = "--batch", defaultValue = "0", description = "Examples a step; 0: the task's.")
  private int batch;

  @Option(
      names = "--length",
      defaultValue = "0",
      description = "The most word pieces of an example; 0: the task's.")
  private int length;

  @Option(
      names = "--padding",
      defaultValue = "longest",
      description = {
        "longest: of the batch; maximum: always the full length, as in the paper, whose losses",
        "count padded positions."
      })
  private String padding;

  @Option(
      names = "--train-examples",
      defaultValue = "0",
      description = "How many training examples are used; 0: all.")
  private int trainExamples;

  @Option(
      names = "--evaluations",
      defaultValue = "5",
      description = "Evaluations a run, evenly spaced; 0: the paper's interval.")
  private int evaluations;

  @Option(
      names = "--analysed",
      defaultValue = "16",
      description = "Examples of the development set that the analyses look at; 0: none.")
  private int analysed;

  @Option(
      names = "--hessian",
      paramLabel = "N",
      defaultValue = "0",
      description = {
        "Examples of the development set from which the leading eigenvalues of the loss's Hessian",
        "are found, for the first seed of each configuration; 0: none. Up to 600 forward and",
        "backward passes a mini-batch."
      })
  private int hessian;

  @Option(
      names = "--hessian-batch",
      defaultValue = "1",
      description = "Examples of a mini-batch there.")
  private int hessianBatch;

  @Option(names = "--device", defaultValue = "host", description = "host, or cuda.")
  private String device;

  @Option(names = "--threads", defaultValue = "0", description = "Threads; 0: all processors.")
  private int threads;

  @Option(names = "--out", paramLabel = "DIR", defaultValue = "qat-kd-out")
  private Path out;

  @Option(names = "--resume", description = "Go on with the run in --out.")
  private boolean resume;

  @Option(names = "--quiet", description = "Plain lines instead of a progress bar.")
  private boolean quiet;

  @Option(names = "--csv", paramLabel = "FILE", description = "Write the results as CSV too.")
  private Path csv;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the results as JSON too.")
  private Path json;

  /** For picocli. */
  public QatKdCommand() {}

  @Override
  public Integer call() {
    PrintWriter terminal = spec.commandLine().getOut();
    Settings settings = settings();
    // Everything that can be refused is looked at before anything is written.
    List<Task> chosen = settings.tasks().stream().map(Task::of).toList();
    try (HostMemory host = new HostMemory();
        Limbeck limbeck = open()) {
      PretrainedModel pretrained = ModelCatalog.standard().load(model, host);
      try (WordPieceTokenizer tokenizer = new WordPieceTokenizer(pretrained.vocabulary())) {
        List<TokenizedTask> read = new ArrayList<>();
        for (Task task : chosen) {
          read.add(
              TokenizedTask.read(task, data, settings, tokenizer, pretrained.config().positions()));
        }
        OutputDirectory directory = OutputDirectory.open(out, settings, resume);
        Experiment experiment =
            new Experiment(limbeck, pretrained, settings, directory, terminal, quiet);
        List<Experiment.Outcome> outcomes = new ArrayList<>();
        for (TokenizedTask task : read) {
          outcomes.add(experiment.run(task));
        }
        finish(terminal, settings, pretrained, tokenizer, directory, outcomes);
      }
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
    terminal.print(table.overview().plainText());
    terminal.flush();
    AtomicFiles.write(directory.root().resolve("results.csv"), table.csv());
    AtomicFiles.write(directory.root().resolve("results.json"), table.json());
    if (csv != null) {
      AtomicFiles.write(csv, table.csv());
    }
    if (json != null) {
      AtomicFiles.write(json, table.json());
    }
    Path report =
        new QatKdReport(settings, pretrained, directory, table, tokenizer::piece).write(outcomes);
    terminal.println();
    terminal.println("report: " + report);
    terminal.flush();
  }

  private Limbeck open() {
    int count = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    if (device.equals("host")) {
      return Limbeck.open(List.of(), count);
    }
    if (!device.equals("cuda")) {
      throw new BadInputException("--device " + device + " is unknown, expected host or cuda");
    }
    return Limbeck.open(Backends.discover(), new Device("cuda", 0), count);
  }

  private Settings settings() {
    for (String written : losses) {
      try {
        LossConfiguration.parse(written);
      } catch (IllegalArgumentException e) {
        throw new BadInputException(e.getMessage(), e);
      }
    }
    require(epochs > 0, "--epochs", epochs, "a number above 0");
    require(teacherEpochs > 0, "--teacher-epochs", teacherEpochs, "a number above 0");
    require(learningRate > 0, "--lr", learningRate, "a number above 0");
    require(teacherLearningRate > 0, "--teacher-lr", teacherLearningRate, "a number above 0");
    require(batch >= 0, "--batch", batch, "0 or more");
    require(length == 0 || length >= 3, "--length", length, "0, or 3 or more");
    require(trainExamples >= 0, "--train-examples", trainExamples, "0 or more");
    require(evaluations >= 0, "--evaluations", evaluations, "0 or more");
    require(analysed >= 0, "--analysed", analysed, "0 or more");
    require(hessian >= 0, "--hessian", hessian, "0 or more");
    require(hessianBatch >= 1, "--hessian-batch", hessianBatch, "1 or more");
    require(threads >= 0, "--threads", threads, "0 or more");
    require(
        padding.equals("longest") || padding.equals("maximum"),
        "--padding",
        padding,
        "longest or maximum");
    return new Settings(
        model,
        List.copyOf(new LinkedHashSet<>(tasks)),
        List.copyOf(new LinkedHashSet<>(losses)),
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
        device);
  }

  private static void require(boolean holds, String option, Object given, String expected) {
    if (!holds) {
      throw new BadInputException(option + ": given " + given + ", expected " + expected);
    }
  }
}
