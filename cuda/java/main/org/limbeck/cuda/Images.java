// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** What the build packed into this artifact: a fat binary for each stem, and the emulator. */
final class Images {
  private static final String ROOT = "/org/limbeck/cuda/";

  private Images() {}

  /**
   * Returns the fat binary of a stem.
   *
   * @throws CudaException if there is none
   */
  static byte[] image(String stem) {
    byte[] bytes = resource("image/" + stem + ".fatbin");
    if (bytes == null) {
      throw new CudaException("this build holds no image for " + stem);
    }
    return bytes;
  }

  /**
   * Returns the version of the CUDA toolkit that made the images, such as 13.0.
   *
   * @throws UnavailableException if this build made none
   */
  static String toolkit() throws UnavailableException {
    byte[] version = resource("image/toolkit.txt");
    if (version == null) {
      throw absent("image/absent.txt", "images", "nvcc and make");
    }
    return text(version);
  }

  /**
   * Returns the library of the emulator.
   *
   * @throws UnavailableException if this build made none
   */
  static byte[] emulator() throws UnavailableException {
    byte[] library = resource("emulator/liblimbeck-cuda-emulated.so");
    if (library == null) {
      throw absent("emulator/absent.txt", "emulator", "g++ and make on Linux");
    }
    return library;
  }

  private static UnavailableException absent(String why, String what, String needed) {
    byte[] reason = resource(why);
    return new UnavailableException(
        reason == null ? "this build holds no " + what : text(reason),
        "build limbeck-cuda on this machine with " + needed);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8).strip();
  }

  private static byte[] resource(String name) {
    try (InputStream in = Images.class.getResourceAsStream(ROOT + name)) {
      return in == null ? null : in.readAllBytes();
    } catch (IOException e) {
      throw new CudaException("the resource " + name + " cannot be read: " + e);
    }
  }
}
