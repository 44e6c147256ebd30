// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import jcuda.JCudaVersion;
import jcuda.LibUtils;

/**
 * Puts JCuda's native library where JCuda looks for it, in the folder for temporary files. By
 * itself JCuda does not find it on a module path, and writes it under its last name, so that
 * another process, or one after a process that was killed, loads half of it.
 */
final class JCudaLibrary {
  private JCudaLibrary() {}

  /** Returns the name of the file. */
  static String fileName() {
    return LibUtils.createLibraryFileName(
        LibUtils.createPlatformLibraryName("JCudaDriver-" + JCudaVersion.get()));
  }

  /**
   * Puts the library into the folder, unless it is there and whole.
   *
   * @throws UnavailableException if there is no library for this system, or it cannot be written
   */
  static void place() throws UnavailableException {
    place(new File(System.getProperty("java.io.tmpdir"), fileName()).toPath());
  }

  /**
   * Puts the library into a file, unless it is there and whole.
   *
   * @param file the file
   * @throws UnavailableException if there is no library for this system, or it cannot be written
   */
  static void place(Path file) throws UnavailableException {
    String name = fileName();
    // Of the class loader and not of a class, which looks into its own module only.
    try (InputStream in = LibUtils.class.getClassLoader().getResourceAsStream("lib/" + name)) {
      if (in == null) {
        throw new UnavailableException(
            "JCuda has no native library " + name, "add the artifact jcuda-natives of this system");
      }
      byte[] library = in.readAllBytes();
      if (!Files.isRegularFile(file) || !Arrays.equals(library, Files.readAllBytes(file))) {
        Path part = file.resolveSibling(name + "." + ProcessHandle.current().pid());
        try {
          Files.write(part, library);
          Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
          Files.deleteIfExists(part);
        }
      }
    } catch (IOException e) {
      throw new UnavailableException(
          "JCuda's native library cannot be extracted: " + e,
          "set java.io.tmpdir to a directory of yours");
    }
  }
}
