// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.limbeck.experiments.Run.assertFine;
import static org.limbeck.experiments.Run.limbeck;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whole runs with the kernels of CUDA, by default emulated, beside the same on the host; {@code
 * -Dlimbeck.cuda.tested=cuda} asks for the device.
 */
class DeviceCommandTest {
  /**
   * How far the mean loss of a run may be from the host's, in parts of it: activations that are
   * rounded the other way change the steps behind them.
   */
  private static final double BOUND = 2e-2;

  @TempDir private Path directory;

  private static String device() {
    String property = System.getProperty("limbeck.cuda.tested", "");
    return property.isEmpty() ? "cuda-emulated" : property;
  }

  /** Runs a command on the device; skips where that is absent. */
  private static void runOnDevice(List<String> command, String... more) {
    String why = Run.whyAbsent(device());
    assumeTrue(why.isEmpty(), why);
    List<String> arguments = new ArrayList<>(command);
    arguments.addAll(List.of("--device", device()));
    arguments.addAll(List.of(more));
    assertFine(limbeck(arguments));
  }

  private static List<JsonObject> curve(Path training) throws IOException {
    List<JsonObject> points = new ArrayList<>();
    for (JsonElement point :
        JsonParser.parseString(Files.readString(training))
            .getAsJsonObject()
            .getAsJsonArray("curve")) {
      points.add(point.getAsJsonObject().getAsJsonObject("losses"));
    }
    return points;
  }

  /** Asserts that two runs had the same losses, but for the bound. */
  private static void assertNear(Path want, Path got) throws IOException {
    List<JsonObject> wanted = curve(want);
    List<JsonObject> found = curve(got);
    assertEquals(wanted.size(), found.size());
    for (int i = 0; i < wanted.size(); i++) {
      for (String term : wanted.get(i).keySet()) {
        double loss = wanted.get(i).get(term).getAsDouble();
        assertTrue(loss > 0 || term.equals("patience"), want + ": " + term + " is " + loss);
        double other = found.get(i).get(term).getAsDouble();
        assertTrue(
            Math.abs(loss - other) <= BOUND * loss,
            got + ": " + term + " is " + other + ", on the host " + loss);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void quantizationAwareTraining(boolean tf32) throws IOException {
    Path model = TinyInput.model(directory.resolve("tiny"));
    Path glue = TinyInput.glue(directory.resolve("glue"));
    List<String> command = new ArrayList<>(List.of("qat-kd", "--quiet", "--task", "rte"));
    command.addAll(List.of("--model", model.toString(), "--data", glue.toString()));
    command.addAll(List.of("--losses", "map+output", "--seeds", "1", "--epochs", "1"));
    command.addAll(List.of("--batch", "16", "--length", "12", "--train-examples", "32"));
    command.addAll(List.of("--evaluations", "1", "--analysed", "1", "--threads", "2", "--out"));
    Path want = directory.resolve("host");
    Path got = directory.resolve("device");
    command.add(got.toString());
    runOnDevice(command, tf32 ? new String[] {"--tf32"} : new String[0]);
    command.set(command.size() - 1, want.toString());
    assertFine(limbeck(command));
    Path teacher = Path.of("teachers", "rte", "training.json");
    assertNear(want.resolve(teacher), got.resolve(teacher));
    Path student = Path.of("students", "rte", "map+output", "seed-1", "training.json");
    assertNear(want.resolve(student), got.resolve(student));
    assertTrue(Files.exists(got.resolve("report.html")));
    assertEquals(tf32, Files.readString(got.resolve("settings.json")).contains("\"tf32\": true"));
  }

  @Test
  void translation() throws IOException {
    List<String> command = new ArrayList<>(List.of("pet", "--smoke", "--quiet", "--models", "pet"));
    command.addAll(List.of("--teacher-epochs", "0.1", "--epochs", "0.2", "--warmup-epochs", "0.1"));
    command.addAll(List.of("--validate-every", "1", "--valid-pairs", "2", "--valid-beam", "1"));
    command.addAll(List.of("--test-pairs", "2", "--beam", "2", "--speed-sentences", "1"));
    command.addAll(List.of("--out"));
    Path want = directory.resolve("host");
    Path got = directory.resolve("device");
    command.add(got.toString());
    runOnDevice(command);
    command.set(command.size() - 1, want.toString());
    assertFine(limbeck(command));
    for (String model : List.of("teacher", "pet")) {
      Path training;
      try (var folders = Files.list(want.resolve("models").resolve(model))) {
        training = want.relativize(folders.findFirst().orElseThrow()).resolve("training.json");
      }
      assertNear(want.resolve(training), got.resolve(training));
    }
  }
}
