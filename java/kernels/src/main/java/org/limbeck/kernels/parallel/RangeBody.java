// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.parallel;

import org.limbeck.kernels.memory.Workspace;

/**
 * The work on one chunk of a range. Kernels keep theirs in a {@code static final} field and take
 * what they need as the two context parameters: a lambda that captures would allocate on each call.
 *
 * @param <K> the first context parameter, usually the kernel
 * @param <A> the second context parameter, usually its arguments
 */
@FunctionalInterface
public interface RangeBody<K, A> {
  /**
   * Does the work of indices {@code from} (inclusive) to {@code to} (exclusive).
   *
   * @param kernel the first context parameter
   * @param arguments the second context parameter
   * @param scratch scratch memory of the thread that runs this chunk
   * @param from the first index
   * @param to the index after the last
   */
  void run(K kernel, A arguments, Workspace scratch, long from, long to);
}
