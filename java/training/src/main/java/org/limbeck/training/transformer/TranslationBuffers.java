// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.List;
import org.limbeck.kernels.memory.Memory;

/** Memory for a batch of sentence pairs, filled again for each batch. */
public final class TranslationBuffers implements AutoCloseable {
  private final SequenceBuffers source;
  private final SequenceBuffers target;
  private final SequenceBuffers gold;

  /**
   * Allocates for a largest batch.
   *
   * @param memory where batches live
   * @param capacity the largest batch
   */
  public TranslationBuffers(Memory memory, Capacity capacity) {
    source = new SequenceBuffers(memory, capacity);
    target = new SequenceBuffers(memory, capacity);
    gold = new SequenceBuffers(memory, capacity);
  }

  /**
   * Lays out sentence pairs. The batch is valid until the next call.
   *
   * @param sources the source sentences, each ending in {@link SpecialTokens#EOS}
   * @param targets their translations, each ending in {@link SpecialTokens#EOS}
   * @throws IllegalArgumentException if the numbers differ, or they exceed the capacity
   */
  public TranslationBatch fill(List<int[]> sources, List<int[]> targets) {
    if (sources.size() != targets.size()) {
      throw new IllegalArgumentException(
          "TranslationBuffers: given "
              + sources.size()
              + " source and "
              + targets.size()
              + " target sentences, expected as many of one as of the other");
    }
    return new TranslationBatch(
        source.fill(sources), target.fillShifted(targets), gold.fill(targets).tokens());
  }

  /** Frees the host's memory; the device's goes with its {@link Memory}. */
  @Override
  public void close() {
    source.close();
    target.close();
    gold.close();
  }
}
