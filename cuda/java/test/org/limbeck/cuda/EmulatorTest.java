// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The emulator finds planted faults: {@code cuda/emulator/tests/faults.cu}. */
class EmulatorTest {
  private static final int BLOCK = 64;

  private static EmulatedDriver driver;

  @BeforeAll
  static void open() throws IOException, UnavailableException {
    Path library =
        Path.of(System.getProperty("limbeck.cuda.build"), "faults", "liblimbeck-cuda-faults.so");
    assumeTrue(Files.exists(library), "this build made no emulator");
    driver = EmulatedDriver.open(Files.readAllBytes(library));
  }

  /** Runs a kernel over 1, 2, ..., n and returns the n values it writes. */
  private static float[] run(String kernel, int n) {
    long bytes = 4L * n;
    long x = driver.allocate(bytes);
    long y = driver.allocate(bytes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes, 16);
      for (int i = 0; i < n; i++) {
        host.setAtIndex(ValueLayout.JAVA_FLOAT, i, i + 1);
      }
      driver.upload(host, bytes, x, bytes, bytes, 1);
      new KernelFunction(driver, new KernelSignature("faults", kernel, "ppl"))
          .address(x)
          .address(y)
          .int64(n)
          .launch(Math.ceilDiv(n, BLOCK), BLOCK);
      driver.download(y, bytes, host, bytes, bytes, 1);
      return host.toArray(ValueLayout.JAVA_FLOAT);
    } finally {
      driver.free(x);
      driver.free(y);
    }
  }

  @Test
  void rightKernelPasses() {
    float[] y = run("lb_right_kernel", 3 * BLOCK);
    assertEquals(BLOCK, y[0]);
    assertEquals(1, y[BLOCK - 1]);
    assertEquals(3 * BLOCK, y[2 * BLOCK]);
  }

  @Test
  void blocksOfAClusterShareASum() {
    float[] y = run("lb_right_cluster_kernel", 100);
    assertEquals(5050, y[0]);
    assertEquals(5051, y[99]);
  }

  @Test
  void gridOfPartOfAClusterIsRefused() {
    var e = assertThrows(CudaException.class, () -> run("lb_right_cluster_kernel", BLOCK));
    assertTrue(e.getMessage().endsWith("a multiple of the cluster of 2"), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "lb_missing_second_barrier_kernel | without a barrier between them",
        "lb_off_by_one_kernel | a write 0 bytes behind the end of a buffer of 400 bytes",
        "lb_partial_barrier_kernel | does not reach: it has ended",
        "lb_partial_shuffle_kernel | for lanes fffffff0 of its warp, which do not come",
        "lb_shared_overrun_kernel | tile[64] of shared memory, which has 64 elements",
        "lb_partial_cluster_kernel | 1 of the 2 blocks of a cluster have ended",
        "lb_early_copy_kernel | without a barrier between them",
        "lb_endless_wait_kernel | for a barrier in memory, which nobody completes",
        "lb_overwritten_product_kernel | shared memory that its product reads was overwritten",
      })
  void plantedFaultIsFound(String kernel, String message) {
    var e = assertThrows(CudaException.class, () -> run(kernel, 100));
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertTrue(e.getMessage().startsWith(kernel + ", block ("), e.getMessage());
  }

  /** The first thread that meets such a fault is another where the threads run from the last. */
  @ParameterizedTest
  @CsvSource({"lb_missing_barrier_kernel, 63, 28", "lb_unwritten_kernel, 36, 63"})
  void readOfWhatNobodyWroteIsFound(String kernel, int ascending, int descending) {
    int element = Boolean.getBoolean(EmulatedDriver.DESCENDING_PROPERTY) ? descending : ascending;
    plantedFaultIsFound(kernel, "it reads tile[" + element + "] of shared memory, which no thread");
  }

  @Test
  void unknownKernelIsNamed() {
    var e = assertThrows(CudaException.class, () -> run("lb_no_such_kernel", 1));
    assertEquals("the emulator has no kernel lb_no_such_kernel", e.getMessage());
  }

  @Test
  void readBehindTheEndIsNoNumber() {
    assertTrue(Float.isNaN(run("lb_off_by_one_read_kernel", BLOCK)[0]));
  }

  @Test
  void anotherSignatureIsRefused() {
    var e =
        assertThrows(
            CudaException.class,
            () -> driver.function(new KernelSignature("faults", "lb_right_kernel", "ppi")));
    assertEquals(
        "lb_right_kernel: parameter 2 has 8 bytes in the kernel and 4 in Java (-1: none)",
        e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"1, 48", "1, 0", "1, 2048", "0, 64"})
  void badGridIsRefused(int grid, int block) {
    KernelFunction kernel =
        new KernelFunction(driver, new KernelSignature("faults", "lb_right_kernel", "ppl"));
    kernel.address(0).address(0).int64(0);
    assertThrows(CudaException.class, () -> kernel.launch(grid, block));
  }

  @Test
  void argumentsOfAnotherTypeOrNumberAreRefused() {
    KernelFunction kernel =
        new KernelFunction(driver, new KernelSignature("faults", "lb_right_kernel", "ppl"));
    assertThrows(IllegalStateException.class, () -> kernel.address(0).int64(1));
    assertThrows(IllegalStateException.class, () -> kernel.address(0).launch(1, BLOCK));
  }
}
