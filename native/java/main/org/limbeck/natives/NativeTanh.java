// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Tanh;
import org.limbeck.natives.bindings.LimbeckH;

/** tanh in C: {@code native/src/tanh}. Rows are split over threads. */
final class NativeTanh {
  private static final LibraryCall<Tier, Elementwise.Forward> FORWARD =
      new LibraryCall<>("lb_tanh_forward") {
        @Override
        int call(Tier tier, Elementwise.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_tanh_forward$handle()
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
  private static final LibraryCall<Tier, Tanh.Backward> BACKWARD =
      new LibraryCall<>("lb_tanh_backward") {
        @Override
        int call(Tier tier, Tanh.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_tanh_backward$handle()
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

  private NativeTanh() {}

  static Kernel<Elementwise.Forward> forward(Tier tier) {
    return (a, pool) ->
        pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), tier, a, FORWARD);
  }

  static Kernel<Tanh.Backward> backward(Tier tier) {
    return (a, pool) ->
        pool.forRange(a.y().rows(), Native.rowsPerChunk(a.y().cols()), tier, a, BACKWARD);
  }
}
