// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.limbeck.experiments.Run.assertBadInput;
import static org.limbeck.experiments.Run.assertFine;
import static org.limbeck.experiments.Run.killWhenThereIs;
import static org.limbeck.experiments.Run.limbeck;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs of {@code limbeck qat-kd} on a tiny model and data of a few dozen sentences. */
class QatKdCommandTest {
  @TempDir private static Path input;
  @TempDir private Path directory;

  private static Path model;
  private static Path glue;

  @BeforeAll
  static void writeInput() {
    model = TinyInput.model(input.resolve("tiny"));
    glue = TinyInput.glue(input.resolve("glue"));
  }

  /** The arguments of a short run with two losses and two seeds; later ones override. */
  private List<String> arguments(String task, Path out, String... more) {
    Map<String, String> options = new TreeMap<>();
    options.put("--model", model.toString());
    options.put("--data", glue.toString());
    options.put("--task", task);
    options.put("--losses", "baseline,map+output");
    options.put("--seeds", "1,2");
    options.put("--epochs", "2");
    options.put("--batch", "16");
    options.put("--length", "24");
    options.put("--evaluations", "2");
    options.put("--analysed", "2");
    options.put("--threads", "2");
    options.put("--out", out.toString());
    List<String> switches = new ArrayList<>();
    for (int i = 0; i < more.length; i++) {
      if (i + 1 < more.length && !more[i + 1].startsWith("--")) {
        options.put(more[i], more[++i]);
      } else {
        switches.add(more[i]);
      }
    }
    List<String> arguments = new ArrayList<>(List.of("qat-kd", "--quiet"));
    options.forEach((name, value) -> arguments.addAll(List.of(name, value)));
    arguments.addAll(switches);
    return arguments;
  }

  private Run run(String task, Path out, String... more) {
    return limbeck(arguments(task, out, more));
  }

  /** Asserts a refusal that came before anything was written. */
  private void assertRefused(String message, String task, String... more) throws IOException {
    Path out = directory.resolve("refused");
    assertBadInput(message, run(task, out, more));
    assertFalse(Files.exists(out), message);
  }

