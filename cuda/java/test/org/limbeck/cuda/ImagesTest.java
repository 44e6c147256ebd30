// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The images, without a GPU: every kernel is there with the parameters that Java passes, for every
 * architecture, and none uses local memory unless its file says why.
 */
class ImagesTest {
  private static final Path BUILD = Path.of(System.getProperty("limbeck.cuda.build"));
  private static final Path KERNELS = Path.of(System.getProperty("limbeck.cuda.kernels"));
  private static final Pattern ENTRY =
      Pattern.compile("\\.visible \\.entry (\\w+)\\(([^)]*)\\)", Pattern.DOTALL);
  private static final Pattern PARAMETER =
      Pattern.compile("\\.param (?:\\.align \\d+ )?\\.(\\w+) \\w+(?:\\[(\\d+)\\])?");
  private static final Pattern COMPILED =
      Pattern.compile("Compiling entry function '(\\w+)' for '(\\w+)'");
  private static final Pattern SPILLS =
      Pattern.compile("(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill");

  /** What a kernel's opening block says where it uses local memory on purpose. */
  private static final String EXCUSE = "Local memory: ";

  @BeforeAll
  static void imagesAreThere() {
    try {
      Images.toolkit();
    } catch (UnavailableException e) {
      assumeTrue(false, e.getMessage());
    }
  }

  static List<Stem> stems() {
    return Stems.all();
  }

  /** The folders of kernels: all but that of the shared headers. */
  private static Set<String> folders() throws IOException {
    try (Stream<Path> files = Files.list(KERNELS)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.equals("device"))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  @Test
  void everyFolderIsAStemWithItsClass() throws IOException {
    assertEquals(
        folders(),
        Stems.all().stream().map(Stem::name).collect(Collectors.toCollection(TreeSet::new)));
  }

  /** Returns the kernels of the PTX in a fat binary with the sizes of their parameters. */
  private static Map<String, List<Integer>> entries(String image) {
    Map<String, List<Integer>> entries = new TreeMap<>();
    Matcher entry = ENTRY.matcher(image);
    while (entry.find()) {
      List<Integer> sizes = new ArrayList<>();
      Matcher parameter = PARAMETER.matcher(entry.group(2));
      while (parameter.find()) {
        int bits = Integer.parseInt(parameter.group(1).substring(1));
        int count = parameter.group(2) == null ? 1 : Integer.parseInt(parameter.group(2));
        sizes.add(bits / Byte.SIZE * count);
      }
      entries.put(entry.group(1), sizes);
    }
    return entries;
  }

  @ParameterizedTest
  @MethodSource("stems")
  void imageHasTheKernelsThatJavaLaunches(Stem stem) {
    String image = new String(Images.image(stem.name()), StandardCharsets.ISO_8859_1);
    Map<String, List<Integer>> want = new TreeMap<>();
    for (KernelSignature kernel : stem.kernels()) {
      List<Integer> sizes = new ArrayList<>();
      for (int i = 0; i < kernel.count(); i++) {
        sizes.add(kernel.size(i));
      }
      assertEquals(stem.name(), kernel.stem());
      want.put(kernel.name(), sizes);
      // Its machine code has a section of this name.
      assertTrue(count(image, ".text." + kernel.name() + "\0") >= 2, kernel.name());
    }
    assertEquals(want, entries(image));
  }

  private static int count(String text, String part) {
    int count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) {
      count++;
    }
    return count;
  }

  /** What ptxas says of a stem. */
  private static List<String> report(Stem stem) throws IOException {
    return Files.readAllLines(BUILD.resolve("report").resolve(stem.name() + ".txt"));
  }

  /** ptxas tells of products that it makes wait for each other, and of registers that stay. */
  @ParameterizedTest
  @MethodSource("stems")
  void warpGroupsWorkAsTheyAreWritten(Stem stem) throws IOException {
    for (String line : report(stem)) {
      assertFalse(line.contains("wgmma") || line.contains("setmaxnreg"), line);
    }
  }

  @ParameterizedTest
  @MethodSource("stems")
  void noKernelUsesLocalMemoryWithoutAReason(Stem stem) throws IOException {
    List<String> report = report(stem);
    boolean excused =
        Files.readString(KERNELS.resolve(stem.name()).resolve(stem.name() + ".cu"))
            .contains(EXCUSE);
    Map<String, Set<String>> compiled = new TreeMap<>();
    String entry = null;
    String architecture = null;
    for (String line : report) {
      Matcher name = COMPILED.matcher(line);
      Matcher spills = SPILLS.matcher(line);
      if (name.find()) {
        entry = name.group(1);
        architecture = name.group(2);
      } else if (spills.find()) {
        assertNotNull(entry, line);
        compiled.computeIfAbsent(entry, key -> new HashSet<>()).add(architecture);
        boolean none =
            spills.group(1).equals("0")
                && spills.group(2).equals("0")
                && spills.group(3).equals("0");
        assertTrue(none || excused, entry + " for " + architecture + ": " + line.strip());
      }
    }
    for (KernelSignature kernel : stem.kernels()) {
      assertEquals(Set.of("sm_80", "sm_90a"), compiled.get(kernel.name()), kernel.name());
    }
  }
}
