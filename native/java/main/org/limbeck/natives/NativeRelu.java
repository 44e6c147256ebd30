// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.natives.bindings.LimbeckH;

/** relu in C: {@code native/src/relu}. Rows are split over threads. */
final class NativeRelu {
  private static final LibraryCall<Tier, Elementwise.Forward> FORWARD =
      new LibraryCall<>("lb_relu_forward") {
        @Override
        int call(Tier tier, Elementwise.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_relu_forward$handle()
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
  private static final LibraryCall<Tier, Elementwise.Backward> BACKWARD =
      new LibraryCall<>("lb_relu_backward") {
        @Override
        int call(Tier tier, Elementwise.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_relu_backward$handle()
                  .invokeExact(
                      tier.bits(),
                      Native.pointer(a.x()),
                      a.x().rowStride(),
                      Native.pointer(a.gradY()),
                      a.gradY().rowStride(),
                      Native.pointer(a.gradX()),
                      a.gradX().rowStride(),
                      from,
                      to,
                      a.x().cols());
        }
      };

  private NativeRelu() {}

  static Kernel<Elementwise.Forward> forward(Tier tier) {
    return (a, pool) ->
        pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), tier, a, FORWARD);
  }

  static Kernel<Elementwise.Backward> backward(Tier tier) {
    return (a, pool) ->
        pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), tier, a, BACKWARD);
  }
}
