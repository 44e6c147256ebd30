// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.vectors.contract.AttentionKlContract;
import org.limbeck.vectors.contract.Tensors;

/** attention_kl on the CUDA backend, by default emulated. */
class CudaAttentionKlTest extends AttentionKlContract {
  CudaAttentionKlTest() {
    super(TestedBackend.name());
  }

  /**
   * Where one kernel ends and the next begins; rows that share a warp, one of them without keys.
   */
  @ParameterizedTest
  @ValueSource(longs = {128, 129, 256, 400, 512, 513})
  void agreesWithTheReferenceHoweverManyLanesARowHas(long keys) {
    AttentionShape shape = new AttentionShape(1, 3, 7, keys);
    for (boolean masked : new boolean[] {false, true}) {
      for (AttentionKl.Spec spec :
          new AttentionKl.Spec[] {
            AttentionKl.Spec.DEFAULT, AttentionKl.Spec.DEFAULT.withClamp(1e-3)
          }) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix student = t.normal(shape.rows(), keys, 2);
          Matrix teacher = t.normal(shape.rows(), keys, 2);
          Matrix mask = masked ? t.mask(7, keys, 0.6) : null;
          if (masked) {
            for (long key = 0; key < keys; key++) {
              mask.setByte(2, key, (byte) 0);
            }
          }
          Matrix want = t.zeros(DType.F32, shape.rows(), keys);
          Matrix wantLoss = t.zeros(DType.F64, 1, 1);
          Matrix loss = t.zeros(DType.F64, 1, 1);
          runReference(
              AttentionKl.OP,
              spec,
              new AttentionKl.Arguments(shape, student, teacher, null, mask, want, wantLoss));
          // The gradient over the student's scores.
          run(
              AttentionKl.OP,
              spec,
              new AttentionKl.Arguments(shape, student, teacher, null, mask, student, loss));
          String what = keys + " keys" + (masked ? " with a mask" : "") + ", " + spec;
          assertClose(want, student, 4e-6, 1e-8, what);
          double value = wantLoss.getDouble(0, 0);
          assertWithin(value, loss.getDouble(0, 0), 4e-6 * value, () -> what);
        }
      }
    }
  }
}
