// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Zeroing and copying on the host, of views with and without gaps between rows. */
class HostMemoryTest {
  private static final byte SENTINEL = (byte) 0xA5;

  private final HostMemory memory = new HostMemory();

  /** Memory that this process cannot reach. */
  private static final class ElsewhereBuffer extends DeviceBuffer {
    @Override
    public Device device() {
      return new Device("cuda", 1);
    }

    @Override
    public long byteSize() {
      return 1 << 20;
    }

    @Override
    public boolean isAlive() {
      return true;
    }

    @Override
    public long address() {
      return 0;
    }
  }

  @AfterEach
  void close() {
    memory.close();
  }

  /** Returns a matrix whose bytes count up from a number. */
  private Matrix counting(DType type, long rows, long cols, int first) {
    Matrix m = memory.matrix(type, rows, cols);
    for (long i = 0; i < m.segment().byteSize(); i++) {
      m.segment().set(ValueLayout.JAVA_BYTE, i, (byte) (first + i));
    }
    return m;
  }

  private Matrix sentinels(DType type, long rows, long cols) {
    Matrix m = memory.matrix(type, rows, cols);
    m.segment().fill(SENTINEL);
    return m;
  }

  private static byte byteAt(Matrix m, long row, long index) {
    return m.segment().get(ValueLayout.JAVA_BYTE, m.rowOffsetBytes(row) + index);
  }

  /** Asserts that the bytes of a matrix outside rows 1 to 3 and columns 1 to 5 are sentinels. */
  private static void assertSentinelsAround(Matrix whole) {
    int size = whole.type().bytes();
    for (long r = 0; r < whole.rows(); r++) {
      for (long i = 0; i < whole.cols() * size; i++) {
        boolean inside = r >= 1 && r < 4 && i >= size && i < 6L * size;
        if (!inside) {
          assertEquals(SENTINEL, byteAt(whole, r, i), "byte " + i + " of row " + r);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void zeroClearsTheRowsAndNothingElse(DType type) {
    Matrix whole = sentinels(type, 5, 8);
    Matrix view = whole.rows(1, 4).columns(1, 6);
    memory.zero(view);
    for (long r = 0; r < 3; r++) {
      for (long i = 0; i < 5L * type.bytes(); i++) {
        assertEquals(0, byteAt(view, r, i));
      }
    }
    assertSentinelsAround(whole);
  }

  @Test
  void zeroClearsContiguousRowsOnly() {
    Matrix whole = memory.copyOf(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 4, 2);
    memory.zero(whole.rows(1, 3));
    assertArrayEquals(new float[] {1, 2, 0, 0, 0, 0, 7, 8}, whole.toFloatArray());
    memory.zero(whole.rows(3, 4).columns(1, 2));
    assertArrayEquals(new float[] {1, 2, 0, 0, 0, 0, 7, 0}, whole.toFloatArray());
    memory.zero(whole);
    assertArrayEquals(new float[8], whole.toFloatArray());
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void copyTakesEveryBitBetweenAnyStrides(DType type) {
    Matrix source = counting(type, 3, 5, 1);
    Matrix whole = sentinels(type, 5, 8);
    Matrix view = whole.rows(1, 4).columns(1, 6);
    memory.copy(source, view);
    assertSameBytes(source, view);
    assertSentinelsAround(whole);
    Matrix back = memory.matrix(type, 3, 5);
    memory.copy(view, back);
    assertSameBytes(source, back);
    Matrix straight = memory.matrix(type, 3, 5);
    memory.copy(source, straight);
    assertSameBytes(source, straight);
  }

  private static void assertSameBytes(Matrix expected, Matrix actual) {
    for (long r = 0; r < expected.rows(); r++) {
      for (long i = 0; i < expected.cols() * expected.type().bytes(); i++) {
        assertEquals(byteAt(expected, r, i), byteAt(actual, r, i), "byte " + i + " of row " + r);
      }
    }
  }

  @Test
  void copyWorksWithinOneMatrix() {
    Matrix m = memory.copyOf(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    memory.copy(m, m);
    assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, m.toFloatArray());
    memory.copy(m.columns(0, 1), m.columns(2, 3));
    assertArrayEquals(new float[] {1, 2, 1, 4, 5, 4}, m.toFloatArray());
    memory.copy(m.rows(1, 2), m.rows(0, 1));
    assertArrayEquals(new float[] {4, 5, 4, 4, 5, 4}, m.toFloatArray());
  }

  @Test
  void emptyMatricesAreLeftAlone() {
    Matrix m = memory.copyOf(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    memory.zero(m.rows(2, 2));
    memory.zero(m.columns(3, 3));
    memory.copy(m.rows(2, 2), m.rows(1, 1));
    memory.copy(m.columns(3, 3), memory.matrix(DType.F32, 2, 0));
    assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, m.toFloatArray());
  }

  @Test
  void matricesOfAnotherDeviceAreRefused() {
    Matrix here = memory.matrix(DType.F32, 2, 3);
    Matrix there = Matrix.of(new ElsewhereBuffer(), DType.F32, 2, 3);
    String rest = "given F32 [2, 3] on cuda:1, expected a matrix on host";
    refused("HostMemory.zero: target: " + rest, () -> memory.zero(there));
    refused("HostMemory.copy: source: " + rest, () -> memory.copy(there, here));
    refused("HostMemory.copy: target: " + rest, () -> memory.copy(here, there));
  }

  @Test
  void copiesBetweenDifferentTypesOrShapesAreRefused() {
    Matrix m = memory.matrix(DType.F32, 2, 3);
    for (Matrix other :
        new Matrix[] {
          memory.matrix(DType.I32, 2, 3),
          memory.matrix(DType.F32, 3, 2),
          memory.matrix(DType.F32, 2, 4),
          memory.matrix(DType.F32, 1, 3)
        }) {
      refused(
          "HostMemory.copy: target: given "
              + other
              + ", expected the type and shape of source, F32 [2, 3] on host",
          () -> memory.copy(m, other));
    }
  }

  @Test
  void copiesOverPartOfTheSourceAreRefused() {
    Matrix m = memory.matrix(DType.F32, 4, 6);
    String message = "HostMemory.copy: target: given memory that overlaps source in part";
    refused(message, () -> memory.copy(m.rows(0, 3), m.rows(1, 4)));
    refused(message, () -> memory.copy(m.columns(0, 4), m.columns(2, 6)));
  }

  @Test
  void closedMatricesAreRefused() {
    Matrix closed;
    try (HostMemory other = new HostMemory()) {
      closed = other.matrix(DType.F32, 2, 3);
    }
    Matrix open = memory.matrix(DType.F32, 2, 3);
    closedRefused("zero: target", () -> memory.zero(closed));
    closedRefused("copy: source", () -> memory.copy(closed, open));
    closedRefused("copy: target", () -> memory.copy(open, closed));
  }

  private static void closedRefused(String what, Runnable action) {
    var e = assertThrows(IllegalStateException.class, action::run);
    assertEquals(
        "HostMemory." + what + ": given a closed buffer, expected an open one", e.getMessage());
  }

  private static void refused(String message, Runnable action) {
    var e = assertThrows(IllegalArgumentException.class, action::run);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
