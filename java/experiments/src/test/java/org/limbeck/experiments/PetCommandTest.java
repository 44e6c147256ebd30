// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.limbeck.experiments.Run.assertBadInput;
import static org.limbeck.experiments.Run.assertFine;
import static org.limbeck.experiments.Run.killWhenThereIs;
import static org.limbeck.experiments.Run.limbeck;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code limbeck pet} and {@code limbeck translate} on the built-in pairs. */
class PetCommandTest {
  @TempDir private static Path shared;

  @TempDir private Path directory;

  private static List<String> arguments(Path out, String... more) {
    List<String> all = new ArrayList<>(List.of("pet", "--smoke", "--quiet"));
    all.addAll(List.of("--teacher-epochs", "2", "--epochs", "2", "--warmup-epochs", "1"));
    all.addAll(List.of("--validate-every", "1", "--valid-pairs", "6", "--valid-beam", "2"));
    all.addAll(List.of("--test-pairs", "8", "--speed-sentences", "3"));
    all.addAll(List.of("--out", out.toString()));
    all.addAll(List.of(more));
    return all;
  }

  private static Run run(Path out, String... more) {
    return limbeck(arguments(out, more));
  }

  /** A finished run with PET alone, made once. */
  private static synchronized Path finished() {
    Path out = shared.resolve("finished");
    if (!Files.exists(out)) {
      assertFine(run(out, "--models", "pet"));
    }
    return out;
  }

