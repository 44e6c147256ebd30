// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.Limbeck;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/** The example of the README, compiled and run as its reader would: against the kernels alone. */
class ReadmeExampleTest {
  private static final String EXPECTED = "loss 0.095690, first gradient 0.031098";
  private static final Path ROOT = Path.of(System.getProperty("limbeck.root"));
  private static final Path JAVA_HOME = Path.of(System.getProperty("java.home"));

  @TempDir private Path directory;
  private String kernels;
  private String readme;
  private String example;

  private record Run(int exit, String out, String err) {}

  @BeforeEach
  void compile() throws Exception {
    kernels =
        Path.of(Limbeck.class.getProtectionDomain().getCodeSource().getLocation().toURI())
            .toString();
    readme = Files.readString(ROOT.resolve("README.md"));
    Matcher block = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme);
    assertTrue(block.find(), "the README holds a Java example");
    assertTrue(readme.contains(EXPECTED), "the README says what the example prints");
    example = block.group(1);
    Files.writeString(directory.resolve("Example.java"), example);
    Run javac =
        run(
            "javac",
            "-Xlint:all,-incubating",
            "-Werror",
            "-cp",
            kernels,
            "-d",
            directory.toString(),
            "Example.java");
    assertEquals(0, javac.exit(), javac.err());
  }

  @Test
  void withoutFlagsTheAnswerIsRightAndOneLineNamesTheFlag() throws Exception {
    Run run = run("java", "-cp", kernels + File.pathSeparator + directory, "Example");
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
    command.addAll(List.of("-cp", kernels + File.pathSeparator + directory, "Example"));
    Run run = run(command.toArray(String[]::new));
    assertEquals(0, run.exit(), run.err());
    assertEquals(EXPECTED, run.out().trim());
    assertTrue(!run.err().contains("limbeck"), run.err());
  }

  @Test
  void aModuleCanRequireTheKernels() throws Exception {
    Path source = Files.createDirectories(directory.resolve("module"));
    Files.writeString(
        source.resolve("module-info.java"), "module reader { requires org.limbeck.kernels; }");
    Files.writeString(source.resolve("Example.java"), "package reader;\n" + example);
    Path classes = directory.resolve("classes");
    Run javac =
        run(
            "javac",
            "-p",
            kernels,
            "-d",
            classes.toString(),
            source.resolve("module-info.java").toString(),
            source.resolve("Example.java").toString());
    assertEquals(0, javac.exit(), javac.err());
    String path = kernels + File.pathSeparator + classes;
    for (boolean flag : new boolean[] {false, true}) {
      List<String> command = new ArrayList<>(List.of("java", "-p", path));
      if (flag) {
        command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
      }
      command.addAll(List.of("-m", "reader/reader.Example"));
      Run run = run(command.toArray(String[]::new));
      assertEquals(0, run.exit(), run.err());
      assertEquals(EXPECTED, run.out().trim());
      assertEquals(!flag, run.err().contains("limbeck:"), run.err());
    }
  }

  @Test
  void theDependencyIsTheKernelsAndBringsNoOther() throws Exception {
    Element pom = xml(Files.readString(ROOT.resolve("java/kernels/pom.xml")));
    Element parent = child(pom, "parent");
    Matcher block = Pattern.compile("```xml\n(.*?)```", Pattern.DOTALL).matcher(readme);
    assertTrue(block.find(), "the README holds a Maven dependency");
    Element dependency = xml(block.group(1));
    assertEquals(text(parent, "groupId"), text(dependency, "groupId"));
    assertEquals(text(pom, "artifactId"), text(dependency, "artifactId"));
    assertEquals(text(parent, "version"), text(dependency, "version"));
    NodeList dependencies = child(pom, "dependencies").getElementsByTagName("dependency");
    for (int i = 0; i < dependencies.getLength(); i++) {
      assertEquals("test", text((Element) dependencies.item(i), "scope"));
    }
  }

  private static Element xml(String text) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)))
        .getDocumentElement();
  }

  private static Element child(Element element, String name) {
    for (Node n = element.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n.getNodeName().equals(name)) {
        return (Element) n;
      }
    }
    throw new AssertionError(element.getNodeName() + " holds no " + name);
  }

  private static String text(Element element, String name) {
    return child(element, name).getTextContent().trim();
  }

  private Run run(String... command) throws IOException, InterruptedException {
    List<String> full = new ArrayList<>(List.of(command));
    full.set(0, JAVA_HOME.resolve("bin").resolve(command[0]).toString());
    Path err = directory.resolve("stderr");
    Process process =
        new ProcessBuilder(full).directory(directory.toFile()).redirectError(err.toFile()).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Run(process.waitFor(), out, Files.readString(err));
  }
}
