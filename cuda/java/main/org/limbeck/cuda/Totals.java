// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Matrix;

/**
 * Sums of scratch in a fixed order: {@code cuda/src/device/total.h}. Belongs to one operation
 * object. Many elements are added by chunks first; chunks depend on the count alone, and so do the
 * bits of a sum.
 */
final class Totals {
  /** The threads of a block: Total::THREADS in the kernels. */
  static final int BLOCK = 512;

  private static final long CHUNK = 8192;

  private final CachingAllocator allocator;
  private final KernelFunction kernel;

  Totals(Context context, KernelSignature signature) {
    allocator = context.allocator();
    kernel = context.function(signature);
  }

  /** Returns the kernel in the image of a stem. */
  static KernelSignature signature(String stem) {
    return new KernelSignature(stem, "lb_" + stem + "_total_kernel", "pp ll pd i p");
  }

  /**
   * Queues result = factor * sum of weight * value, 0 where the factor is 0.
   *
   * @param values where the values lie, F64 [count]; those beside a weight of 0 are not read
   * @param weights F32 [1, count], or null for 1
   * @param count the number of values
   * @param left where a kernel has left the factor, or 0 for the known one
   * @param known the factor
   * @param result where the sum goes
   */
  void sum(long values, Matrix weights, long count, long left, double known, long result) {
    run(values, weights, count, left, known, false, result);
  }

  /** Queues result = 1 / sum of the weights, 0 where the sum is 0. */
  void inverse(Matrix weights, long result) {
    run(0, weights, weights.cols(), 0, 1, true, result);
  }

  private void run(
      long values,
      Matrix weights,
      long count,
      long left,
      double known,
      boolean inverse,
      long result) {
    long chunks = Math.ceilDiv(count, CHUNK);
    if (chunks == 1) {
      launch(values, weights, count, count, left, known, inverse, result);
      return;
    }
    long bytes = chunks * Double.BYTES;
    long sums = allocator.require(bytes, "the sums of chunks");
    try {
      launch(values, weights, count, CHUNK, 0, 1, false, sums);
      launch(sums, null, chunks, chunks, left, known, inverse, result);
    } finally {
      allocator.free(sums, bytes);
    }
  }

  private void launch(
      long values,
      Matrix weights,
      long count,
      long chunk,
      long left,
      double known,
      boolean inverse,
      long result) {
    kernel.address(values).pointer(weights).int64(count).int64(chunk).address(left).float64(known);
    kernel.int32(inverse ? 1 : 0).address(result).launch(Math.ceilDiv(count, chunk), BLOCK);
  }
}
