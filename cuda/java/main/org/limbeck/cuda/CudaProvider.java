// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.backend.BackendProvider;
import org.limbeck.kernels.memory.Device;

/** Opens the CUDA backend if there are a driver, a device and the images of the kernels. */
public final class CudaProvider implements BackendProvider {
  /**
   * The system property with which every buffer is the driver's own and ends where it ends, for
   * compute-sanitizer; slow.
   */
  static final String EXACT_PROPERTY = "limbeck.cuda.exact";

  private static Context context;
  private static UnavailableException failed;

  /** For the service loader. */
  public CudaProvider() {}

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int rank() {
    return 300;
  }

  @Override
  public Attempt open() {
    try {
      Context there = context();
      return new Attempt.Opened(
          new CudaBackend(there.device(), there.driver()::description, () -> there));
    } catch (UnavailableException e) {
      return new Attempt.Absent(e.getMessage(), e.remedy());
    }
  }

  private static synchronized Context context() throws UnavailableException {
    if (failed != null) {
      throw failed;
    }
    if (context == null) {
      try {
        GpuDriver driver = GpuDriver.open(Images.toolkit());
        boolean keeps = !Boolean.getBoolean(EXACT_PROPERTY);
        context = new Context(new Device("cuda", 0), driver, new CachingAllocator(driver, keeps));
      } catch (UnavailableException e) {
        failed = e;
        throw e;
      }
    }
    return context;
  }
}
