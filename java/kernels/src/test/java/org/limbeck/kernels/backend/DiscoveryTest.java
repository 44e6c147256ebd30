// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What JVM flags and system properties do, each in a JVM of its own. */
class DiscoveryTest {
  private static final String ADD_MODULES = "--add-modules=jdk.incubator.vector";

  /** Prints what {@link Backends#discover} finds; run by the tests in a child JVM. */
  static final class Probe {
    private Probe() {}

    public static void main(String[] arguments) {
      try (Backends backends = Backends.discover()) {
        backends.available().forEach(b -> System.out.println(b.name() + ": " + b.description()));
        backends.missing().forEach(m -> System.out.println("absent " + m));
      } catch (BackendUnavailableException e) {
        System.out.println("error " + e.getMessage());
      }
    }
  }

  @Test
  void withoutTheModuleTheVectorBackendSaysWhichFlagItNeeds() {
    String out = probe();
    assertTrue(
        out.contains(
            "absent vector: the JVM was started without the module jdk.incubator.vector; "
                + "start it with --add-modules jdk.incubator.vector"),
        out);
    assertTrue(out.contains("scalar: "), out);
  }

  @Test
  void theVectorWidthCanBeForced() {
    for (int bits : new int[] {128, 256, 512}) {
      String out = probe(ADD_MODULES, "-Dlimbeck.vector.bits=" + bits);
      assertTrue(out.contains("vector: Vector API, " + bits + "-bit vectors"), out);
    }
    String out = probe(ADD_MODULES, "-Dlimbeck.vector.bits=100");
    assertTrue(out.contains("absent vector: limbeck.vector.bits is 100"), out);
  }

  @Test
  void withoutTheOptimisingCompilerTheVectorBackendStaysAway() {
    String out = probe(ADD_MODULES, "-Xint");
    assertTrue(out.contains("absent vector: this JVM runs without its optimising compiler"), out);
  }

  @Test
  void aRequiredBackendThatIsMissingIsAnError() {
    String out = probe(ADD_MODULES, "-Dlimbeck.require=scalar, native");
    assertTrue(out.contains("error backend asked for by name is absent: native"), out);
    assertTrue(probe(ADD_MODULES, "-Dlimbeck.require=scalar,vector").contains("scalar: "));
    assertTrue(
        probe("-Dlimbeck.require=vector").contains("error backend asked for by name is absent"));
  }

  @Test
  void selectionCanBeLimited() {
    String out = probe(ADD_MODULES, "-Dlimbeck.backends=scalar");
    assertTrue(out.contains("scalar: "), out);
    assertTrue(!out.contains("vector: Vector API"), out);
  }

  private static String probe(String... flags) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(flags));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Probe.class.getName()));
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, process.waitFor(), out);
      return out;
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
