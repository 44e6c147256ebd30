// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.limbeck.experiments.Run.assertBadInput;
import static org.limbeck.experiments.Run.assertFine;
import static org.limbeck.experiments.Run.limbeck;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code limbeck export} on what a short run left. */
class ExportCommandTest {
  @TempDir private static Path input;
  @TempDir private Path directory;

  private static Path model;
  private static Path run;
  private static Path student;

  @BeforeAll
  static void train() {
    model = TinyInput.model(input.resolve("tiny"));
    run = input.resolve("run");
    student = run.resolve("students/cola/map/seed-1");
    String glue = TinyInput.glue(input.resolve("glue")).toString();
    assertFine(
        limbeck(
            ("qat-kd --quiet --task cola --losses map --seeds 1 --batch 16 --length 24"
                    + " --analysed 0 --threads 2 --model "
                    + model
                    + " --data "
                    + glue
                    + " --out "
                    + run)
                .split(" ")));
  }

  private static Run export(Path from, Path to, String... more) {
    String[] arguments = Arrays.copyOf(new String[] {"export"}, 5 + more.length);
    System.arraycopy(
        new String[] {"--from", from.toString(), "--to", to.toString()}, 0, arguments, 1, 4);
    System.arraycopy(more, 0, arguments, 5, more.length);
    return limbeck(arguments);
  }

  @Test
  void aStudentIsWrittenAsTheRunPackedIt() throws IOException {
    Path to = directory.resolve("deep/er");
    Path json = directory.resolve("sizes.json");
    Run exported = export(student, to, "--json", json.toString());
    assertFine(exported);
    for (String file : new String[] {"packed.safetensors", "packed.json"}) {
      assertArrayEquals(
          Files.readAllBytes(student.resolve("packed").resolve(file)),
          Files.readAllBytes(to.resolve(file)),
          file);
    }
    assertTrue(Files.readString(to.resolve("packed.json")).contains("\"planes64-v1\""));
    assertEquals(
        Files.readString(model.resolve("vocab.txt")), Files.readString(to.resolve("vocab.txt")));
    JsonObject sizes = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertEquals(
        Files.size(to.resolve("packed.json")) + Files.size(to.resolve("packed.safetensors")),
        sizes.get("disk_bytes").getAsLong());
    assertTrue(sizes.get("memory_bytes").getAsLong() < sizes.get("full_bytes").getAsLong());
    assertEquals("cola", sizes.get("task").getAsString());
    assertTrue(exported.out().contains("task cola"), exported.out());
    assertFalse(exported.out().contains("teacher"), exported.out());
  }

  @Test
  void aTeacherIsWrittenWithAWarning() {
    Run exported = export(run.resolve("teachers/cola"), directory);
    assertFine(exported);
    assertTrue(exported.out().contains("the teacher was not trained"), exported.out());
    assertTrue(Files.exists(directory.resolve("packed.json")));
  }

  @Test
  void whatIsNoTrainedNetworkIsRefused() throws IOException {
    Path to = directory.resolve("to");
    assertBadInput("holds no best.safetensors", export(run, to));
    assertBadInput("holds no best.safetensors", export(directory.resolve("none"), to));
    Path alone = Files.createDirectories(directory.resolve("alone/seed-1"));
    Files.copy(student.resolve("best.safetensors"), alone.resolve("best.safetensors"));
    assertBadInput("is not below teachers or students", export(alone, to));
    Path settings = directory.resolve("alone/settings.json");
    Files.writeString(settings, "{}");
    assertBadInput("is not below teachers or students", export(alone, to));
    Path below = Files.createDirectories(directory.resolve("alone/students/cola/map/seed-1"));
    Path best = below.resolve("best.safetensors");
    Files.copy(student.resolve("best.safetensors"), best);
    assertBadInput(settings + " names no model", export(below, to));
    Files.copy(
        run.resolve("settings.json"), settings, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    Files.write(best, Arrays.copyOf(Files.readAllBytes(best), 4000));
    assertBadInput(best.toString(), export(below, to));
    assertFalse(Files.exists(to));
    assertBadInput("model nowhere is unknown", export(below, to, "--model", "nowhere"));
    assertBadInput("--from", limbeck("export", "--to", to.toString()));
  }

  @Test
  void filesThatCannotBeWrittenAreNamed() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "kept");
    assertBadInput("cannot be written", export(student, file));
    assertBadInput("cannot be written", export(student, file.resolve("below")));
    assertEquals("kept", Files.readString(file));
    Path to = directory.resolve("to");
    assertBadInput("is no directory", export(student, to, "--json", directory + "/none/out.json"));
    assertFalse(Files.exists(to));
  }
}
