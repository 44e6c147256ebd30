// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * The C library in this process: found among the resources of this artifact, extracted, loaded once
 * and compared with the bindings. The bindings look names up among the libraries of their class
 * loader, so no class of theirs that does may be touched before {@link #get} has returned.
 */
final class NativeLibrary {
  private static final String RESOURCES = "/org/limbeck/natives/lib/";

  private static NativeLibrary loaded;
  private static UnavailableException failed;

  private final int bestTier;

  private NativeLibrary(int bestTier) {
    this.bestTier = bestTier;
  }

  /**
   * Loads the library, the first time; later calls give the same answer.
   *
   * @throws UnavailableException if there is none for this platform, or it cannot be loaded
   */
  static synchronized NativeLibrary get() throws UnavailableException {
    if (failed != null) {
      throw failed;
    }
    if (loaded == null) {
      try {
        loaded = load();
      } catch (UnavailableException e) {
        failed = e;
        throw e;
      }
    }
    return loaded;
  }

  /** Returns what {@code lb_best_tier} says. */
  int bestTier() {
    return bestTier;
  }

  private static NativeLibrary load() throws UnavailableException {
    String platform = platform(System.getProperty("os.name"), System.getProperty("os.arch"));
    String file = System.mapLibraryName("limbeck");
    byte[] bytes = resource(platform + "/" + file);
    byte[] hash = resource(platform + "/" + file + ".sha256");
    if (bytes == null || hash == null) {
      byte[] absent = resource("absent.txt");
      throw new UnavailableException(
          absent == null
              ? "this build holds no library for " + platform
              : new String(absent, StandardCharsets.UTF_8).strip(),
          "build limbeck-native on this machine with a C compiler and make");
    }
    Path path =
        LibraryFile.extract(
            file,
            bytes,
            new String(hash, StandardCharsets.US_ASCII).strip(),
            System.getProperty(NativeProvider.CACHE_PROPERTY, ""));
    try {
      System.load(path.toString());
      return checked(LimbeckH.lb_abi());
    } catch (IllegalCallerException e) {
      throw new UnavailableException(
          "this JVM does not let the module call native code",
          "start it with --enable-native-access=ALL-UNNAMED,org.limbeck.natives");
    } catch (UnsatisfiedLinkError | ExceptionInInitializerError | NoClassDefFoundError e) {
      throw new UnavailableException(
          "the library " + path + " cannot be loaded: " + firstLine(e), "");
    }
  }

  /**
   * Compares the number of the library's interface with that of the bindings.
   *
   * @param abi the library's
   * @throws UnavailableException if they differ
   */
  static NativeLibrary checked(int abi) throws UnavailableException {
    if (abi != LimbeckH.LB_ABI()) {
      throw new UnavailableException(
          "the library has interface " + abi + " and the bindings have " + LimbeckH.LB_ABI(),
          "build limbeck-native anew");
    }
    return new NativeLibrary(LimbeckH.lb_best_tier());
  }

  private static String firstLine(Throwable e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
  }

  /** Returns the name of a platform as the Makefile has it: {@code linux-x86_64}. */
  static String platform(String osName, String osArch) {
    String os = osName.toLowerCase(Locale.ROOT);
    if (os.startsWith("mac")) {
      os = "macos";
    } else if (os.startsWith("windows")) {
      os = "windows";
    }
    String arch = osArch.toLowerCase(Locale.ROOT);
    return os.replace(' ', '_') + "-" + (arch.equals("amd64") ? "x86_64" : arch);
  }

  private static byte[] resource(String name) throws UnavailableException {
    try (InputStream in = NativeLibrary.class.getResourceAsStream(RESOURCES + name)) {
      return in == null ? null : in.readAllBytes();
    } catch (IOException e) {
      throw new UnavailableException("the resource " + name + " cannot be read: " + e, "");
    }
  }
}
