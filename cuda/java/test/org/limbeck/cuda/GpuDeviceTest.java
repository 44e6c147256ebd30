// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What a device and its driver must be, as far as that needs neither. */
class GpuDeviceTest {
  private static void assertRefused(String reason, Executable call) {
    assertEquals(reason, assertThrows(UnavailableException.class, call).getMessage());
  }

  @Test
  void anOlderDriverIsRefused() {
    assertRefused(
        "the NVIDIA driver is for CUDA 12.9, and the kernels need 13.0",
        () -> GpuDevice.requireVersion(12_090, "13.2"));
    assertDoesNotThrow(() -> GpuDevice.requireVersion(13_000, "13.2"));
    assertDoesNotThrow(() -> GpuDevice.requireVersion(14_010, "13.0"));
  }

  /** Not by the first kernel, in the middle of a run. */
  @Test
  void anOlderDeviceIsRefused() {
    assertRefused(
        "the device Tesla T4 has compute capability 7.5, and the kernels need 8.0",
        () -> GpuDevice.requireCapability("Tesla T4", 7, 5));
    assertDoesNotThrow(() -> GpuDevice.requireCapability("NVIDIA A100", 8, 0));
    assertDoesNotThrow(() -> GpuDevice.requireCapability("NVIDIA B200", 10, 0));
  }

  @Test
  void whyALibraryCannotBeLoadedIsOneSentence() {
    assertEquals(
        "/tmp/libJCudaDriver.so: failed to map segment from shared object",
        GpuDevice.reason(
            """
            Error while loading native library "JCudaDriver"
            Stack trace from the attempt to load the library as a file:
            java.lang.UnsatisfiedLinkError: no JCudaDriver in java.library.path: /usr/lib
            \tat java.base/java.lang.ClassLoader.loadLibrary
            Stack trace from the attempt to load the library as a resource:
            java.lang.UnsatisfiedLinkError: /tmp/libJCudaDriver.so: failed to map segment from shared object
            \tat java.base/jdk.internal.loader.NativeLibraries.load
            """));
    assertEquals(
        "No resource found",
        GpuDevice.reason(
            """
            Error while loading native library "JCudaDriver"
            java.lang.UnsatisfiedLinkError: no JCudaDriver in java.library.path: /usr/lib
            \tat java.base/java.lang.ClassLoader.loadLibrary
            java.io.IOException: No resource found
            """));
    assertEquals("Could not initialize", GpuDevice.reason("Could not initialize\nclass"));
  }
}
