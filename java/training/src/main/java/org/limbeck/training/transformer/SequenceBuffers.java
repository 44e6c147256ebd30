// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.List;
import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Memory;

/** Memory for one side of a batch, filled again for each batch. */
public final class SequenceBuffers implements AutoCloseable {
  private final Capacity capacity;
  private final HostMemory host = new HostMemory();
  private final StagedVector tokens;
  private final StagedVector positions;
  private final StagedVector lengths;
  private final StagedVector weights;
  private final StagedVector last;

  /**
   * Allocates for a largest batch.
   *
   * @param memory where batches live
   * @param capacity the largest batch
   */
  public SequenceBuffers(Memory memory, Capacity capacity) {
    Objects.requireNonNull(memory, "memory");
    this.capacity = Objects.requireNonNull(capacity, "capacity");
    tokens = new StagedVector(memory, host, DType.I64, capacity.rows());
    positions = new StagedVector(memory, host, DType.I64, capacity.rows());
    lengths = new StagedVector(memory, host, DType.I32, capacity.sentences());
    weights = new StagedVector(memory, host, DType.F32, capacity.rows());
    last = new StagedVector(memory, host, DType.F32, capacity.rows());
  }

  /**
   * Lays out sequences. The batch is valid until the next call.
   *
   * @param sequences at least 1 sequence of at least 1 token each
   * @throws IllegalArgumentException if there are none, one is empty, or they exceed the capacity
   */
  public SequenceBatch fill(List<int[]> sequences) {
    return fill(sequences, false);
  }

  /**
   * Lays out sequences, each moved on by one behind an end of sentence that takes the place of its
   * last token: what a decoder is given to predict the sequences.
   */
  SequenceBatch fillShifted(List<int[]> sequences) {
    return fill(sequences, true);
  }

  private SequenceBatch fill(List<int[]> sequences, boolean shifted) {
    int length = 0;
    long real = 0;
    for (int[] sequence : sequences) {
      if (sequence.length == 0) {
        throw new IllegalArgumentException(
            "SequenceBuffers: given an empty sequence, expected at least its end of sentence");
      }
      length = Math.max(length, sequence.length);
      real += sequence.length;
    }
    int batch = sequences.size();
    if (batch < 1
        || batch > capacity.sentences()
        || length > capacity.length()
        || (long) batch * length > capacity.rows()) {
      throw new IllegalArgumentException(
          "SequenceBuffers: given "
              + batch
              + " sequences of length "
              + length
              + ", expected 1 to "
              + capacity.sentences()
              + " of length at most "
              + capacity.length()
              + " in at most "
              + capacity.rows()
              + " rows");
    }
    for (int b = 0; b < batch; b++) {
      int[] sequence = sequences.get(b);
      lengths.host().setInt(0, b, sequence.length);
      for (int t = 0; t < length; t++) {
        put((long) b * length + t, sequence, t, shifted);
      }
    }
    long rows = (long) batch * length;
    return new SequenceBatch(
        batch,
        length,
        tokens.upload(rows),
        positions.upload(rows),
        lengths.upload(batch),
        sequences.stream().map(sequence -> sequence.length).toList(),
        weights.upload(rows),
        last.upload(rows),
        real);
  }

  private void put(long row, int[] sequence, int t, boolean shifted) {
    boolean real = t < sequence.length;
    int token = SpecialTokens.PAD;
    if (real && shifted) {
      token = t == 0 ? SpecialTokens.EOS : sequence[t - 1];
    } else if (real) {
      token = sequence[t];
    }
    tokens.host().setLong(0, row, token);
    positions.host().setLong(0, row, real ? SinusoidalPositions.row(t) : SpecialTokens.PAD);
    weights.host().setFloat(0, row, real ? 1 : 0);
    last.host().setFloat(0, row, t == sequence.length - 1 ? 1 : 0);
  }

  /** Frees the host's memory; the device's goes with its {@link Memory}. */
  @Override
  public void close() {
    host.close();
  }
}
