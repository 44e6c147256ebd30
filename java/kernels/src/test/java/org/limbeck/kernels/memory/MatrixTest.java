// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Views, their limits, and what counts as overlap. */
class MatrixTest {
  private final HostMemory memory = new HostMemory();

  @AfterEach
  void close() {
    memory.close();
  }

  @Test
  void viewsShareTheBytes() {
    Matrix m = memory.copyOf(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    assertEquals(6, m.getFloat(1, 2));
    m.columns(1, 3).setFloat(1, 0, 50);
    assertArrayEquals(new float[] {1, 2, 3, 4, 50, 6}, m.toFloatArray());
    assertArrayEquals(new float[] {2, 3, 50, 6}, m.columns(1, 3).toFloatArray());
    assertArrayEquals(new float[] {4, 50, 6}, m.rows(1, 2).toFloatArray());
    assertArrayEquals(new float[] {3, 4}, m.reshape(3, 2).rows(1, 2).toFloatArray());
  }

  @Test
  void everyTensorIsAligned() {
    for (int i = 0; i < 20; i++) {
      assertEquals(0, memory.matrix(DType.U8, 1, 3).segment().address() % HostMemory.ALIGNMENT);
    }
  }

  @Test
  void viewsOutsideTheBufferAreRefused() {
    Matrix m = memory.matrix(DType.F32, 2, 3);
    HostBuffer buffer = HostBuffer.of(m.segment());
    refused("inside its buffer of 24 bytes", () -> Matrix.of(buffer, DType.F32, 3, 3));
    refused("at least cols", () -> new Matrix(buffer, DType.F32, 0, 2, 3, 2));
    refused("aligned to 4", () -> new Matrix(buffer, DType.F32, 2, 1, 1, 1));
    refused("sizes of 0 or more", () -> new Matrix(buffer, DType.F32, 0, -1, 3, 3));
    refused(
        "inside its buffer",
        () -> new Matrix(buffer, DType.F32, 0, Long.MAX_VALUE, 3, Long.MAX_VALUE / 2));
    refused("same number of elements", () -> m.reshape(4, 2));
    refused("contiguous", () -> m.columns(0, 2).reshape(1, 4));
    refused("type and shape", () -> m.copyFrom(m.rows(0, 1)));
  }

  @Test
  void heapAndConfinedSegmentsAreRefused() {
    refused("heap segment", () -> HostBuffer.of(MemorySegment.ofArray(new float[4])));
    try (Arena confined = Arena.ofConfined()) {
      refused("confined", () -> HostBuffer.of(confined.allocate(16)));
    }
  }

  @Test
  void hugeShapesAreRefusedBeforeTheyOverflow() {
    refused("2^63", () -> memory.matrix(DType.F32, 1L << 40, 1L << 40));
    refused("sizes of 0 or more", () -> memory.matrix(DType.F32, -1, 4));
    refused("rows * cols", () -> memory.copyOf(new float[5], 2, 3));
  }

  @Test
  void columnSlicesThatInterleaveDoNotOverlap() {
    Matrix m = memory.matrix(DType.F32, 4, 10);
    Matrix left = m.columns(0, 4);
    Matrix right = m.columns(4, 10);
    assertFalse(left.overlaps(right));
    assertFalse(right.overlaps(left));
    assertTrue(left.overlaps(m.columns(3, 5)));
    assertTrue(m.columns(3, 5).overlaps(left));
    assertTrue(left.overlaps(left));
    assertTrue(left.sameView(m.columns(0, 4)));
    assertFalse(left.sameView(right));
    assertTrue(m.rows(0, 2).overlaps(m.rows(1, 3)));
    assertFalse(m.rows(0, 2).overlaps(m.rows(2, 4)));
    assertFalse(left.overlaps(memory.matrix(DType.F32, 4, 4)));
  }

  @Test
  void aClosedMemoryIsNoticed() {
    Matrix m = memory.matrix(DType.F32, 2, 2);
    memory.close();
    assertFalse(m.buffer().isAlive());
    assertThrows(IllegalStateException.class, () -> m.getFloat(0, 0));
    memory.close();
  }

  @Test
  void aWorkspaceGrowsAndIsReused() {
    try (Workspace workspace = new Workspace()) {
      MemorySegment small = workspace.reserve(100);
      assertEquals(0, small.address() % HostMemory.ALIGNMENT);
      assertEquals(small, workspace.reserve(50));
      assertTrue(workspace.reserve(1000).byteSize() >= 1000);
      assertTrue(workspace.capacityBytes() >= 1000);
    }
  }

  private static void refused(String message, Runnable action) {
    var e = assertThrows(IllegalArgumentException.class, action::run);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
