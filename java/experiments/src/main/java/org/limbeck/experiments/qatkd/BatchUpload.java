// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.data.Batch;
import org.limbeck.training.nn.TokenBatch;

/** Brings batches to where the networks are; on the host they are there already. */
final class BatchUpload {
  private final Memory memory;
  private final Matrix tokens;
  private final Matrix types;
  private final Matrix positions;
  private final Matrix lengths;

  /**
   * Allocates for the largest batch.
   *
   * @param memory the memory of the networks' device
   */
  BatchUpload(Memory memory, int maxBatch, int maxLength) {
    this.memory = memory;
    boolean needed = !memory.device().isHost();
    long rows = needed ? (long) maxBatch * maxLength : 0;
    tokens = memory.vector(DType.I64, rows);
    types = memory.vector(DType.I64, rows);
    positions = memory.vector(DType.I64, rows);
    lengths = memory.vector(DType.I32, needed ? maxBatch : 0);
  }

  /** Returns the batch on the device, valid until the next call. */
  TokenBatch run(Batch batch) {
    return new TokenBatch(
        batch.batch(),
        batch.length(),
        moved(batch.tokens(), tokens),
        moved(batch.types(), types),
        moved(batch.positions(), positions),
        moved(batch.lengths(), lengths));
  }

  private Matrix moved(Matrix host, Matrix device) {
    if (memory.device().isHost()) {
      return host;
    }
    Matrix target = device.columns(0, host.cols());
    memory.upload(host, target);
    return target;
  }
}
