// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/** Memory of the device: copies of any layout, zeros, and what is refused. */
class CudaMemoryTest {
  private final Backends backends = Backends.discover();
  private final HostMemory host = new HostMemory();
  private final Memory memory =
      backends.available().stream()
          .filter(b -> b.name().equals(TestedBackend.name()))
          .findFirst()
          .orElseThrow()
          .newMemory();

  @AfterEach
  void close() {
    memory.close();
    host.close();
    backends.close();
  }

  private Matrix counted(long rows, long cols) {
    Matrix m = host.matrix(DType.F32, rows, cols);
    for (long i = 0; i < m.elements(); i++) {
      m.setFloat(i / cols, i % cols, i + 1);
    }
    return m;
  }

  private float[] fetched(Matrix there) {
    Matrix here = host.matrix(DType.F32, there.rows(), there.cols());
    memory.download(there, here);
    return here.toFloatArray();
  }

  @Test
  void newMatricesAreZero() {
    Matrix m = memory.matrix(DType.F32, 3, 5);
    assertEquals(memory.device(), m.buffer().device());
    assertEquals(0, m.buffer().address() % 64);
    assertArrayEquals(new float[15], fetched(m));
    assertEquals(0, memory.matrix(DType.I64, 0, 7).elements());
  }

  @Test
  void areasOfAnyLayoutAreCopied() {
    Matrix source = counted(4, 6);
    Matrix there = memory.matrix(DType.F32, 4, 6);
    memory.upload(source.columns(1, 4), there.columns(2, 5));
    assertArrayEquals(source.columns(1, 4).toFloatArray(), fetched(there.columns(2, 5)));
    assertArrayEquals(new float[8], fetched(there.columns(0, 2)));
    Matrix copy = memory.matrix(DType.F32, 4, 3);
    memory.copy(there.columns(2, 5), copy);
    assertArrayEquals(source.columns(1, 4).toFloatArray(), fetched(copy));
    memory.zero(there.columns(3, 4));
    assertArrayEquals(new float[] {8, 0, 10}, fetched(there.rows(1, 2).columns(2, 5)));
  }

  @Test
  void whatCannotBeIsRefused() {
    Matrix here = counted(2, 3);
    Matrix there = memory.matrix(DType.F32, 2, 3);
    assertRefused("upload: target: given F32 [2, 3] on host", () -> memory.upload(here, here));
    assertRefused(
        "upload: host: given F32 [2, 3] on " + memory.device(), () -> memory.upload(there, there));
    assertRefused(
        "expected the type and shape of source", () -> memory.download(there, here.rows(0, 1)));
    Matrix wide = memory.matrix(DType.F32, 2, 4);
    assertRefused("in part", () -> memory.copy(wide.columns(0, 3), wide.columns(1, 4)));
    assertRefused("sizes of 0 or more", () -> memory.matrix(DType.F32, -1, 3));
    assertRefused("at most 2^63 - 1 bytes", () -> memory.matrix(DType.F32, 1L << 40, 1L << 40));
    assertThrows(IllegalStateException.class, there::segment);
  }

  @Test
  void moreThanThereIsGivesOneSentence() {
    var e = assertThrows(OutOfMemoryError.class, () -> memory.matrix(DType.U8, 1, 1L << 42));
    assertTrue(
        e.getMessage()
            .startsWith("the device has no 4398046511104 bytes for U8 [1, 4398046511104]"),
        e.getMessage());
  }

  @Test
  void closedMemoryIsRefused() {
    Matrix here = counted(2, 3);
    Matrix there = memory.matrix(DType.F32, 2, 3);
    memory.close();
    var e = assertThrows(IllegalStateException.class, () -> memory.upload(here, there));
    assertTrue(e.getMessage().contains("target: given a closed buffer"), e.getMessage());
    assertThrows(IllegalStateException.class, () -> memory.matrix(DType.F32, 1, 1));
  }

  private static void assertRefused(String message, Runnable call) {
    var e = assertThrows(IllegalArgumentException.class, call::run);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