  /** What must not depend on interruptions and threads: networks, curves and BLEU, not times. */
  private static Map<String, String> results(Path out) throws Exception {
    Map<String, String> found = new TreeMap<>();
    try (Stream<Path> files = Files.walk(out)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = out.relativize(file).toString();
        if (name.endsWith(".safetensors") || name.endsWith(".bin") || name.contains("text/")) {
          byte[] sha = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
          found.put(name, HexFormat.of().formatHex(sha));
        } else if (name.endsWith("training.json") || name.endsWith("result.json")) {
          JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
          for (String time : List.of("seconds", "trainingRate", "single", "batched")) {
            json.remove(time);
          }
          if (json.has("tests")) {
            for (JsonElement test : json.getAsJsonArray("tests")) {
              test.getAsJsonObject().remove("seconds");
            }
          }
          found.put(name, json.toString());
        }
      }
    }
    return found;
  }

  @Test
  void comparesAllStudentsWithTheirTeacher() throws IOException {
    Path out = directory.resolve("out");
    Path csv = directory.resolve("copy.csv");
    Run run =
        run(
            out,
            "--models",
            "pet,pkd,kd,can,small,pet-head,pet-ce-warmup,pet:64",
            "--csv",
            "" + csv);
    assertFine(run);
    List<String> models =
        List.of(
            "teacher",
            "matched",
            "pet",
            "pkd",
            "kd",
            "can",
            "small",
            "pet-head",
            "pet-ce-warmup",
            "matched:64",
            "pet:64");
    for (String model : models) {
      assertTrue(run.out().lines().anyMatch(line -> line.startsWith(model + " ")), model);
    }
    assertEquals(Files.readString(csv), Files.readString(out.resolve("results.csv")));
    assertEquals(1 + models.size(), Files.readAllLines(csv).size());
    JsonArray results =
        JsonParser.parseString(Files.readString(out.resolve("results.json")))
            .getAsJsonObject()
            .getAsJsonArray("results");
    JsonObject pet = results.get(2).getAsJsonObject();
    long teacher = results.get(0).getAsJsonObject().get("parameters").getAsLong();
    long parameters = pet.get("parameters").getAsLong();
    assertEquals(
        100.0 * (teacher - parameters) / teacher, pet.get("sizeCutPercent").getAsDouble(), 1e-9);
    assertEquals(4, pet.getAsJsonArray("labels").size());
    JsonObject single = pet.getAsJsonObject("single");
    double ratio =
        single.get("sentences").getAsDouble()
            / single.get("seconds").getAsDouble()
            / (3
                / results
                    .get(0)
                    .getAsJsonObject()
                    .getAsJsonObject("single")
                    .get("seconds")
                    .getAsDouble());
    assertEquals(100 * (ratio - 1), pet.get("fasterPercentSingle").getAsDouble(), 1e-6);
    assertEquals(100 * (1 - 1 / ratio), pet.get("timeSavedPercentSingle").getAsDouble(), 1e-6);
    assertTrue(Files.size(out.resolve("plots/size.png")) > 5000);
    assertTrue(Files.size(out.resolve("plots/learning.png")) > 5000);
    String order = "BLEU in order: ";
    int begin = run.out().indexOf(order) + order.length();
    assertTrue(begin >= order.length(), run.out());
    List<Double> scores =
        Arrays.stream(run.out().substring(begin, run.out().indexOf(". ", begin)).split(", "))
            .map(cell -> Double.valueOf(cell.substring(cell.indexOf(' ') + 1)))
            .toList();
    assertEquals(scores.stream().sorted(Comparator.reverseOrder()).toList(), scores);
    assertEquals(5, scores.size());
    String report = Files.readString(out.resolve("report.html"));
    for (String text :
        List.of(order, "PET is ", "Classes of the warm-up", "reference", "pet-ce-warmup")) {
      assertTrue(report.contains(text), text);
    }
  }

  @Test
  void aRunKilledInTheMiddleEndsWithTheSameBits() throws Exception {
    Map<String, String> expected = results(finished());
    for (String place : List.of("teacher/seed-1", "pet/seed-1/warmup", "pet/seed-1")) {
      Path killed = directory.resolve("killed-" + place.replace('/', '-'));
      killInTheMiddle(killed, killed.resolve("models").resolve(place));
      assertFalse(Files.exists(killed.resolve("results.csv")), place);
      assertFine(run(killed, "--models", "pet", "--resume"));
      assertEquals(expected, results(killed), place);
    }
  }

  /** Runs in another process and kills that when a folder has its first checkpoint. */
  private void killInTheMiddle(Path out, Path folder) throws Exception {
    Path checkpoint = folder.resolve("checkpoint.safetensors");
    killWhenThereIs(
        arguments(out, "--models", "pet", "--checkpoint", "0"),
        checkpoint,
        directory.resolve("child.txt"));
  }

  @Test
  void threadsDoNotChangeABit() throws Exception {
    Path other = directory.resolve("other");
    assertFine(run(other, "--models", "pet", "--threads", "3"));
    assertEquals(results(finished()), results(other));
  }

  @Test
  void anEarlierRunIsNeitherOverwrittenNorMixed() throws Exception {
    Path out = finished();
    Map<String, String> before = results(out);
    assertBadInput("holds an earlier run", run(out, "--models", "pet"));
    assertBadInput(
        "holds a run of other settings", run(out, "--models", "pet", "--lr", "0.1", "--resume"));
    assertFine(run(out, "--models", "pet", "--resume"));
    assertEquals(before, results(out));
  }

  private Path data(String... files) throws IOException {
    Path data = Files.createDirectories(directory.resolve("data"));
    String german = "Der Hund bellt.\nDie Katze schläft.\nDer Hund schläft.\n";
    String english = "The dog barks.\nThe cat sleeps.\nThe dog sleeps.\n";
    for (String split : List.of("train", "valid", "test")) {
      Files.writeString(data.resolve(split + ".de"), german);
      Files.writeString(data.resolve(split + ".en"), english);
    }
    for (int i = 0; i < files.length; i += 2) {
      Files.writeString(data.resolve(files[i]), files[i + 1]);
    }
    return data;
  }

  private Run onData(Path data, String... more) {
    List<String> all = new ArrayList<>(List.of("pet", "--quiet", "--data", data.toString()));
    all.addAll(List.of("--out", directory.resolve("out").toString(), "--merges", "20"));
    all.addAll(List.of("--width", "16", "--student-width", "32", "--models", "kd"));
    all.addAll(List.of("--teacher-epochs", "1", "--epochs", "1", "--warmup-epochs", "0"));
    all.addAll(List.of(more));
    return limbeck(all);
  }

  @Test
  void trainsOnAFolder() throws IOException {
    Path more = data();
    Run run = onData(more, "--test", "more=" + more, "--length-ratio", "5", "--cased");
    assertFine(run);
    assertTrue(run.out().contains("test set data: 3 sentences"), run.out());
    assertTrue(run.out().contains("test set more: 3 sentences"), run.out());
    Run changed = onData(data("test.en", "One.\nTwo.\nThree.\n"), "--resume");
    assertBadInput("holds a run of other settings", changed);
  }

  @Test
  void theTestsOfFoldersBesideTheDataAreTaken() throws IOException {
    Path data = data();
    Path beside = Files.createDirectory(directory.resolve("beside"));
    Files.writeString(beside.resolve("test2016.de"), "eins\nzwei\n");
    Files.writeString(beside.resolve("test2016.en"), "one\ntwo\n");
    Path half = Files.createDirectory(directory.resolve("half"));
    Files.writeString(half.resolve("test.de"), "eins\n");
    Run all = onData(data);
    assertFine(all);
    assertTrue(all.out().contains("test set beside-2016: 2 sentences"), all.out());
    assertFalse(all.out().contains("half"), all.out());
    assertBadInput("holds a run of other settings", onData(data, "--resume", "--test", "none"));
  }

  @Test
  void badInputIsOneSentence() throws IOException {
    Path out = directory.resolve("out");
    assertBadInput("no --data: give a folder with train.de", limbeck("pet", "--out", "" + out));
    assertBadInput("is no directory", onData(directory.resolve("none")));
    assertBadInput("train.de has 3 lines and ", onData(data("train.en", "a\nb\n")));
    assertBadInput("valid.en, line 2: an empty line", onData(data("valid.en", "a\n\nb\n")));
    assertBadInput(
        "test.de, line 3: a sentence of",
        onData(data("test.de", "a\nb\n" + "x ".repeat(30) + "\n"), "--longest", "20"));
    Files.delete(data().resolve("valid.de"));
    assertBadInput("No file ", onData(directory.resolve("data")));
    Path fine = data();
    assertBadInput("--models: given gpt, expected some of pet,", onData(fine, "--models", "gpt"));
    assertBadInput("multiple of 32", onData(fine, "--models", "pet:20"));
    assertBadInput("--student-width", onData(fine, "--student-width", "40"));
    assertBadInput("--tokenizer", onData(fine, "--tokenizer", "words"));
    assertBadInput("--warmup-epochs", onData(fine, "--warmup-epochs", "2"));
    assertBadInput("--test: given here, expected NAME=DIR", onData(fine, "--test", "here"));
    assertBadInput("holds no file test.de", onData(fine, "--test", "x=" + directory));
    assertBadInput("--thresholds", onData(fine, "--thresholds", "0.9"));
    assertBadInput("--batch-tokens", onData(fine, "--batch-tokens", "3"));
    assertBadInput("--smoke", limbeck("pet", "--smoke", "--data", fine.toString()));
    assertBadInput("cuda", onData(fine, "--device", "abacus"));
    assertBadInput("--tf32: given --device host", onData(fine, "--tf32"));
    assertBadInput("--tf32: given --device host", translate("", fine, "--tf32"));
    assertFalse(Files.exists(out), "nothing is written before all is checked");
  }

  private static Run translate(byte[] text, Path model, String... more) {
    InputStream before = System.in;
    try {
      System.setIn(new ByteArrayInputStream(text));
      List<String> all = new ArrayList<>(List.of("translate", "--model", model.toString()));
      all.addAll(List.of(more));
      return limbeck(all);
    } finally {
      System.setIn(before);
    }
  }

  private static Run translate(String text, Path model, String... more) {
    return translate(text.getBytes(StandardCharsets.UTF_8), model, more);
  }

  @Test
  void translatesLineByLine() throws IOException {
    Path model = finished().resolve("models/pet/seed-1");
    Run run = translate("Der Mann sieht den Hund.\n\nWo ist der Bahnhof?", model, "--beam", "2");
    assertFine(run);
    List<String> lines = run.out().lines().toList();
    assertEquals(3, lines.size(), run.out());
    assertEquals("", lines.get(1));
    // One at a time or together, with the same result.
    assertEquals(
        run.out(),
        translate(
                "Der Mann sieht den Hund.\n\nWo ist der Bahnhof?",
                model,
                "--beam",
                "2",
                "--batch",
                "1")
            .out());
    assertEquals("", translate("", model).out());
    Run unknown = translate("Ein \u0142abe.\n", model);
    assertFine(unknown);
    assertTrue(unknown.err().contains("line 1: the model's vocabulary lacks"), unknown.err());
    assertTrue(unknown.err().contains("\u0142"), unknown.err());
    Run refused = translate("Ein Hund.\nEin \u0142abe.\n", model, "--refuse-unknown");
    assertBadInput("line 2: the model's vocabulary lacks", refused);
    assertEquals(1, refused.out().lines().count(), "what was before is kept");
    assertBadInput("line 1: a sentence of ", translate("Hund ".repeat(1100), model));
    assertBadInput("no text in UTF-8", translate(new byte[] {'a', (byte) 0xe4, '\n'}, model));
  }

  @Test
  void aModelThatDoesNotFitIsRefused() throws IOException {
    Path model = finished().resolve("models/pet/seed-1");
    assertBadInput("is no directory", translate("a", directory.resolve("none")));
    assertBadInput("config.json", translate("a", directory));
    Path copy = directory.resolve("copy");
    try (Stream<Path> files = Files.walk(model)) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(model.relativize(file).toString()));
      }
    }
    Path dictionary = copy.resolve("text/dict.en.txt");
    List<String> lines = Files.readAllLines(dictionary);
    Files.write(dictionary, lines.subList(0, lines.size() - 8));
    assertBadInput("its dictionaries have", translate("a", copy));
    Files.writeString(dictionary, "word\n");
    assertBadInput("dict.en.txt, line 1", translate("a", copy));
    Files.delete(dictionary);
    assertBadInput("No file " + dictionary, translate("a", copy));
    Files.write(dictionary, lines);
    Path weights = copy.resolve("model.safetensors");
    Files.write(weights, Arrays.copyOf(Files.readAllBytes(weights), 3000));
    assertBadInput("model.safetensors", translate("a", copy));
  }
}
