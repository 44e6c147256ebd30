// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.lang.reflect.Method;
import java.net.JarURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import jcuda.LibUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.Limbeck;

/** The native library of JCuda is found, and appears as a whole or not at all. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class JCudaLibraryTest {
  @TempDir private Path directory;

  private static byte[] library() throws Exception {
    try (InputStream in = LibUtils.class.getResourceAsStream("/lib/" + JCudaLibrary.fileName())) {
      return in.readAllBytes();
    }
  }

  private void assertPlaced(Path file) throws Exception {
    assertArrayEquals(library(), Files.readAllBytes(file));
    try (var files = Files.list(directory)) {
      assertEquals(List.of(file), files.toList());
    }
  }

  /** Half a file is what a process leaves that was killed, or shows while it writes. */
  @Test
  void halfAFileIsReplacedAndAWholeOneKept() throws Exception {
    Path file = directory.resolve("library.so");
    JCudaLibrary.place(file);
    assertPlaced(file);
    FileTime before = FileTime.fromMillis(1_000_000_000_000L);
    Files.setLastModifiedTime(file, before);
    JCudaLibrary.place(file);
    assertEquals(before, Files.getLastModifiedTime(file));
    Files.write(file, new byte[100]);
    JCudaLibrary.place(file);
    assertPlaced(file);
  }

  @Test
  void aFolderThatTakesNoFileIsRefused() {
    Path file = directory.resolve("none").resolve("library.so");
    var e = assertThrows(UnavailableException.class, () -> JCudaLibrary.place(file));
    assertTrue(e.getMessage().startsWith("JCuda's native library cannot be extracted"));
    assertEquals("set java.io.tmpdir to a directory of yours", e.remedy());
  }

  private static Path jarOf(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  /** There a class sees the resources of its own module only, and the library is in another. */
  @Test
  void theLibraryIsFoundAmongModules() throws Exception {
    var resource = LibUtils.class.getResource("/lib/" + JCudaLibrary.fileName());
    URI natives = ((JarURLConnection) resource.openConnection()).getJarFileURL().toURI();
    ModuleFinder finder =
        ModuleFinder.of(
            jarOf(JCudaLibrary.class),
            jarOf(Limbeck.class),
            jarOf(LibUtils.class),
            Path.of(natives));
    ModuleLayer boot = ModuleLayer.boot();
    Configuration configuration =
        boot.configuration().resolveAndBind(finder, ModuleFinder.of(), List.of("org.limbeck.cuda"));
    ModuleLayer.Controller controller =
        ModuleLayer.defineModulesWithOneLoader(
            configuration, List.of(boot), ClassLoader.getPlatformClassLoader());
    Module module = controller.layer().findModule("org.limbeck.cuda").orElseThrow();
    controller.addOpens(module, "org.limbeck.cuda", JCudaLibraryTest.class.getModule());
    Method place =
        Class.forName(module, JCudaLibrary.class.getName()).getDeclaredMethod("place", Path.class);
    place.setAccessible(true);
    Path file = directory.resolve("library.so");
    place.invoke(null, file);
    assertPlaced(file);
  }
}
