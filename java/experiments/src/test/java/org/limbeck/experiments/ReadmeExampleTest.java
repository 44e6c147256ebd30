// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.Limbeck;

/** The example of the README, compiled and run as its reader would: against the kernels alone. */
class ReadmeExampleTest {
  private static final String EXPECTED = "loss 0.095690, first gradient 0.031098";
  private static final Path JAVA_HOME = Path.of(System.getProperty("java.home"));

  @TempDir private Path directory;
  private String kernels;

  private record Run(int exit, String out, String err) {}

  @BeforeEach
  void compile() throws Exception {
    kernels =
        Path.of(Limbeck.class.getProtectionDomain().getCodeSource().getLocation().toURI())
            .toString();
    String readme = Files.readString(Path.of(System.getProperty("limbeck.root"), "README.md"));
    Matcher block = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme);
    assertTrue(block.find(), "the README holds a Java example");
    assertTrue(readme.contains(EXPECTED), "the README says what the example prints");
    Files.writeString(directory.resolve("Example.java"), block.group(1));
    Run javac = run("javac", "-cp", kernels, "-d", directory.toString(), "Example.java");
    assertEquals(0, javac.exit(), javac.err());
  }

  @Test
  void withoutFlagsTheAnswerIsRightAndOneLineNamesTheFlag() throws Exception {
    Run run = run("java", "-cp", kernels + java.io.File.pathSeparator + directory, "Example");
    assertEquals(0, run.exit(), run.err());
    assertEquals(EXPECTED, run.out().trim());
    List<String> lines = run.err().lines().toList();
    assertEquals(1, lines.size(), run.err());
    assertTrue(lines.get(0).contains("--add-modules jdk.incubator.vector"), run.err());
  }

  @Test
  void withFlagsTheVectorBackendServesInSilence() throws Exception {
    List<String> command = new ArrayList<>();
    command.add("java");
    command.addAll(List.of(System.getProperty("limbeck.jvmArgs").split(" ", -1)));
    command.addAll(List.of("-cp", kernels + java.io.File.pathSeparator + directory, "Example"));
    Run run = run(command.toArray(String[]::new));
    assertEquals(0, run.exit(), run.err());
    assertEquals(EXPECTED, run.out().trim());
    assertTrue(!run.err().contains("limbeck"), run.err());
  }

  @Test
  void theModulePathWorksToo() throws Exception {
    for (String modules :
        new String[] {"org.limbeck.kernels", "org.limbeck.kernels,jdk.incubator.vector"}) {
      Run run =
          run(
              "java",
              "-p",
              kernels,
              "--add-modules",
              modules,
              "-cp",
              directory.toString(),
              "Example");
      assertEquals(0, run.exit(), run.err());
      assertEquals(EXPECTED, run.out().trim());
      assertEquals(!modules.contains("vector"), run.err().contains("limbeck:"), run.err());
    }
  }

  private Run run(String tool, String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(JAVA_HOME.resolve("bin").resolve(tool).toString());
    command.addAll(List.of(arguments));
    return execute(command);
  }

  private Run run(String[] command) throws IOException, InterruptedException {
    List<String> full = new ArrayList<>(List.of(command));
    full.set(0, JAVA_HOME.resolve("bin").resolve(command[0]).toString());
    return execute(full);
  }

  private Run execute(List<String> command) throws IOException, InterruptedException {
    Path err = directory.resolve("stderr");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectError(err.toFile())
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Run(process.waitFor(), out, Files.readString(err));
  }
}
