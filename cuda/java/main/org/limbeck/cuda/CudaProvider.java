// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.backend.BackendProvider;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.memory.Device;

/**
 * Offers the CUDA backend if there are a driver, a device and the images of the kernels. A context
 * on the device is made when the first kernel or memory is asked for: work on the host takes none.
 */
public final class CudaProvider implements BackendProvider {
  /**
   * The system property with which every buffer is the driver's own and ends where it ends, for
   * compute-sanitizer; slow.
   */
  static final String EXACT_PROPERTY = "limbeck.cuda.exact";

  private static final Device DEVICE = new Device("cuda", 0);

  private static GpuDevice device;
  private static UnavailableException failed;
  private static Context context;

  /** For the service loader. */
  public CudaProvider() {}

  @Override
  public String name() {
    return DEVICE.kind();
  }

  @Override
  public int rank() {
    return 300;
  }

  @Override
  public Attempt open() {
    try {
      return new Attempt.Opened(
          new CudaBackend(DEVICE, device()::description, CudaProvider::context));
    } catch (UnavailableException e) {
      return new Attempt.Absent(e.getMessage(), e.remedy());
    }
  }

  private static synchronized GpuDevice device() throws UnavailableException {
    if (failed != null) {
      throw failed;
    }
    if (device == null) {
      try {
        device = GpuDevice.find(Images.toolkit());
      } catch (UnavailableException e) {
        failed = e;
        throw e;
      }
    }
    return device;
  }

  /** The first time this takes memory on the device, and the better part of a second. */
  private static synchronized Context context() {
    if (context == null) {
      try {
        GpuDriver driver = new GpuDriver(device);
        boolean keeps = !Boolean.getBoolean(EXACT_PROPERTY);
        context = new Context(DEVICE, driver, new CachingAllocator(driver, keeps));
      } catch (CudaException e) {
        throw new BackendUnavailableException(
            DEVICE.kind() + ": the device cannot be used: " + e.getMessage());
      }
    }
    return context;
  }
}
