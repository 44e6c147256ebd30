// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.PetWarmup;

/** Indices on the device are not checked before a call: what is none must harm no other row. */
class CudaBadIndicesTest {
  private static final long[] BAD = {Long.MIN_VALUE, -1, 3, Long.MAX_VALUE};

  private final Backends backends = Backends.discover().limitTo(List.of(TestedBackend.name()));
  private final Limbeck limbeck = Limbeck.open(backends, backends.available().get(0).device(), 1);
  private final Memory memory = limbeck.newMemory();
  private final HostMemory host = new HostMemory();

  @AfterEach
  void close() {
    memory.close();
    host.close();
    limbeck.close();
  }

  private Matrix floats(long rows, long cols) {
    Matrix here = host.matrix(DType.F32, rows, cols);
    for (long i = 0; i < here.elements(); i++) {
      here.setFloat(i / cols, i % cols, i + 1);
    }
    return copied(here);
  }

  /** A good index, and those that are none. */
  private Matrix indices(long good) {
    Matrix here = host.matrix(DType.I64, 1, 1 + BAD.length);
    here.setLong(0, 0, good);
    for (int i = 0; i < BAD.length; i++) {
      here.setLong(0, 1 + i, BAD[i]);
    }
    return copied(here);
  }

  private Matrix copied(Matrix here) {
    Matrix there = memory.matrix(here.type(), here.rows(), here.cols());
    memory.upload(here, there);
    return there;
  }

  private float[] fetched(Matrix there) {
    Matrix here = host.matrix(DType.F32, there.rows(), there.cols());
    memory.download(there, here);
    return here.toFloatArray();
  }

  @Test
  void embeddingGivesNotANumberAndNoGradient() {
    Matrix table = floats(3, 2);
    Matrix ids = indices(2);
    Matrix y = memory.matrix(DType.F32, 5, 2);
    limbeck
        .operation(Embedding.FORWARD, Embedding.Spec.DEFAULT)
        .run(new Embedding.Forward(table, ids, y));
    float nan = Float.NaN;
    assertArrayEquals(new float[] {5, 6, nan, nan, nan, nan, nan, nan, nan, nan}, fetched(y));
    limbeck
        .operation(Embedding.BACKWARD, Embedding.Spec.DEFAULT)
        .run(new Embedding.Backward(ids, floats(5, 2), table));
    assertArrayEquals(new float[] {1, 2, 3, 4, 6, 8}, fetched(table));
  }

  @Test
  void petWarmupMakesItsRowNotANumber() {
    Matrix zeros = memory.matrix(DType.I64, 1, 1 + BAD.length);
    Matrix bad = indices(1);
    for (boolean badGold : new boolean[] {true, false}) {
      Matrix grad = memory.matrix(DType.F32, 5, 3);
      Matrix student = floats(5, 3);
      // Label 3 is one; the gold token 3 is none.
      var arguments =
          new PetWarmup.Arguments(
              student, badGold ? bad : zeros, badGold ? zeros : bad, null, grad, null, null);
      limbeck.operation(PetWarmup.OP, new PetWarmup.Spec(0, Normaliser.SUM)).run(arguments);
      float[] got = fetched(grad);
      for (int i = 0; i < got.length; i++) {
        boolean good = i < 3 || (!badGold && i / 3 == 3);
        assertEquals(!good, Float.isNaN(got[i]), "element " + i);
      }
      assertTrue(Float.isFinite(got[0]));
    }
  }
}
