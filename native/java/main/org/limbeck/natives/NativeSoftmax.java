// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.natives.bindings.LimbeckH;

/** softmax in C: {@code native/src/softmax}. Rows are split over threads. */
final class NativeSoftmax {
  private static final LibraryCall<Tier, Softmax.Forward> FORWARD =
      new LibraryCall<>("lb_softmax_forward") {
        @Override
        int call(Tier tier, Softmax.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_softmax_forward$handle()
                  .invokeExact(
                      tier.bits(),
                      Native.pointer(a.x()),
                      a.x().rowStride(),
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      from,
                      to,
                      a.x().cols());
        }
      };
  private static final LibraryCall<Tier, Softmax.Backward> BACKWARD =
      new LibraryCall<>("lb_softmax_backward") {
        @Override
        int call(Tier tier, Softmax.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_softmax_backward$handle()
                  .invokeExact(
                      tier.bits(),
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      Native.pointer(a.gradY()),
                      a.gradY().rowStride(),
                      Native.pointer(a.gradX()),
                      a.gradX().rowStride(),
                      from,
                      to,
                      a.y().cols());
        }
      };

  private NativeSoftmax() {}

  static Kernel<Softmax.Forward> forward(Tier tier) {
    return (a, pool) ->
        pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), tier, a, FORWARD);
  }

  static Kernel<Softmax.Backward> backward(Tier tier) {
    return (a, pool) ->
        pool.forRange(a.y().rows(), Native.rowsPerChunk(a.y().cols()), tier, a, BACKWARD);
  }
}
