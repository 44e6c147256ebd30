// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.backend.BackendProvider.Attempt;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.natives.bindings.LimbeckH;

/** What the provider answers in JVMs with other flags and properties. */
class ProviderTest {
  /** Prints what {@link Backends#discover} finds; run by the tests in a child JVM. */
  static final class Probe {
    private Probe() {}

    public static void main(String[] arguments) {
      try (Backends backends = Backends.discover()) {
        backends.available().forEach(b -> System.out.println(b.name() + ": " + b.description()));
        backends.missing().forEach(m -> System.out.println("absent " + m));
      }
    }
  }

  @TempDir Path directory;

  private static void assumeLibrary() {
    Attempt attempt = new NativeProvider().open();
    if (attempt instanceof Attempt.Absent absent) {
      assumeTrue(false, absent.reason());
    }
  }

  @Test
  void anotherPlatformHasNoLibrary() {
    String out = probe("-Dos.arch=s390x");
    assertTrue(out.contains("absent native: "), out);
    assertTrue(out.contains("scalar: "), out);
  }

  @Test
  void namesOfPlatforms() {
    assertEquals("linux-x86_64", NativeLibrary.platform("Linux", "amd64"));
    assertEquals("linux-aarch64", NativeLibrary.platform("Linux", "aarch64"));
    assertEquals("macos-aarch64", NativeLibrary.platform("Mac OS X", "aarch64"));
    assertEquals("windows-x86_64", NativeLibrary.platform("Windows 11", "amd64"));
  }

  @Test
  void theTierCanBeLimited() {
    assumeLibrary();
    assertTrue(probe("-Dlimbeck.native.tier=portable").contains("native: C over Panama, portable"));
    String out = probe("-Dlimbeck.native.tier=avx1024");
    assertTrue(out.contains("absent native: limbeck.native.tier is avx1024"), out);
  }

  @Test
  void aCeilingTakesFeaturesAwayWithTheirLevel() throws UnavailableException {
    assumeLibrary();
    NativeLibrary library = NativeLibrary.get();
    Tier best = Tier.best(library, "");
    assertEquals(library.bestTier(), best.bits());
    assertEquals(best, Tier.best(library, "avx512"));
    assertEquals(LimbeckH.LB_TIER_PORTABLE(), Tier.best(library, "portable").bits());
    assertTrue(!Tier.best(library, "avx2").has(LimbeckH.LB_FEATURE_VNNI()));
  }

  @Test
  void anotherInterfaceIsRefused() {
    var e = assertThrows(UnavailableException.class, () -> NativeLibrary.checked(-1));
    assertTrue(e.getMessage().contains("interface -1 and the bindings have "), e.getMessage());
  }

  @Test
  void withoutNativeAccessTheBackendStaysAway() {
    assumeLibrary();
    String out = probe("--illegal-native-access=deny");
    assertTrue(out.contains("absent native: this JVM does not let the module call"), out);
  }

  @Test
  void aDirectoryThatIsNoneIsNamed() throws IOException {
    assumeLibrary();
    Path file = Files.createFile(directory.resolve("file"));
    String out = probe("-Dlimbeck.cache=" + file);
    assertTrue(out.contains("absent native: the library cannot be extracted into " + file), out);
  }

  @Test
  void processesThatStartAtTheSameTimeAllLoadTheLibrary() throws Exception {
    assumeLibrary();
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(start("-Dlimbeck.cache=" + directory, "--enable-native-access=ALL-UNNAMED"));
    }
    for (Process process : processes) {
      String out = output(process);
      assertTrue(out.contains("native: C over Panama"), out);
    }
  }

  private static String probe(String... flags) {
    return output(start(flags));
  }

  private static Process start(String... flags) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(flags));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Probe.class.getName()));
    try {
      return new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String output(Process process) {
    try {
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, process.waitFor(), out);
      return out;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
