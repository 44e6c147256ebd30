// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Selection;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Ops;
import org.limbeck.vectors.stems.StemAdapters;

/** The house itself: one stem, one name everywhere; arrows run one way. */
class StructureTest {
  private static final Path VECTORS = Path.of(System.getProperty("limbeck.vectors"));
  private static final Path REPOSITORY = VECTORS.getParent();
  private static final Pattern IMPORT =
      Pattern.compile("import (?:static )?(org\\.limbeck[a-z.]*)\\.[A-Z]");
  private static final Pattern PACKAGE = Pattern.compile("package (org\\.limbeck[a-z.]*);");

  /** What the Vector API cannot express well: the native backend's. */
  private static final Set<String> WITHOUT_VECTOR_KERNEL =
      Set.of("gemm_bf16", "gemm_i8", "gemm_ternary");

  private static Set<String> stems() {
    return Ops.ALL.stream().map(Op::stem).collect(Collectors.toCollection(TreeSet::new));
  }

  private static String camel(String stem) {
    return switch (stem) {
      case "adamw" -> "AdamW";
      default ->
          Stream.of(stem.split("_", -1))
              .map(part -> Character.toUpperCase(part.charAt(0)) + part.substring(1))
              .collect(Collectors.joining());
    };
  }

  @Test
  void everyStemHasItsFilesUnderItsName() {
    assertEquals(stems(), StemAdapters.stems());
    for (String stem : stems()) {
      String name = camel(stem);
      Path kernels = REPOSITORY.resolve("java/kernels/src/main/java/org/limbeck/kernels");
      Path contracts = VECTORS.resolve("src/test/java/org/limbeck/vectors/contract");
      for (Path file :
          new Path[] {
            kernels.resolve("op/" + name + ".java"),
            kernels.resolve("scalar/Scalar" + name + ".java"),
            VECTORS.resolve("generator/" + stem + ".py"),
            VECTORS.resolve(stem),
            contracts.resolve(name + "Contract.java"),
            contracts.resolve("Scalar" + name + "Test.java"),
          }) {
        assertTrue(Files.exists(file), () -> stem + " lacks " + REPOSITORY.relativize(file));
      }
      for (Path file :
          new Path[] {
            kernels.resolve("vector/Vector" + name + ".java"),
            contracts.resolve("Vector" + name + "Test.java"),
          }) {
        assertEquals(
            !WITHOUT_VECTOR_KERNEL.contains(stem),
            Files.exists(file),
            () -> stem + ": " + REPOSITORY.relativize(file));
      }
    }
  }

  @Test
  void vectorBackendSaysWhoHasTheKernelsItLacks() {
    GemmF32.Spec product = GemmF32.Spec.of(false, true);
    try (Limbeck limbeck = Limbeck.open(List.of("vector", "scalar"), 1)) {
      for (Selection<?> selection :
          List.of(
              limbeck.operation(GemmBf16.OP, product).selection(),
              limbeck.operation(GemmI8.OP, new GemmI8.Spec(true, GemmI8.Output.I32)).selection(),
              limbeck
                  .operation(GemmTernary.OP, new GemmTernary.Spec(Activations.I8_ROW))
                  .selection())) {
        assertEquals("scalar", selection.backend());
        assertTrue(selection.explain().contains("the native backend can"), selection.explain());
      }
    }
  }

  @Test
  void packagesHaveNoCycles() throws IOException {
    Map<String, Set<String>> uses = new HashMap<>();
    for (String source : sources()) {
      Matcher own = PACKAGE.matcher(source);
      if (own.find()) {
        Set<String> imported = uses.computeIfAbsent(own.group(1), key -> new HashSet<>());
        Matcher imports = IMPORT.matcher(source);
        while (imports.find()) {
          imported.add(imports.group(1));
        }
      }
    }
    assertTrue(uses.size() >= 8, uses.toString());
    for (String start : uses.keySet()) {
      Set<String> reached = new HashSet<>();
      uses.get(start).stream().filter(p -> !p.equals(start)).forEach(p -> reach(p, uses, reached));
      assertTrue(!reached.contains(start), () -> start + " is in a cycle with " + reached);
    }
  }

  private static void reach(String from, Map<String, Set<String>> uses, Set<String> reached) {
    if (reached.add(from)) {
      uses.getOrDefault(from, Set.of()).stream()
          .filter(p -> !p.equals(from))
          .forEach(p -> reach(p, uses, reached));
    }
  }

  @Test
  void vectorTypesStayInOnePackage() throws IOException {
    Path kernels = REPOSITORY.resolve("java/kernels/src/main/java/org/limbeck/kernels");
    try (Stream<Path> files = Files.walk(kernels)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
        if (!file.startsWith(kernels.resolve("vector"))) {
          assertTrue(
              !Files.readString(file).contains("import jdk.incubator"),
              () -> kernels.relativize(file) + " mentions vector types");
        }
      }
    }
  }

  /**
   * Whether C2 inlines a call of a method that is not the Vector API's own depends on what it
   * compiled before; where it does not, vectors among parameters and results become objects.
   */
  @Test
  void noMethodTakesOrReturnsVectors() throws IOException, ClassNotFoundException {
    Path vector = REPOSITORY.resolve("java/kernels/src/main/java/org/limbeck/kernels/vector");
    Set<String> methods = new TreeSet<>();
    int classes = 0;
    try (Stream<Path> files = Files.list(vector)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString().replace(".java", "");
        if (!name.equals("package-info")) {
          collectVectorMethods(Class.forName("org.limbeck.kernels.vector." + name), methods);
          classes++;
        }
      }
    }
    assertTrue(classes >= 20, () -> "few classes in " + vector);
    assertEquals(Set.of(), methods);
  }

  private static void collectVectorMethods(Class<?> type, Set<String> methods) {
    for (Method method : type.getDeclaredMethods()) {
      Stream.concat(Stream.of(method.getReturnType()), Stream.of(method.getParameterTypes()))
          .filter(t -> t.getName().startsWith("jdk.incubator.vector."))
          .forEach(t -> methods.add(method.toString()));
    }
    for (Class<?> nested : type.getDeclaredClasses()) {
      collectVectorMethods(nested, methods);
    }
  }

  private static Set<String> sources() throws IOException {
    Set<String> sources = new HashSet<>();
    for (String root :
        new String[] {
          "java/kernels/src/main/java",
          "java/experiments/src/main/java",
          "test-vectors/src/main/java"
        }) {
      try (Stream<Path> files = Files.walk(REPOSITORY.resolve(root))) {
        for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
          sources.add(Files.readString(file));
        }
      }
    }
    return sources;
  }
}
