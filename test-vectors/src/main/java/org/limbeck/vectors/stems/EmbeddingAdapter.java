// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * embedding: params scale (1), padding_index (none); inputs table, ids, grad_y, and
 * grad_table_before where the gradient does not begin with zeros; expects y, grad_table.
 */
final class EmbeddingAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    Embedding.Spec spec =
        new Embedding.Spec((float) call.number("scale", 1), call.integer("padding_index", -1));
    Matrix table = call.input("table", DType.F32);
    Matrix ids = call.vector("ids", DType.I64);
    Matrix y = call.output("y", DType.F32, ids.cols(), table.cols());
    call.run(Embedding.FORWARD, spec, new Embedding.Forward(table, ids, y));
    if (call.has("grad_y")) {
      Matrix gradTable = call.optional("grad_table_before", DType.F32);
      if (gradTable == null) {
        gradTable = call.allocate(DType.F32, table.rows(), table.cols());
      }
      call.output("grad_table", gradTable);
      Matrix gradY = call.input("grad_y", DType.F32);
      call.run(Embedding.BACKWARD, spec, new Embedding.Backward(ids, gradY, gradTable));
    }
  }
}
