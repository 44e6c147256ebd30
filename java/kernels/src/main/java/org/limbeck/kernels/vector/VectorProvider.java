// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import org.limbeck.kernels.backend.BackendProvider;

/**
 * Opens the Vector API backend if this JVM was started with the incubator module and has the
 * compiler that turns it into vector instructions. Mentions no vector type, so that it loads
 * without the module.
 */
public final class VectorProvider implements BackendProvider {
  /** The system property that sets the vector width in bits: 128, 256 or 512. */
  public static final String BITS_PROPERTY = "limbeck.vector.bits";

  private static final String MODULE = "jdk.incubator.vector";

  /** For the service loader. */
  public VectorProvider() {}

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public int rank() {
    return 100;
  }

  @Override
  public Attempt open() {
    if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
      return new Attempt.Absent(
          "the JVM was started without the module " + MODULE,
          "start it with --add-modules " + MODULE);
    }
    if (!readable()) {
      return new Attempt.Absent(
          "the module " + MODULE + " is there but this module cannot read it",
          "start the JVM with --add-reads org.limbeck.kernels=" + MODULE);
    }
    // Without C2 every vector operation is an object: correct and a hundred times too slow.
    String mode = System.getProperty("java.vm.info", "");
    if (mode.contains("interpreted") || mode.contains("emulated-client")) {
      return new Attempt.Absent(
          "this JVM runs without its optimising compiler (" + mode + ")",
          "start it without -Xint and -XX:TieredStopAtLevel");
    }
    String bits = System.getProperty(BITS_PROPERTY);
    if (bits != null && !bits.equals("128") && !bits.equals("256") && !bits.equals("512")) {
      return new Attempt.Absent(
          BITS_PROPERTY + " is " + bits, "set it to 128, 256 or 512, or leave it out");
    }
    return new Attempt.Opened(new VectorBackend());
  }

  private static boolean readable() {
    return ModuleLayer.boot()
        .findModule(MODULE)
        .map(VectorProvider.class.getModule()::canRead)
        .orElse(false);
  }
}
