// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.limbeck.experiments.Run.assertBadInput;
import static org.limbeck.experiments.Run.limbeck;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.backend.DeviceException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** What a person sees: lines, exit codes, one sentence for bad input. */
class CommandLineTest {
  private static final Path VECTORS = Path.of(System.getProperty("limbeck.root"), "test-vectors");

  @TempDir private Path directory;

  @Test
  void selftestPassesEveryCaseOnBothBackends() throws IOException {
    Path json = directory.resolve("out.json");
    Path csv = directory.resolve("out.csv");
    Run run =
        limbeck(
            "selftest",
            "--backend",
            "scalar,vector",
            "--json",
            json.toString(),
            "--csv",
            csv.toString());
    assertEquals(0, run.exit(), run.out() + run.err());
    List<String> lines = run.out().lines().toList();
    String summary = lines.get(lines.size() - 1);
    assertEquals((lines.size() - 1) + " passed, 0 failed", summary);
    assertEquals(
        lines.size() - 1, JsonParser.parseString(Files.readString(json)).getAsJsonArray().size());
    assertEquals(lines.size(), Files.readAllLines(csv).size());
  }

  @Test
  void aChangedVectorFailsAndIsNamed() throws IOException {
    copyVectors("softmax");
    Path payload = directory.resolve("softmax.safetensors");
    byte[] bytes = Files.readAllBytes(payload);
    String header = new String(bytes, StandardCharsets.ISO_8859_1);
    int offsets = header.indexOf("data_offsets", header.indexOf("\"small.y\""));
    int from =
        Integer.parseInt(
            header
                .substring(header.indexOf('[', offsets) + 1, header.indexOf(',', offsets + 14))
                .trim());
    int begin =
        8
            + (int)
                java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong(0);
    bytes[begin + from + 6] ^= 0x10;
    Files.write(payload, bytes);
    Run run =
        limbeck("selftest", "--quiet", "--backend", "scalar", "--vectors", directory.toString());
    assertEquals(1, run.exit(), run.out());
    assertTrue(run.out().contains("failed  scalar  softmax.json: small: y[0]"), run.out());
    assertTrue(run.out().contains(", 1 failed"), run.out());
  }

  @Command(name = "fails")
  private static final class FailingCommand implements Runnable {
    private final RuntimeException failure;

    private FailingCommand(RuntimeException failure) {
      this.failure = failure;
    }

    @Override
    public void run() {
      throw failure;
    }
  }

  private static Run failing(RuntimeException failure) {
    StringWriter err = new StringWriter();
    CommandLine line =
        new CommandLine(new FailingCommand(failure))
            .setExecutionExceptionHandler(Main::reportFailure)
            .setErr(new PrintWriter(err));
    return new Run(line.execute(), "", err.toString());
  }

  /** Of a defect the trace is wanted, of a device the sentence that it gives. */
  @Test
  void aDeviceThatFailsIsOneSentence() {
    Run run = failing(new DeviceException("cuStreamSynchronize: CUDA_ERROR_ECC_UNCORRECTABLE"));
    assertEquals(1, run.exit());
    assertEquals(
        "limbeck: the device failed: cuStreamSynchronize: CUDA_ERROR_ECC_UNCORRECTABLE",
        run.err().strip());
    Run defect = failing(new IllegalStateException("a defect"));
    assertEquals(1, defect.exit());
    assertTrue(defect.err().contains("\tat org.limbeck.experiments."), defect.err());
  }

  @Test
  void damagedVectorsAreBadInput() throws IOException {
    assertBadInput("holds no vector file", limbeck("selftest", "--vectors", directory.toString()));
    assertBadInput(
        "cannot be read", limbeck("selftest", "--vectors", directory.resolve("none").toString()));
    copyVectors("softmax");
    Path payload = directory.resolve("softmax.safetensors");
    Files.write(payload, java.util.Arrays.copyOf(Files.readAllBytes(payload), 3000));
    assertBadInput("truncated", limbeck("selftest", "--vectors", directory.toString()));
  }

  @Test
  void aStemThatTheLibraryDoesNotKnowIsCountedAsSkipped() throws IOException {
    copyVectors("softmax");
    Path json = directory.resolve("softmax.json");
    Files.writeString(
        json, Files.readString(json).replace("\"stem\": \"softmax\"", "\"stem\": \"other\""));
    Run run = limbeck("selftest", "--backend", "scalar", "--vectors", directory.toString());
    assertTrue(run.out().contains("0 passed, 0 failed, "), run.out());
    assertTrue(run.out().contains("no operation for the stem other"), run.out());
  }

  @Test
  void doctorNamesWhatIsThereAndWhatIsNot() throws IOException {
    Path json = directory.resolve("doctor.json");
    Run run = limbeck("doctor", "--json", json.toString());
    assertEquals(0, run.exit(), run.err());
    assertTrue(run.out().contains("backend vector   Vector API, "), run.out());
    assertTrue(run.out().contains("backend native   "), run.out());
    String cuda = Run.whyAbsent("cuda");
    assertTrue(
        cuda.isEmpty()
            ? run.out().lines().anyMatch(l -> l.matches("backend cuda     .*, on cuda:0"))
            : run.out().contains("backend cuda     absent: " + cuda),
        run.out());
    assertTrue(JsonParser.parseString(Files.readString(json)).getAsJsonObject().has("jdk"));
  }

  @Test
  void badUsageIsOneSentence() {
    assertBadInput("absent: abacus: no backend", limbeck("selftest", "--backend", "abacus"));
    assertBadInput("--no-such-option", limbeck("selftest", "--no-such-option"));
    assertBadInput("no-such-command", limbeck("no-such-command"));
    assertBadInput("a command is missing", limbeck());
    assertBadInput(
        "cannot be written",
        limbeck("doctor", "--json", directory.resolve("none/out.json").toString()));
  }

  @Test
  void helpIsThere() {
    for (String command : new String[] {"selftest", "doctor", "export"}) {
      Run run = limbeck(command, "--help");
      assertEquals(0, run.exit());
      assertTrue(run.out().contains("Usage: limbeck " + command), run.out());
    }
    assertTrue(limbeck("--help").out().contains("selftest"));
  }

  private void copyVectors(String stem) throws IOException {
    try (Stream<Path> files = Files.list(VECTORS.resolve(stem))) {
      for (Path file : files.toList()) {
        Files.copy(file, directory.resolve(file.getFileName()));
      }
    }
  }
}
