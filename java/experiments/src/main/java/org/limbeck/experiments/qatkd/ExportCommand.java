// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.RecordFile;
import org.limbeck.experiments.run.TrainingLoop;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.checkpoint.Checkpoint;
import org.limbeck.training.data.Task;
import org.limbeck.training.io.ModelCatalog;
import org.limbeck.training.io.PackedDirectory;
import org.limbeck.training.nn.Compute;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes a network that {@code qat-kd} trained with packed weights. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    description = {
      "Writes a student that qat-kd trained with ternary weights of 2 bits: packed.json,"
          + " packed.safetensors and the vocabulary. What was written is opened again and checked."
    },
    sortOptions = false,
    usageHelpWidth = 100)
public final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--from",
      required = true,
      paramLabel = "DIR",
      description = {
        "The folder of a network below --out of qat-kd: students/TASK/LOSSES/seed-N, or"
            + " teachers/TASK for the teacher quantized without further training."
      })
  private Path from;

  @Option(
      names = "--to",
      required = true,
      paramLabel = "DIR",
      description = "Where the files go; made if it is not there.")
  private Path to;

  @Option(
      names = "--model",
      paramLabel = "NAME|DIR",
      description = "The encoder that the run began with, if it is not where it was then.")
  private String model;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the sizes as JSON too.")
  private Path json;

  /** For picocli. */
  public ExportCommand() {}

  /** Where a network is: the folder of its run, and the task. */
  private record Origin(Settings settings, Task task, boolean isTeacher) {
    static Origin of(Path folder) {
      Path absolute = folder.toAbsolutePath().normalize();
      if (!Files.exists(TrainingLoop.best(absolute))) {
        throw new BadInputException(
            folder
                + " holds no "
                + TrainingLoop.best(absolute).getFileName()
                + ", expected the folder of a network that qat-kd trained, such as"
                + " students/TASK/LOSSES/seed-N");
      }
      for (Path root = absolute.getParent(); root != null; root = root.getParent()) {
        Path settings = OutputDirectory.settings(root);
        if (Files.exists(settings)) {
          Path below = root.relativize(absolute);
          String kind = below.getName(0).toString();
          if (below.getNameCount() < 2
              || !List.of(Folders.TEACHERS, Folders.STUDENTS).contains(kind)) {
            break;
          }
          return new Origin(
              RecordFile.read(settings, Settings.class, OutputDirectory.SETTINGS),
              Task.of(below.getName(1).toString()),
              kind.equals(Folders.TEACHERS));
        }
      }
      throw new BadInputException(
          folder + " is not below teachers or students of a folder with the settings of a run");
    }
  }

  @Override
  public Integer call() {
    Origin origin = Origin.of(from);
    OutputDirectory.requireWritable(json);
    PrintWriter terminal = spec.commandLine().getOut();
    try (HostMemory host = new HostMemory();
        Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      PretrainedModel pretrained =
          ModelCatalog.standard().load(model == null ? origin.settings().model() : model, host);
      BertClassifier network =
          new BertClassifier(
              compute, pretrained.config(), origin.task().labels(), Quantization.TERNARY);
      Checkpoint.load(TrainingLoop.best(from), compute.memory(), network.parameters(), null);
      PackedComparison.write(to, compute, network, pretrained, origin.task().id());
      long full = ModelSize.of(network).fullBytes();
      try (PackedDirectory packed = PackedDirectory.open(to)) {
        long memory = packed.model().bytes();
        if (origin.isTeacher()) {
          terminal.println("the teacher was not trained with these weights: expect worse answers");
        }
        terminal.printf(
            Locale.ROOT,
            "%s: task %s, %.2f MB in memory and %.2f MB on disk without the vocabulary;"
                + " %.2f MB in full precision, %.1f times as much%n",
            to,
            origin.task().id(),
            memory / 1e6,
            packed.diskBytes() / 1e6,
            full / 1e6,
            (double) full / memory);
        terminal.flush();
        if (json != null) {
          JsonObject object = new JsonObject();
          object.addProperty("task", origin.task().id());
          object.addProperty("model", pretrained.name());
          object.addProperty("full_bytes", full);
          object.addProperty("memory_bytes", memory);
          object.addProperty("disk_bytes", packed.diskBytes());
          AtomicFiles.write(
              json, new GsonBuilder().setPrettyPrinting().create().toJson(object) + "\n");
        }
      }
    }
    return 0;
  }
}
