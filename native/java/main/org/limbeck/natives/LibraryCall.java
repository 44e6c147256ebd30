// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * Calls of a function of the library as the work on a chunk: the one place where what they return
 * or throw becomes an exception of the kernel.
 *
 * <p>A call allocates nothing, whatever the compiler inlines: a matrix has its segment ready, and
 * parts are named by offsets.
 *
 * @param <K> the first context parameter, usually the kernel
 * @param <A> the second context parameter, usually its arguments
 */
abstract class LibraryCall<K, A> implements RangeBody<K, A> {
  private final String function;

  /**
   * Makes a body that calls a function.
   *
   * @param function its name, for messages
   */
  LibraryCall(String function) {
    this.function = function;
  }

  /**
   * Calls the function for a chunk; the parameters are those of {@link #run}.
   *
   * @return the status of the call, or the bitwise or of several: LB_OK if all have it
   * @throws Throwable what a method handle may throw
   */
  abstract int call(K kernel, A arguments, Workspace scratch, long from, long to) throws Throwable;

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if the library refused its arguments, which the contract allows
   */
  @Override
  public final void run(K kernel, A arguments, Workspace scratch, long from, long to) {
    int status;
    try {
      status = call(kernel, arguments, scratch, from, to);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(function + " of the native library failed: " + e, e);
    }
    if (status != LimbeckH.LB_OK()) {
      throw new IllegalStateException(refusal(status));
    }
  }

  /** Makes one call for a whole range on this thread; it is given no scratch. */
  final void whole(K kernel, A arguments, long length) {
    run(kernel, arguments, null, 0, length);
  }

  private String refusal(int status) {
    String what = "with status " + status;
    if (status == LimbeckH.LB_BAD_SIZE()) {
      what = "as a bad size";
    } else if (status == LimbeckH.LB_BAD_OPTION()) {
      what = "as a bad option";
    }
    return function + " of the native library refused what the contract allows, " + what;
  }
}
