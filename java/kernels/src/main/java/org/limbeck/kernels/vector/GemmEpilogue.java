// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import org.limbeck.kernels.op.GemmF32;

/** What a product applies to finished rows, block by block, while they are in the cache. */
final class GemmEpilogue {
  /** The scratch that {@link #apply} needs. */
  static final long SCRATCH_BYTES = VectorGelu.ERF_SCRATCH_BYTES;

  private GemmEpilogue() {}

  /**
   * Applies an epilogue to some rows and columns in place.
   *
   * @param bias the bias; not read with {@code NONE}
   * @param biasOffset the byte offset of that of the first column
   * @param c the rows
   * @param offset the byte offset of the first
   * @param stride the distance between rows in bytes
   * @param rows how many
   * @param bytes the bytes of a row
   * @param scratch {@link #SCRATCH_BYTES} from its beginning are overwritten
   */
  static void apply(
      GemmF32.Epilogue epilogue,
      MemorySegment bias,
      long biasOffset,
      MemorySegment c,
      long offset,
      long stride,
      long rows,
      long bytes,
      MemorySegment scratch) {
    if (epilogue == GemmF32.Epilogue.NONE) {
      return;
    }
    for (long r = 0; r < rows; r++) {
      long at = offset + r * stride;
      if (epilogue == GemmF32.Epilogue.BIAS_RELU) {
        addAndClip(bias, biasOffset, c, at, bytes);
      } else {
        add(bias, biasOffset, c, at, bytes);
      }
      if (epilogue == GemmF32.Epilogue.BIAS_GELU) {
        VectorGelu.applyErf(c, at, bytes, scratch);
      }
    }
  }

  private static void add(MemorySegment bias, long bo, MemorySegment c, long co, long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, c, co + i, ORDER)
          .add(FloatVector.fromMemorySegment(F32, bias, bo + i, ORDER))
          .intoMemorySegment(c, co + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float sum = c.get(ValueLayout.JAVA_FLOAT, co + i) + bias.get(ValueLayout.JAVA_FLOAT, bo + i);
      c.set(ValueLayout.JAVA_FLOAT, co + i, sum);
    }
  }

  private static void addAndClip(
      MemorySegment bias, long bo, MemorySegment c, long co, long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, c, co + i, ORDER)
          .add(FloatVector.fromMemorySegment(F32, bias, bo + i, ORDER))
          .max(0f)
          .intoMemorySegment(c, co + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float sum = c.get(ValueLayout.JAVA_FLOAT, co + i) + bias.get(ValueLayout.JAVA_FLOAT, bo + i);
      c.set(ValueLayout.JAVA_FLOAT, co + i, Math.max(sum, 0f));
    }
  }
}
