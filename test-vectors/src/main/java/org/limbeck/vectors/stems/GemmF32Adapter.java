// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/** gemm_f32: see {@link GemmCalls}; a and b are F32. */
final class GemmF32Adapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    GemmCalls.run(call, GemmF32.OP, DType.F32);
  }
}