  /** Returns what a run left that must not depend on the clock, by its path. */
  private static Map<String, String> results(Path out) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> files = Files.walk(out)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = out.relativize(file).toString();
        if (name.endsWith(".safetensors")
            || name.endsWith("analysis.json")
            || name.endsWith("hessian.json")) {
          contents.put(name, hex(file));
        } else if (name.equals("results.json") || name.endsWith("training.json")) {
          JsonElement json = JsonParser.parseString(Files.readString(file));
          removeTimes(json);
          contents.put(name, json.toString());
        }
      }
    }
    return contents;
  }

  private static String hex(Path file) throws IOException {
    return java.util.HexFormat.of().formatHex(Files.readAllBytes(file));
  }

  private static void removeTimes(JsonElement json) {
    if (json instanceof JsonObject object) {
      object.remove("seconds");
      object.remove("sentences_per_second");
      object.asMap().values().forEach(QatKdCommandTest::removeTimes);
    } else if (json instanceof JsonArray array) {
      array.forEach(QatKdCommandTest::removeTimes);
    }
  }

  @Test
  void aWholeRunLeavesTableResultsNetworksPlotsAndReport() throws IOException {
    Path out = directory.resolve("out");
    Path csv = directory.resolve("copy.csv");
    Run run = run("cola,stsb", out, "--csv", csv.toString());
    assertFine(run);
    for (String expected :
        List.of(
            "cola, matthews, points",
            "stsb, ",
            "configuration",
            "std. dev.",
            "to baseline",
            "to teacher",
            "time a run",
            "full size",
            "packed",
            "quantized, untrained",
            "constant guess",
            "map+output",
            "average",
            "packed students beside their teacher, activations i8",
            "sentences/s",
            "report: " + out.resolve("report.html"))) {
      assertTrue(run.out().contains(expected), expected + " in " + run.out());
    }
    // For each task: teacher, constant guess, untrained, two losses of two seeds.
    List<String> lines = Files.readAllLines(csv);
    assertEquals(1 + 2 * (3 + 2 * 2), lines.size());
    assertEquals(lines, Files.readAllLines(out.resolve("results.csv")));
    JsonObject json = json(out.resolve("results.json"));
    assertEquals(lines.size() - 1, json.getAsJsonArray("runs").size());
    assertEquals(2 * 3, json.getAsJsonArray("packed").size());
    String report = Files.readString(out.resolve("report.html"));
    assertTrue(report.contains("Packed students of the first seed"));
    assertTrue(report.contains("Task cola") && report.contains("Task stsb"));
    for (String task : List.of("cola", "stsb")) {
      for (String plot : List.of("learning", "ranking-loss", "cover-ratio", "maps", "sa-gen")) {
        assertTrue(Files.size(out.resolve("plots/" + task + "-" + plot + ".png")) > 1000, plot);
      }
      assertTrue(Files.exists(out.resolve("teachers/" + task + "/best.safetensors")));
      for (String losses : List.of("baseline", "map+output")) {
        Path student = out.resolve("students/" + task).resolve(losses);
        assertTrue(Files.exists(student.resolve("seed-1/analysis.json")));
        assertTrue(Files.exists(student.resolve("seed-1/packed/packed.json")));
        assertFalse(Files.exists(student.resolve("seed-2/packed")));
        assertNotEquals(
            hex(student.resolve("seed-1/best.safetensors")),
            hex(student.resolve("seed-2/best.safetensors")));
        assertFalse(Files.exists(student.resolve("seed-1/checkpoint.safetensors")));
      }
    }
    assertTrue(run.out().lines().allMatch(line -> line.length() <= 110), run.out());
  }

  @Test
  void packedStudentsAnswerAsTheyWereTrained() throws IOException {
    Path out = directory.resolve("out");
    String[] shape = {"--packed", "f32", "--resume"};
    for (String task : List.of("cola", "stsb")) {
      assertFine(run(task, out.resolve(task), shape));
      JsonObject json = json(out.resolve(task).resolve("results.json"));
      Map<String, JsonObject> packed = new TreeMap<>();
      for (JsonElement element : json.getAsJsonArray("packed")) {
        JsonObject row = element.getAsJsonObject();
        packed.put(row.get("configuration").getAsString(), row);
        assertEquals(task, row.get("task").getAsString());
        assertEquals(24, row.get("examples").getAsInt());
        assertTrue(row.get("sentences_per_second").getAsDouble() > 0, row.toString());
        assertTrue(row.get("disk_bytes").getAsLong() > row.get("memory_bytes").getAsLong());
      }
      assertEquals(List.of("baseline", "map+output", "teacher"), List.copyOf(packed.keySet()));
      assertTrue(packed.get("teacher").get("differing").isJsonNull());
      int judged = 0;
      for (JsonElement element : json.getAsJsonArray("runs")) {
        JsonObject run = element.getAsJsonObject();
        JsonObject row = packed.get(run.get("configuration").getAsString());
        if (row != null && run.get("seed").getAsInt() != 2) {
          double value = run.get("best").getAsDouble();
          assertEquals(value, row.get("value").getAsDouble(), task.equals("cola") ? 0 : 3);
          judged++;
          if (!row.get("differing").isJsonNull()) {
            assertEquals(0, row.get("differing").getAsInt(), row.toString());
            assertEquals(run.get("packed_bytes").getAsLong(), row.get("memory_bytes").getAsLong());
          }
        }
      }
      assertEquals(3, judged);
    }
    Run without = run("cola", out.resolve("cola"), "--packed", "none", "--resume");
    assertFine(without);
    assertFalse(without.out().contains("packed students"), without.out());
    JsonObject json = json(out.resolve("cola/results.json"));
    assertEquals(0, json.getAsJsonArray("packed").size());
  }

  private static JsonObject json(Path file) throws IOException {
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  @Test
  void otherGenresOfMnliAreATaskOfTheirOwn() throws IOException {
    Path out = directory.resolve("out");
    assertFine(run("mnli", out, "--seeds", "1", "--losses", "map"));
    JsonObject json = json(out.resolve("results.json"));
    Map<String, Double> best = new TreeMap<>();
    for (JsonElement element : json.getAsJsonArray("runs")) {
      JsonObject run = element.getAsJsonObject();
      best.put(
          run.get("task").getAsString() + " " + run.get("configuration").getAsString(),
          run.get("best").getAsDouble());
    }
    for (String configuration :
        List.of("teacher", "constant guess", "quantized, untrained", "map")) {
      // 24 examples, and 12 of other genres.
      for (String task : List.of("mnli 24", "mnli-mismatched 12")) {
        String[] name = task.split(" ");
        double right = best.get(name[0] + " " + configuration) / 100 * Integer.parseInt(name[1]);
        assertEquals(Math.rint(right), right, 1e-9, task + " " + configuration);
      }
    }
    assertEquals(8, best.size());
    assertTrue(best.values().stream().distinct().count() > 2, best::toString);
  }

  @Test
  void aFolderInUseIsLeftAlone() throws IOException {
    Path out = Files.createDirectories(directory.resolve("out"));
    try (FileChannel other =
        FileChannel.open(
            out.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      other.lock();
      assertBadInput("is in use by another run", run("cola", out, "--losses", "map"));
    }
    assertFalse(Files.exists(out.resolve("settings.json")));
    assertFine(run("cola", out, "--losses", "map", "--seeds", "1"));
  }

  @Test
  void eigenvaluesOfHessiansAreReportedAndKept() throws IOException {
    Path out = directory.resolve("out");
    String[] shape = {"--hessian", "1", "--analysed", "0", "--resume"};
    assertFine(run("cola", out, shape));
    Path students = out.resolve("students/cola");
    String report = Files.readString(out.resolve("report.html"));
    assertTrue(report.contains("in each of 1 mini-batches of 1"), "caption");
    FileTime early = FileTime.fromMillis(0);
    for (String losses : List.of("baseline", "map+output")) {
      Path file = students.resolve(losses).resolve("seed-1/hessian.json");
      JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
      assertEquals(1, json.get("examples").getAsInt());
      JsonArray batches = json.getAsJsonObject("spectrum").getAsJsonArray("batches");
      assertEquals(1, batches.size());
      JsonArray eigenvalues = batches.get(0).getAsJsonArray();
      assertEquals(3, eigenvalues.size());
      double largest = 0;
      for (JsonElement eigenvalue : eigenvalues) {
        double value = eigenvalue.getAsJsonObject().get("value").getAsDouble();
        assertTrue(Double.isFinite(value) && value != 0, json.toString());
        largest = Math.abs(value) > Math.abs(largest) ? value : largest;
      }
      String written = String.format(Locale.ROOT, "%.4g", largest);
      assertTrue(report.contains(">" + written + "<"), written);
      assertFalse(Files.exists(students.resolve(losses).resolve("seed-2/hessian.json")));
      Files.setLastModifiedTime(file, early);
    }
    Map<String, String> before = results(out);
    assertFine(run("cola", out, shape));
    assertEquals(before, results(out));
    Path kept = students.resolve("baseline/seed-1/hessian.json");
    assertEquals(early, Files.getLastModifiedTime(kept));
    // One that is not there is found again, with the same bits.
    Files.delete(kept);
    assertFine(run("cola", out, shape));
    assertEquals(before, results(out));
  }

  @Test
  void equalSettingsGiveEqualBitsWhateverTheThreads() throws IOException {
    Path first = directory.resolve("first");
    Path second = directory.resolve("second");
    assertFine(run("rte", first));
    assertFine(run("rte", second, "--threads", "3"));
    Map<String, String> expected = results(first);
    // A teacher and four students with their states, two analyses, two packed, the results.
    assertEquals(2 * 5 + 2 + 2 + 1, expected.size(), expected.keySet()::toString);
    assertEquals(expected, results(second));
  }

  @Test
  void aRunKilledInTheMiddleEndsWithTheSameBits() throws Exception {
    String[] shape = {"--epochs", "60", "--losses", "map", "--seeds", "1"};
    Path whole = directory.resolve("whole");
    assertFine(run("cola", whole, shape));
    Path killed = directory.resolve("killed");
    List<String> arguments = new ArrayList<>(arguments("cola", killed, shape));
    arguments.addAll(List.of("--checkpoint", "0"));
    Path checkpoint = killed.resolve("students/cola/map/seed-1/checkpoint.safetensors");
    killWhenThereIs(arguments, checkpoint, directory.resolve("child.txt"));
    assertFalse(Files.exists(killed.resolve("results.csv")));
    arguments.add("--resume");
    assertFine(limbeck(arguments));
    assertEquals(results(whole), results(killed));
  }

  @Test
  void anEarlierRunIsNeitherOverwrittenNorMixed() throws IOException {
    Path out = directory.resolve("out");
    assertFine(run("cola", out, "--losses", "map", "--seeds", "1"));
    Map<String, String> before = results(out);
    assertBadInput("holds an earlier run", run("cola", out, "--losses", "map", "--seeds", "1"));
    assertBadInput(
        "holds a run of other settings",
        run("cola", out, "--losses", "map", "--seeds", "1", "--lr", "2e-4", "--resume"));
    assertEquals(before, results(out));
    assertFine(run("cola", out, "--losses", "map", "--seeds", "1", "--resume"));
    assertEquals(before, results(out));
  }

  @Test
  void damagedFilesOfAnEarlierRunAreNamed() throws IOException {
    Path out = directory.resolve("out");
    String[] shape = {"--losses", "map", "--seeds", "1", "--hessian", "1", "--resume"};
    assertFine(run("cola", out, shape));
    Path student = out.resolve("students/cola/map/seed-1");
    for (Path file :
        List.of(
            out.resolve("settings.json"),
            out.resolve("teachers/cola/best.safetensors"),
            out.resolve("teachers/cola/training.json"),
            student.resolve("training.json"),
            student.resolve("analysis.json"),
            student.resolve("hessian.json"),
            student.resolve("packed/packed.json"),
            student.resolve("packed/packed.safetensors"))) {
      byte[] content = Files.readAllBytes(file);
      Files.write(file, java.util.Arrays.copyOf(content, content.length / 2));
      assertBadInput(file.toString(), run("cola", out, shape));
      Files.write(file, new byte[0]);
      assertBadInput(file.toString(), run("cola", out, shape));
      Files.write(file, content);
    }
    Files.writeString(student.resolve("training.json"), "{\"bestStep\": 3}");
    assertBadInput("training.json", run("cola", out, shape));
    Files.delete(student.resolve("training.json"));
    // The student's file is no checkpoint: it lacks the optimizer's moments.
    Path checkpoint = student.resolve("checkpoint.safetensors");
    Files.copy(student.resolve("best.safetensors"), checkpoint);
    assertBadInput("has no tensor first_moment", run("cola", out, shape));
    Files.write(checkpoint, java.util.Arrays.copyOf(Files.readAllBytes(checkpoint), 5000));
    assertBadInput(checkpoint.toString(), run("cola", out, shape));
    Files.delete(checkpoint);
    assertFine(run("cola", out, shape));
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuda", "cuda-emulated"})
  void aDeviceThatIsAbsentIsOneSentence(String device) throws IOException {
    String why = Run.whyAbsent(device);
    assumeFalse(why.isEmpty(), device + " is there");
    assertRefused("no backend works on " + device + ":0: ", "cola", "--device", device);
    assertRefused(why, "cola", "--device", device);
  }

  @Test
  void badOptionsAreOneSentence() throws IOException {
    assertRefused("Unknown task \"colour\"", "colour");
    assertRefused("model none is unknown", "cola", "--model", "none");
    assertRefused("given the term 'maps'", "cola", "--losses", "maps");
    assertRefused("expected layers 0 to 2", "cola", "--losses", "map+layers:12.10");
    assertRefused("expected longest, grouped or maximum", "cola", "--padding", "none");
    assertRefused(
        "--device: given disk, expected host, cuda or cuda-emulated", "cola", "--device", "disk");
    assertRefused(
        "--tf32: given --device host, expected --device cuda or cuda-emulated", "cola", "--tf32");
    assertRefused("--threads", "cola", "--threads", "-1");
    assertRefused("--hessian", "cola", "--hessian", "-1");
    assertRefused("--packed: given i4", "cola", "--packed", "i4");
    assertRefused("--hessian-batch", "cola", "--hessian-batch", "0");
    assertRefused("--epochs", "cola", "--epochs", "0");
    assertRefused("--epochs", "cola", "--epochs", "Infinity");
    assertRefused("--lr", "cola", "--lr", "NaN");
    assertRefused("--seeds", "cola", "--seeds", "one");
    assertRefused("32 positions of the model", "cola", "--length", "33");
    assertRefused("32 positions of the model", "cola", "--length", "0");
    assertRefused("--length", "cola", "--length", "2");
  }

  @Test
  void badDataIsNamedByFileAndLine() throws IOException {
    assertRefused("expected the folder", "mrpc");
    Path none = directory.resolve("none");
    assertRefused("expected the folder", "cola", "--data", none.toString());
    List<String> arguments = new ArrayList<>(arguments("cola", directory.resolve("refused")));
    int data = arguments.indexOf("--data");
    arguments.subList(data, data + 2).clear();
    assertBadInput("give --data DIR", limbeck(arguments));
    Path broken = TinyInput.glue(directory.resolve("glue"));
    Path dev = broken.resolve("RTE/dev.tsv");
    TinyInput.write(dev, List.of("index\tsentence1\tsentence2\tlabel", "0\tthe cat\tthe dog"));
    assertRefused(dev + ", line 2: 3 columns", "rte", "--data", broken.toString());
    TinyInput.write(dev, List.of("header", "0\tthe cat\tthe dog\tmaybe"));
    assertRefused(dev + ", line 2: label \"maybe\"", "rte", "--data", broken.toString());
    TinyInput.write(dev, List.of("index\tsentence1\tsentence2\tlabel"));
    assertRefused(dev + ": no example", "rte", "--data", broken.toString());
    Files.delete(dev);
    assertRefused("No file " + dev, "rte", "--data", broken.toString());
  }

  @Test
  void damagedModelsAreNamed() throws IOException {
    Path damaged = TinyInput.model(directory.resolve("model"));
    Path weights = damaged.resolve("model.safetensors");
    byte[] content = Files.readAllBytes(weights);
    for (int length : new int[] {content.length - 1, content.length / 2, 100, 5, 0}) {
      Files.write(weights, java.util.Arrays.copyOf(content, length));
      assertRefused(weights.toString(), "cola", "--model", damaged.toString());
    }
    Files.write(weights, content);
    Path config = damaged.resolve("config.json");
    String text = Files.readString(config);
    for (String[] change :
        new String[][] {
          {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"},
          {"\"hidden_size\": 16", "\"hidden_size\": 15"},
          {"\"vocab_size\"", "\"vocabulary\""},
          {"\"bert\"", "\"gpt2\""},
          {"{", "["}
        }) {
      Files.writeString(config, text.replace(change[0], change[1]));
      assertRefused(directory.toString(), "cola", "--model", damaged.toString());
    }
    Files.writeString(config, text);
    Path vocabulary = damaged.resolve("vocab.txt");
    String pieces = Files.readString(vocabulary);
    Files.writeString(vocabulary, pieces.replace("[SEP]", "[sep]"));
    assertRefused("[SEP]", "cola", "--model", damaged.toString());
    Files.delete(vocabulary);
    assertRefused("neither tokenizer.json nor vocab.txt", "cola", "--model", damaged.toString());
  }

  @Test
  void filesThatCannotBeWrittenAreNamed() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "kept");
    assertBadInput("cannot be written", run("cola", file));
    assertBadInput("cannot be written", run("cola", file.resolve("below")));
    assertEquals("kept", Files.readString(file));
    String missing = directory.resolve("none/out.csv").toString();
    assertRefused("is no directory", "cola", "--csv", missing);
    assertRefused("it is a directory", "cola", "--json", directory.toString());
  }

  @Test
  void aFullDiskIsOneSentence() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "no /dev/full on this system, so no disk that is full");
    Path out = directory.resolve("out");
    Path csv = Files.createSymbolicLink(directory.resolve("full.csv"), full);
    assertBadInput(
        csv + ": the file cannot be written: No space left on device",
        run("cola", out, "--losses", "map", "--seeds", "1", "--csv", csv.toString()));
    assertTrue(Files.exists(out.resolve("results.csv")));
  }

  @Test
  void helpDescribesEveryOption() {
    Run run = limbeck(List.of("qat-kd", "--help"));
    assertFine(run);
    for (String expected :
        List.of("Usage: limbeck qat-kd", "--export", "--out=DIR", "qat-kd-out")) {
      assertTrue(run.out().contains(expected), run.out());
    }
    Main.commandLine()
        .getSubcommands()
        .get("qat-kd")
        .getCommandSpec()
        .options()
        .forEach(option -> assertTrue(option.description().length > 0, option.longestName()));
  }
}
