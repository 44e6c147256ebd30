// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/** gemm_bf16: see {@link GemmCalls}; a and b are BF16. */
final class GemmBf16Adapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    GemmCalls.run(call, GemmBf16.OP, DType.BF16);
  }
}
