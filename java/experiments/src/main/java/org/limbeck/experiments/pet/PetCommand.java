// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.Callable;
import org.limbeck.experiments.run.DeviceOptions;
import org.limbeck.experiments.run.Options;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.RunOptions;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.transformer.Capacity;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains a translation Transformer and compressed students of it, and compares them. */
@Command(
    name = "pet",
    mixinStandardHelpOptions = true,
    description = {
      "Trains a translation Transformer, compresses it by PET (Jeon et al., PLOS ONE 2023) and by the"
          + " methods that the paper compares it with, and prints the comparison."
    },
    sortOptions = false,
    usageHelpWidth = 100,
    abbreviateSynopsis = true)
public final class PetCommand implements Callable<Integer> {
  /** Numbers that differ between a run on data and the smoke test. */
  private record Preset(
      int merges,
      int width,
      int studentWidth,
      int batchTokens,
      double learningRate,
      long rise,
      double epochs,
      double warmupEpochs,
      double teacherEpochs,
      double validateEvery,
      int validPairs,
      int speedSentences) {
    static final Preset DATA = new Preset(10_000, 192, 96, 2048, 1e-3, 1000, 6, 1, 6, 1, 500, 100);
    static final Preset SMOKE = new Preset(300, 48, 32, 256, 3e-3, 40, 6, 1, 12, 3, 0, 10);
  }

  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "The folder with train.de, train.en, valid.de, valid.en and test.de, test.en.")
  private Path data;

  @Option(
      names = "--smoke",
      description = "Train tiny models on 300 built-in pairs, in seconds: a test, not a result.")
  private boolean smoke;

  @Option(
      names = "--test",
      paramLabel = "NAME=DIR",
      description = {
        "A further folder with test sets; can be given several times; none: no further one."
            + " Default: the folders beside --data that hold tests in both languages."
      })
  private List<String> tests = new ArrayList<>();

  @Option(
      names = "--from",
      paramLabel = "SUFFIX",
      defaultValue = "de",
      description = "The language to translate from, as the files end. Default: ${DEFAULT-VALUE}.")
  private String source;

  @Option(
      names = "--to",
      paramLabel = "SUFFIX",
      defaultValue = "en",
      description = "The language to translate to. Default: ${DEFAULT-VALUE}.")
  private String target;

  @Option(
      names = "--tokenizer",
      paramLabel = "KIND",
      defaultValue = "moses",
      description = {
        "moses, or none: words are what is between spaces. Default: ${DEFAULT-VALUE}."
      })
  private String tokenizer;

  @Option(names = "--cased", description = "Keep upper case; by default all text is lower case.")
  private boolean cased;

  @Option(
      names = "--merges",
      paramLabel = "N",
      description = "Merges of byte pair encoding. Default: 10000.")
  private Integer merges;

  @Option(
      names = "--longest",
      paramLabel = "N",
      defaultValue = "400",
      description = "The longest sentence in subwords. Default: ${DEFAULT-VALUE}.")
  private int longest;

  @Option(
      names = "--drop-long",
      description = "Leave longer training pairs out; by default they are an error.")
  private boolean dropLong;

  @Option(
      names = "--length-ratio",
      paramLabel = "X",
      defaultValue = "0",
      description = {
        "Leave out training pairs of which one side has more than X times the subwords of the other;"
            + " 0: none. Default: ${DEFAULT-VALUE}."
      })
  private double lengthRatio;

  @Option(
      names = "--models",
      split = ",",
      paramLabel = "NAME",
      defaultValue = "pet,pkd,kd,can",
      description = {
        "The students: pet, pkd (patient distillation), kd (plain distillation), can (compressed"
            + " attention), and of the ablation small, repeat, swap, tied, pet-head, pet-ce-warmup;"
            + " pet:128 has another width of its encoder, pet@0.7/0.5 other thresholds. Default:"
            + " ${DEFAULT-VALUE}."
      })
  private List<String> models;

  @Option(names = "--ablation", description = "Train the ablation grid too.")
  private boolean ablation;

  @Option(
      names = "--sizes",
      split = ",",
      paramLabel = "WIDTH",
      description = {
        "Train pet, pkd, kd and can with these widths of the encoder too, multiples of 32, and a"
            + " teacher of each width."
      })
  private List<Integer> sizes = new ArrayList<>();

  @Option(
      names = "--width",
      paramLabel = "N",
      description = "The width of the teacher; 512 is the paper's. Default: 192.")
  private Integer width;

  @Option(
      names = "--student-width",
      paramLabel = "N",
      description = {
        "The width of the students' encoder, a multiple of 32; their decoder has three quarters of"
            + " it; 320 is the paper's. Default: 96."
      })
  private Integer studentWidth;

  @Option(
      names = "--seeds",
      split = ",",
      paramLabel = "SEED",
      defaultValue = "1",
      description = "Students' seeds; the first is the teachers' too. Default: ${DEFAULT-VALUE}.")
  private List<Long> seeds;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "Students' epochs, those of a warm-up included. Default: 6.")
  private Double epochs;

  @Option(
      names = "--warmup-epochs",
      paramLabel = "N",
      description = "Epochs of PET's warm-up; 0: none. Default: 1.")
  private Double warmupEpochs;

  @Option(
      names = "--teacher-epochs",
      paramLabel = "N",
      description = "Teachers' epochs. Default: 6.")
  private Double teacherEpochs;

  @Option(
      names = "--validate-every",
      paramLabel = "N",
      description = "Epochs between validations. Default: 1.")
  private Double validateEvery;

  @Option(
      names = "--patience",
      paramLabel = "N",
      defaultValue = "30",
      description = {
        "Validations without gain that end a student's training; 0: none. Default:"
            + " ${DEFAULT-VALUE}."
      })
  private int patience;

  @Option(
      names = "--teacher-patience",
      paramLabel = "N",
      defaultValue = "10",
      description = "The same of teachers. Default: ${DEFAULT-VALUE}.")
  private int teacherPatience;

  @Option(
      names = "--batch-tokens",
      paramLabel = "N",
      description = "The most (pairs) * (longest sentence) of a batch. Default: 2048.")
  private Integer batchTokens;

  @Option(
      names = "--lr",
      paramLabel = "RATE",
      description = "The peak learning rate. Default: 1e-3.")
  private Double learningRate;

  @Option(
      names = "--rise",
      paramLabel = "STEPS",
      description = {
        "Steps in which the learning rate rises; behind them it falls with the inverse square root."
            + " Default: 1000."
      })
  private Long rise;

  @Option(
      names = "--dropout",
      paramLabel = "P",
      defaultValue = "0.1",
      description = "Dropout; 0.3 is the paper's. Default: ${DEFAULT-VALUE}.")
  private double dropout;

  @Option(
      names = "--alpha",
      paramLabel = "A",
      defaultValue = "0.1",
      description = "The weight of the teacher's logits in PET and PKD. Default: ${DEFAULT-VALUE}.")
  private double alpha;

  @Option(
      names = "--kd-alpha",
      paramLabel = "A",
      defaultValue = "0.5",
      description = "The same in plain distillation. Default: ${DEFAULT-VALUE}.")
  private double kdAlpha;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "10",
      description = "The temperature of the logits. Default: ${DEFAULT-VALUE}.")
  private double temperature;

  @Option(
      names = "--beta",
      paramLabel = "B",
      defaultValue = "50",
      description = "The factor of the hidden states in PET and PKD. Default: ${DEFAULT-VALUE}.")
  private double beta;

  @Option(
      names = "--mapping",
      paramLabel = "KIND",
      defaultValue = "skip",
      description = {
        "Which layers of the teacher the hidden states are compared with: skip or last. Default:"
            + " ${DEFAULT-VALUE}."
      })
  private String mapping;

  @Option(
      names = "--thresholds",
      split = "/",
      paramLabel = "CORRECT/WRONG",
      defaultValue = "0.9/0.7",
      description = {
        "Above which probability the teacher counts as confident where it is correct, and where it is"
            + " wrong. Default: ${DEFAULT-VALUE}."
      })
  private List<Double> thresholds;

  @Option(
      names = "--train-pairs",
      paramLabel = "N",
      defaultValue = "0",
      description = "How many training pairs are used; 0: all. Default: ${DEFAULT-VALUE}.")
  private int trainPairs;

  @Option(
      names = "--valid-pairs",
      paramLabel = "N",
      description = "How many pairs a validation translates; 0: all. Default: 500.")
  private Integer validPairs;

  @Option(
      names = "--test-pairs",
      paramLabel = "N",
      defaultValue = "0",
      description = "How many pairs of each test set are used; 0: all. Default: ${DEFAULT-VALUE}.")
  private int testPairs;

  @Option(
      names = "--beam",
      paramLabel = "N",
      defaultValue = "5",
      description = "The beam of tests. Default: ${DEFAULT-VALUE}.")
  private int beam;

  @Option(
      names = "--valid-beam",
      paramLabel = "N",
      defaultValue = "5",
      description = "The beam of validations. Default: ${DEFAULT-VALUE}.")
  private int validBeam;

  @Option(
      names = "--speed-sentences",
      paramLabel = "N",
      description = "Sentences translated one by one to measure speed. Default: 100.")
  private Integer speedSentences;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "pet-out",
      description = {"Where models, results, plots and report.html go. Default: ${DEFAULT-VALUE}."})
  private Path out;

  @Mixin private DeviceOptions device;

  @Mixin private RunOptions run;

  /** For picocli. */
  public PetCommand() {}

  @Override
  public Integer call() {
    PrintWriter terminal = spec.commandLine().getOut();
    check();
    run.check();
    // Everything that can be refused is looked at before anything is written.
    List<String> further = smoke ? List.of() : PetData.besides(data, tests, source, target);
    PetData.Texts texts = smoke ? PetData.builtIn() : PetData.read(data, further, source, target);
    Settings settings = settings(texts, further);
    PetData.Prepared prepared = PetData.prepare(texts, settings);
    int longestRead = prepared.train().longest();
    Options.require(
        settings.batchTokens() >= longestRead,
        "--batch-tokens",
        settings.batchTokens(),
        "at least the longest training sentence, " + longestRead);
    List<ModelPlan> plans =
        new ModelPlan.Factory(
                settings,
                prepared.vocabulary().source().dictionary().size(),
                prepared.vocabulary().target().dictionary().size())
            .all();
    try (Limbeck limbeck = device.open();
        OutputDirectory directory = OutputDirectory.open(out, settings, run.resume())) {
      Trainer trainer =
          new Trainer(
              limbeck,
              settings,
              prepared,
              directory,
              new Trainer.Conduct(run.checkpointSeconds(), run.quiet()));
      Experiment.Outcome outcome =
          new Experiment(limbeck, settings, prepared, trainer, plans, terminal).run();
      finish(terminal, settings, prepared, directory, outcome);
    } catch (OutOfMemoryError e) {
      throw new BadInputException(
          "this run needs more memory than there is: give a smaller --batch-tokens", e);
    }
    return 0;
  }

  private void finish(
      PrintWriter terminal,
      Settings settings,
      PetData.Prepared prepared,
      OutputDirectory directory,
      Experiment.Outcome outcome) {
    Comparison comparison = new Comparison(outcome.results());
    terminal.println();
    terminal.print(comparison.plainText());
    comparison.besidePaper().ifPresent(words -> terminal.printf("%n%s%n", words));
    terminal.flush();
    run.writeResults(directory, comparison.csv(), comparison.json());
    Path report = new PetReport(settings, prepared, directory, comparison).write(outcome);
    terminal.println();
    terminal.println("report: " + report);
    terminal.flush();
  }

  private void check() {
    if (data == null && !smoke) {
      throw new BadInputException(
          "no --data: give a folder with train."
              + source
              + ", train."
              + target
              + ", valid."
              + source
              + ", valid."
              + target
              + ", a sentence a line, or --smoke for a few built-in pairs");
    }
    Options.require(data == null || !smoke, "--smoke", data, "no --data beside it");
    Options.require(
        !smoke || tests.isEmpty() && source.equals("de") && target.equals("en"),
        "--smoke",
        "other languages or tests",
        "none beside it");
    if (data != null && !Files.isDirectory(data)) {
      throw new BadInputException(
          "--data: " + data + " is no directory, expected one with train." + source);
    }
    Options.require(!source.equals(target), "--to", target, "another language than --from");
    Options.require(
        List.of("moses", "none").contains(tokenizer), "--tokenizer", tokenizer, "moses or none");
    Options.require(
        List.of("skip", "last").contains(mapping), "--mapping", mapping, "skip or last");
    Options.require(
        longest >= 2 && longest <= Capacity.MAX_LENGTH,
        "--longest",
        longest,
        "2 to " + Capacity.MAX_LENGTH);
    Options.require(
        lengthRatio == 0 || lengthRatio >= 1, "--length-ratio", lengthRatio, "0, or 1 or more");
    Options.require(trainPairs >= 0, "--train-pairs", trainPairs, "0 or more");
    Options.require(testPairs >= 0, "--test-pairs", testPairs, "0 or more");
    Options.require(patience >= 0, "--patience", patience, "0 or more");
    Options.require(teacherPatience >= 0, "--teacher-patience", teacherPatience, "0 or more");
    Options.require(dropout >= 0 && dropout < 1, "--dropout", dropout, "0 or more, below 1");
    Options.require(alpha >= 0 && alpha <= 1, "--alpha", alpha, "0 to 1");
    Options.require(kdAlpha > 0 && kdAlpha <= 1, "--kd-alpha", kdAlpha, "above 0, at most 1");
    Options.require(beta >= 0 && beta < 1e6, "--beta", beta, "0 or more");
    Options.requirePositive("--temperature", temperature);
    Options.require(
        thresholds.size() == 2 && thresholds.stream().allMatch(t -> t >= 0 && t <= 1),
        "--thresholds",
        thresholds,
        "two probabilities with a / between them");
    Options.require(beam >= 1, "--beam", beam, "1 or more");
    Options.require(validBeam >= 1, "--valid-beam", validBeam, "1 or more");
    device.check();
    Options.require(!seeds.isEmpty(), "--seeds", seeds, "at least one seed");
  }

  private static <T> T given(T option, T preset) {
    return option == null ? preset : option;
  }

  private List<String> models() {
    LinkedHashSet<String> names = new LinkedHashSet<>();
    models.stream().map(String::strip).filter(name -> !name.isEmpty()).forEach(names::add);
    if (ablation) {
      names.addAll(List.of("pet", "pkd"));
      names.addAll(ModelPlan.ABLATION);
      names.addAll(ModelPlan.THRESHOLDS);
    }
    for (int size : sizes) {
      for (String kind : ModelPlan.STUDENTS) {
        names.add(kind + ":" + size);
      }
    }
    return List.copyOf(names);
  }

  private Settings settings(PetData.Texts texts, List<String> further) {
    Preset preset = smoke ? Preset.SMOKE : Preset.DATA;
    Settings settings =
        new Settings(
            data == null ? "" : data.toString(),
            texts.digest(),
            source,
            target,
            further,
            tokenizer.equals("moses"),
            !cased,
            given(merges, preset.merges()),
            longest,
            dropLong,
            lengthRatio,
            trainPairs,
            given(validPairs, preset.validPairs()),
            testPairs,
            given(width, preset.width()),
            given(studentWidth, preset.studentWidth()),
            models(),
            List.copyOf(new LinkedHashSet<>(seeds)),
            given(batchTokens, preset.batchTokens()),
            given(learningRate, preset.learningRate()),
            given(rise, preset.rise()),
            dropout,
            given(epochs, preset.epochs()),
            given(warmupEpochs, preset.warmupEpochs()),
            given(teacherEpochs, preset.teacherEpochs()),
            given(validateEvery, preset.validateEvery()),
            patience,
            teacherPatience,
            beam,
            validBeam,
            alpha,
            kdAlpha,
            temperature,
            beta,
            mapping,
            thresholds.get(0),
            thresholds.get(1),
            given(speedSentences, preset.speedSentences()),
            device.device(),
            device.tf32());
    check(settings);
    return settings;
  }

  private static void check(Settings s) {
    Options.require(s.merges() >= 0, "--merges", s.merges(), "0 or more");
    Options.require(s.validPairs() >= 0, "--valid-pairs", s.validPairs(), "0 or more");
    Options.require(
        s.width() >= 8 && s.width() % 4 == 0, "--width", s.width(), "a multiple of 4, 8 or more");
    Options.require(
        s.studentWidth() >= 32 && s.studentWidth() % 32 == 0,
        "--student-width",
        s.studentWidth(),
        "a multiple of 32");
    Options.require(s.batchTokens() >= 2, "--batch-tokens", s.batchTokens(), "2 or more");
    Options.requirePositive("--lr", s.learningRate());
    Options.require(s.rise() >= 1, "--rise", s.rise(), "1 or more");
    Options.requirePositive("--epochs", s.epochs());
    Options.requirePositive("--teacher-epochs", s.teacherEpochs());
    Options.requirePositive("--validate-every", s.validateEvery());
    Options.require(
        s.warmupEpochs() >= 0 && s.warmupEpochs() < s.epochs(),
        "--warmup-epochs",
        s.warmupEpochs(),
        "0 or more, less than --epochs");
    Options.require(s.speedSentences() >= 1, "--speed-sentences", s.speedSentences(), "1 or more");
  }
}
