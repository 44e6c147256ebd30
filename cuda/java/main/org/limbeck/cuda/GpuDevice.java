// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.charset.StandardCharsets;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * The first CUDA device, as far as the driver tells without a context: looking for it takes no
 * memory on it.
 *
 * @param handle the driver's handle
 * @param description for people
 * @param multiprocessors their number
 * @param sharedBytes how much shared memory a block may have
 * @param clusters whether blocks may form clusters
 * @param encode cuTensorMapEncodeTiled, null where kernels for sm_90a do not run
 */
record GpuDevice(
    CUdevice handle,
    String description,
    int multiprocessors,
    int sharedBytes,
    boolean clusters,
    MemorySegment encode) {
  private static final String LIBRARY = "libcuda.so.1";

  /** JCuda loads its library itself, and is a module of its own where there are modules. */
  private static final String ACCESS =
      "start it with --enable-native-access=ALL-UNNAMED,org.limbeck.cuda,jcuda";

  /** What the images hold at least code or PTX for. */
  private static final int OLDEST_MAJOR = 8;

  /**
   * Finds the first device.
   *
   * @param toolkit the version of the toolkit that made the images; the driver must know its images
   * @throws UnavailableException if there is no driver, one that is too old, or no device
   */
  static GpuDevice find(String toolkit) throws UnavailableException {
    SymbolLookup library;
    try {
      library = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
    } catch (IllegalArgumentException e) {
      throw new UnavailableException(
          "no NVIDIA driver is on this machine: " + LIBRARY + " cannot be loaded", "");
    } catch (IllegalCallerException e) {
      throw new UnavailableException("this JVM does not let the module call native code", ACCESS);
    }
    try {
      JCudaLibrary.place();
      JCudaDriver.setExceptionsEnabled(false);
      int status = JCudaDriver.cuInit(0);
      if (status != CUresult.CUDA_SUCCESS) {
        throw new UnavailableException(
            "the NVIDIA driver finds no device it can use: cuInit gives "
                + CUresult.stringFor(status),
            "");
      }
      int[] version = new int[1];
      GpuDriver.check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(version));
      requireVersion(version[0], toolkit);
      int[] count = new int[1];
      GpuDriver.check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(count));
      if (count[0] == 0) {
        throw new UnavailableException("the NVIDIA driver finds no device", "");
      }
      return first(library, version[0]);
    } catch (CudaException | jcuda.CudaException e) {
      throw new UnavailableException("the NVIDIA driver cannot be used: " + e.getMessage(), "");
    } catch (LinkageError e) {
      throw new UnavailableException(
          "JCuda's native library cannot be loaded: " + reason(String.valueOf(e.getMessage())),
          JCudaDriver.class.getModule().isNativeAccessEnabled()
              ? "set java.io.tmpdir to a directory from which libraries may be loaded"
              : ACCESS);
    }
  }

  /** Returns what the last failure says in JCuda's message of many traces, or its first line. */
  static String reason(String message) {
    return message
        .lines()
        .filter(line -> line.matches("[\\w.]+(Error|Exception): .*"))
        .reduce((first, last) -> last)
        .map(line -> line.substring(line.indexOf(": ") + 2))
        .orElseGet(() -> message.lines().findFirst().orElse(""));
  }

  private static GpuDevice first(SymbolLookup library, int version) throws UnavailableException {
    CUdevice device = new CUdevice();
    GpuDriver.check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, 0));
    byte[] bytes = new byte[256];
    GpuDriver.check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(bytes, bytes.length, device));
    String name = new String(bytes, StandardCharsets.UTF_8).replace("\0", "").strip();
    int major = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    requireCapability(name, major, minor);
    int multiprocessors =
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    int sharedBytes =
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    // Later devices run the PTX, which is that of an architecture without clusters; code for 9.0a
    // runs on 9.0 only.
    boolean clusters = major == 9;
    MemorySegment encode =
        major == 9 && minor == 0 ? library.find("cuTensorMapEncodeTiled").orElse(null) : null;
    String description =
        name
            + ", compute capability "
            + major
            + "."
            + minor
            + ", "
            + multiprocessors
            + " multiprocessors, driver for CUDA "
            + text(version);
    return new GpuDevice(device, description, multiprocessors, sharedBytes, clusters, encode);
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    GpuDriver.check(
        "cuDeviceGetAttribute", JCudaDriver.cuDeviceGetAttribute(value, attribute, device));
    return value[0];
  }

  private static String text(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  /**
   * Checks that a driver knows the images.
   *
   * @param version what cuDriverGetVersion gives, such as 13000
   * @param toolkit the version of the toolkit that made the images, such as 13.0
   * @throws UnavailableException if the driver is older
   */
  static void requireVersion(int version, String toolkit) throws UnavailableException {
    int needed = Integer.parseInt(toolkit.substring(0, toolkit.indexOf('.')));
    if (version / 1000 < needed) {
      throw new UnavailableException(
          "the NVIDIA driver is for CUDA "
              + text(version)
              + ", and the kernels need "
              + needed
              + ".0",
          "install a newer driver, or build limbeck-cuda with an older nvcc");
    }
  }

  /**
   * Checks that a device can run the images.
   *
   * @throws UnavailableException if it is older than what they hold
   */
  static void requireCapability(String name, int major, int minor) throws UnavailableException {
    if (major < OLDEST_MAJOR) {
      throw new UnavailableException(
          "the device "
              + name
              + " has compute capability "
              + major
              + "."
              + minor
              + ", and the kernels need "
              + OLDEST_MAJOR
              + ".0",
          "");
    }
  }
}
