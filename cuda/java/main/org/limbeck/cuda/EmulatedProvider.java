// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.backend.BackendProvider;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.memory.Device;

/**
 * Offers the kernels of the CUDA backend without a GPU, compiled for this processor and run by an
 * emulator that looks for faults: for tests. Its library is loaded when the first kernel or memory
 * is asked for.
 */
public final class EmulatedProvider implements BackendProvider {
  /** The name of the backend, and the kind of its device. */
  public static final String NAME = "cuda-emulated";

  private static final Device DEVICE = new Device(NAME, 0);

  private static Context context;

  /** For the service loader. */
  public EmulatedProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int rank() {
    return -100;
  }

  @Override
  public Attempt open() {
    if (!System.getProperty("os.name").equals("Linux")) {
      return new Attempt.Absent("the emulator runs on Linux only", "");
    }
    try {
      // That it is there is all that is asked here.
      Images.emulator();
    } catch (UnavailableException e) {
      return new Attempt.Absent(e.getMessage(), e.remedy());
    }
    return new Attempt.Opened(
        new CudaBackend(
            DEVICE,
            () -> "CUDA kernels compiled for this processor; for tests, slow",
            EmulatedProvider::context));
  }

  private static synchronized Context context() {
    if (context == null) {
      try {
        EmulatedDriver driver = EmulatedDriver.open(Images.emulator());
        context = new Context(DEVICE, driver, new CachingAllocator(driver, false));
      } catch (UnavailableException e) {
        throw new BackendUnavailableException(NAME + ": " + e.getMessage() + "; " + e.remedy());
      }
    }
    return context;
  }
}
