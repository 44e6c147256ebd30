// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.io.HuggingFaceDirectory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;

/** A model of two layers and a GLUE of a few dozen sentences, which train in a moment. */
public final class TinyInput {
  /** The number of examples to train on, in each task. */
  public static final int TRAIN = 64;

  private static final int DEV = 24;
  private static final int SEED = 7;
  private static final List<String> RELATIONS = List.of("contradiction", "neutral", "entailment");
  private static final List<String> WORDS =
      List.of(
          ("[PAD] [UNK] [CLS] [SEP] [MASK] , . the a one this that cat dog bird horse fish tree house"
                  + " river road stone sees hears finds takes makes breaks holds leaves likes wants"
                  + " small large old new red green blue fast slow quiet not never always often here"
                  + " there now then and or but ##s ##ed ##ing")
              .split(" "));

  private TinyInput() {}

  /** Writes a model of two layers of width 16 with random numbers. */
  public static Path model(Path directory) {
    BertConfig config = new BertConfig(2, 16, 2, 32, WORDS.size(), 32, 2, 1e-12);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        HostMemory host = new HostMemory()) {
      Map<String, Matrix> tensors = new HashMap<>();
      BertClassifier shapes = new BertClassifier(compute, config, 1, Quantization.NONE);
      int stream = 0;
      for (Parameter parameter : shapes.parameters().all()) {
        if (!parameter.name().startsWith("classifier.")) {
          tensors.put(parameter.name(), numbers(host, parameter, stream++));
        }
      }
      HuggingFaceDirectory.write(
          directory,
          new PretrainedModel(
              "tiny",
              config,
              tensors,
              new PretrainedModel.WordPieceList(String.join("\n", WORDS) + "\n")),
          Map.of());
    }
    return directory;
  }

  private static Matrix numbers(HostMemory host, Parameter parameter, int stream) {
    Matrix shape = parameter.value();
    float[] numbers = new float[(int) shape.elements()];
    boolean scale = parameter.name().endsWith("LayerNorm.weight");
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (scale ? 1 : 0) + 0.2f * Philox.word(SEED, stream, i, 0) * 0x1p-31f;
    }
    return host.copyOf(numbers, (int) shape.rows(), (int) shape.cols());
  }

  /** Writes the tasks CoLA, RTE, STS-B and MNLI in GLUE's columns. */
  public static Path glue(Path directory) {
    for (String split : List.of("train", "dev")) {
      int count = split.equals("train") ? TRAIN : DEV;
      List<String> cola = new ArrayList<>();
      List<String> rte = new ArrayList<>(List.of("index\tsentence1\tsentence2\tlabel"));
      List<String> mnli = new ArrayList<>(List.of(String.join("\t", "abcdefghijkl".split(""))));
      List<String> stsb = new ArrayList<>(List.of(String.join("\t", "abcdefghij".split(""))));
      for (int i = 0; i < count; i++) {
        int number = split.equals("train") ? i : TRAIN + i;
        String a = sentence(2 * number);
        String b = sentence(2 * number + 1);
        int shared = shared(a, b);
        cola.add("t\t" + (a.contains("not") ? 0 : 1) + "\t\t" + a);
        rte.add(number + "\t" + a + "\t" + b + "\t" + (shared > 2 ? "" : "not_") + "entailment");
        mnli.add("-\t".repeat(8) + a + "\t" + b + "\t-\t" + RELATIONS.get(Math.min(2, shared)));
        stsb.add(number + "\t-\t-\t-\t-\t-\t-\t" + a + "\t" + b + "\t" + Math.min(5, shared));
      }
      write(directory.resolve("CoLA").resolve(split + ".tsv"), cola);
      write(directory.resolve("RTE").resolve(split + ".tsv"), rte);
      write(directory.resolve("STS-B").resolve(split + ".tsv"), stsb);
      Path genres = directory.resolve("MNLI");
      if (split.equals("train")) {
        write(genres.resolve("train.tsv"), mnli);
      } else {
        write(genres.resolve("dev_matched.tsv"), mnli);
        mnli.subList(1, 1 + DEV / 2).clear();
        write(genres.resolve("dev_mismatched.tsv"), mnli);
      }
    }
    return directory;
  }

  /** Writes lines, making the folder. */
  public static void write(Path file, List<String> lines) {
    try {
      Files.createDirectories(file.getParent());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    AtomicFiles.write(file, String.join("\n", lines) + "\n");
  }

  private static String sentence(int number) {
    List<String> words = new ArrayList<>();
    int length = 4 + Integer.remainderUnsigned(Philox.word(SEED, 1000, number, 0), 6);
    for (int i = 0; i < length; i++) {
      int word = Integer.remainderUnsigned(Philox.word(SEED, 1001 + number, i, 0), 43);
      words.add(WORDS.get(7 + word));
    }
    if (number % 3 == 0) {
      words.set(1, "not");
    }
    return String.join(" ", words) + " .";
  }

  private static int shared(String a, String b) {
    List<String> words = new ArrayList<>(List.of(a.split(" ")));
    words.retainAll(List.of(b.split(" ")));
    return words.size();
  }
}
