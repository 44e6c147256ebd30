// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** gelu in C: {@code native/src/gelu}. Rows are split over threads. */
final class NativeGelu {
  private static final LibraryCall<NativeGelu, Elementwise.Forward> FORWARD =
      new LibraryCall<>("lb_gelu_forward") {
        @Override
        int call(NativeGelu kernel, Elementwise.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_gelu_forward$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.form,
                      Native.pointer(a.x()),
                      a.x().rowStride(),
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      from,
                      to,
                      a.x().cols());
        }
      };
  private static final LibraryCall<NativeGelu, Elementwise.Backward> BACKWARD =
      new LibraryCall<>("lb_gelu_backward") {
        @Override
        int call(NativeGelu kernel, Elementwise.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_gelu_backward$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.form,
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

  private final int tier;
  private final int form;

  private NativeGelu(Tier tier, Gelu.Spec spec) {
    this.tier = tier.bits();
    this.form =
        switch (spec.form()) {
          case ERF -> LimbeckH.LB_GELU_ERF();
          case TANH -> LimbeckH.LB_GELU_TANH();
        };
  }

  static Kernel<Elementwise.Forward> forward(Tier tier, Gelu.Spec spec) {
    return new NativeGelu(tier, spec)::run;
  }

  static Kernel<Elementwise.Backward> backward(Tier tier, Gelu.Spec spec) {
    return new NativeGelu(tier, spec)::run;
  }

  private void run(Elementwise.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), this, a, FORWARD);
  }

  private void run(Elementwise.Backward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), this, a, BACKWARD);
  }
}
