// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;

/**
 * Decodes token by token. Keys and values of prefixes are kept for each executed layer, since the
 * executions of a block see different inputs; those of the source once for each stored block.
 */
final class IncrementalDecoder implements AutoCloseable {
  private final Compute compute;
  private final Transformer model;
  private final TransformerConfig config;
  private final HostMemory staging = new HostMemory();
  private final EncoderActivations encoder;
  private final Scratch scratch;
  private final SequenceBuffers source;
  private final DecodingState state;
  private final List<LayerCache> caches = new ArrayList<>();
  private final StagedVector tokens;
  private final StagedVector positions;
  private final Slot logits;

  /** Allocates for the largest of some batches. */
  IncrementalDecoder(Compute compute, Transformer model, DecodingCapacity capacity) {
    this.compute = compute;
    this.model = model;
    config = model.config();
    Memory memory = compute.memory();
    Capacity sources =
        new Capacity(capacity.sentences(), capacity.sourceLength(), capacity.sourceRows());
    encoder = model.newEncoderActivations(compute, sources, false);
    scratch = Scratch.forEncoder(memory, config.encoder(), sources);
    source = new SequenceBuffers(memory, sources);
    state = new DecodingState(compute, config, capacity);
    for (DecoderLayer<?> layer : model.decoder().layers()) {
      caches.add(layer.newCache(state));
    }
    tokens = new StagedVector(memory, staging, DType.I64, capacity.hypotheses());
    positions = new StagedVector(memory, staging, DType.I64, capacity.hypotheses());
    logits = new Slot(memory, (long) capacity.hypotheses() * config.targetVocabulary());
  }

  /**
   * Encodes sentences and starts with one empty hypothesis each.
   *
   * @param sentences source tokens, each sentence with its end
   */
  void begin(List<int[]> sentences) {
    SequenceBatch batch = source.fill(sentences);
    model.encode(batch, encoder, scratch, Pass.EVALUATION);
    int[] lengths = sentences.stream().mapToInt(sentence -> sentence.length).toArray();
    state.begin(encoder.output(), lengths, batch.length());
    for (LayerCache cache : caches) {
      cache.begin(state);
    }
  }

  /**
   * Appends a token to each hypothesis.
   *
   * @param last the tokens, one a hypothesis; {@link SpecialTokens#EOS} at first
   * @return the logits of what follows, F32 [hypotheses, target vocabulary], on the device; valid
   *     until the next call, and the caller's to overwrite
   */
  Matrix step(int[] last) {
    int count = state.hypotheses();
    state.prepareStep(caches);
    for (int i = 0; i < count; i++) {
      tokens.host().setLong(0, i, last[i]);
      positions.host().setLong(0, i, SinusoidalPositions.row(state.prefix()));
    }
    DecodingWorkspace w = state.workspace();
    int width = config.decoder().width();
    Matrix x = w.stream[0].view(count, width);
    model
        .targetEmbedding()
        .forward(tokens.upload(count), positions.upload(count), w.query, x, Pass.EVALUATION);
    int next = 1;
    for (LayerCache cache : caches) {
      Matrix y = w.stream[next].view(count, width);
      cache.step(x, y, state);
      x = y;
      next = 1 - next;
    }
    state.finishStep();
    Matrix z = logits.view(count, config.targetVocabulary());
    model.logits(x, z);
    return z;
  }

  /**
   * Chooses which hypotheses go on.
   *
   * @param parents for each new hypothesis the old one that it continues
   * @param kept which of the sentences go on, ascending; as many new hypotheses for each
   */
  void move(int[] parents, int[] kept) {
    state.move(parents, kept, caches);
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    state.close();
    source.close();
    staging.close();
  }
}
