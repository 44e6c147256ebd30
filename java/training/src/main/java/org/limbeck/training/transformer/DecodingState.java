// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;

/**
 * How far the decoding of some sentences got: how many sentences and hypotheses there are, how long
 * their prefixes are, and what layers need to know of it. Hypotheses of one sentence lie together,
 * as many for each sentence.
 */
final class DecodingState implements AutoCloseable {
  private final Compute compute;
  private final TransformerConfig config;
  private final DecodingCapacity capacity;
  private final DecodingWorkspace workspace;
  private final HostMemory staging = new HostMemory();
  private final StagedVector lengthsVector;
  private final StagedVector prefixVector;
  private final StagedVector parentsVector;
  private final StagedVector keptVector;
  private final Slot sourceScratch;
  private final Matrix mask;
  private final Matrix maskStaging;
  private final SourceKeys[] sourceKeys;
  private final List<Spare> prefixSpares = new ArrayList<>();
  private final List<Integer> spareWidths = new ArrayList<>();

  private int sentences;
  private int hypotheses;
  private int sourceLength;
  private int prefix;
  private int pitch;
  private int[] lengths;
  private Matrix memory;
  private Matrix sourceLengths;
  private Matrix prefixLengths;
  private Matrix stepMask;

  /** Allocates for the largest of some batches. */
  DecodingState(Compute compute, TransformerConfig config, DecodingCapacity capacity) {
    this.compute = compute;
    this.config = config;
    this.capacity = capacity;
    Memory on = compute.memory();
    Stack stack = config.decoder();
    workspace = new DecodingWorkspace(compute, stack, capacity.hypotheses(), capacity.keyRows());
    lengthsVector = new StagedVector(on, staging, DType.I32, capacity.sentences());
    prefixVector = new StagedVector(on, staging, DType.I32, capacity.hypotheses());
    parentsVector = new StagedVector(on, staging, DType.I64, capacity.hypotheses());
    keptVector = new StagedVector(on, staging, DType.I64, capacity.sentences());
    boolean compressed = config.decoderKind() == DecoderKind.COMPRESSED;
    sourceScratch = new Slot(on, compressed ? capacity.sourceRows() * stack.feedForward() : 0);
    mask = on.vector(DType.U8, compressed ? capacity.keyRows() : 0);
    maskStaging = staging.vector(DType.U8, compressed ? capacity.keyRows() : 0);
    sourceKeys = new SourceKeys[compressed ? 0 : stack.blocks()];
    long elements = capacity.sourceRows() * stack.width();
    Spare spare = new Spare(new Slot(on, sourceKeys.length == 0 ? 0 : elements));
    for (int block = 0; block < sourceKeys.length; block++) {
      sourceKeys[block] = new SourceKeys(compute, spare, elements);
    }
  }

  /**
   * Which hypotheses go on.
   *
   * @param parents for each new hypothesis the old one whose prefix it takes over, I64 [1, new]
   * @param hypotheses the old number of hypotheses
   * @param prefix the length of the prefixes
   * @param pitch the old room for prefixes
   * @param newPitch the new room
   */
  record Move(Matrix parents, int hypotheses, int prefix, int pitch, int newPitch) {}

  DecodingWorkspace workspace() {
    return workspace;
  }

  /** Allocates the cache of keys, or values, of one layer. */
  PrefixCache newPrefixCache(int width) {
    boolean compressed = config.decoderKind() == DecoderKind.COMPRESSED;
    long elements = (compressed ? capacity.keyRows() : capacity.prefixRows()) * width;
    int known = spareWidths.indexOf(width);
    if (known < 0) {
      known = spareWidths.size();
      spareWidths.add(width);
      prefixSpares.add(new Spare(new Slot(compute.memory(), elements)));
    }
    return new PrefixCache(compute, prefixSpares.get(known), width, elements);
  }

  /** Returns keys and values of the source for a block. */
  SourceKeys sourceKeys(int block) {
    return sourceKeys[block];
  }

  /**
   * Starts with new sentences, one hypothesis each.
   *
   * @param encoded the encoder's output, F32 [B * S, width]; valid until layers began
   * @param realLengths the lengths without padding
   */
  void begin(Matrix encoded, int[] realLengths, int paddedLength) {
    memory = encoded;
    sentences = realLengths.length;
    hypotheses = sentences;
    sourceLength = paddedLength;
    lengths = realLengths.clone();
    prefix = 0;
    pitch = DecodingCapacity.pitch(1);
    uploadLengths();
    for (SourceKeys keys : sourceKeys) {
      keys.clear();
    }
  }

  private void uploadLengths() {
    for (int b = 0; b < sentences; b++) {
      lengthsVector.host().setInt(0, b, lengths[b]);
    }
    sourceLengths = lengthsVector.upload(sentences);
  }

  /** Makes room for one more position; layers that began take part in it. */
  void prepareStep(List<LayerCache> caches) {
    if (prefix + 1 > pitch) {
      movePrefixes(IntStream.range(0, hypotheses).toArray(), caches);
    }
    for (int i = 0; i < hypotheses; i++) {
      prefixVector.host().setInt(0, i, prefix + 1);
    }
    prefixLengths = prefixVector.upload(hypotheses);
    if (config.decoderKind() == DecoderKind.COMPRESSED) {
      uploadMask();
    }
  }

  private void uploadMask() {
    int keys = sourceLength + pitch;
    for (int i = 0; i < hypotheses; i++) {
      int real = lengths[i / beam()];
      for (int k = 0; k < keys; k++) {
        boolean seen = k < sourceLength ? k < real : k - sourceLength <= prefix;
        maskStaging.setByte(0, (long) i * keys + k, (byte) (seen ? 1 : 0));
      }
    }
    long count = (long) hypotheses * keys;
    Matrix view = mask.columns(0, count);
    compute.memory().upload(maskStaging.columns(0, count), view);
    stepMask = view.reshape(hypotheses, keys);
  }

  /** Counts the position that all layers took. */
  void finishStep() {
    prefix++;
  }

  /**
   * Takes over the prefixes of other hypotheses.
   *
   * @param parents for each new hypothesis the old one
   * @param kept which sentences go on, ascending; as many new hypotheses for each
   */
  void move(int[] parents, int[] kept, List<LayerCache> caches) {
    // With a beam of one a hypothesis nearly always goes on where it is.
    if (!isEveryHypothesis(parents)) {
      movePrefixes(parents, caches);
    }
    hypotheses = parents.length;
    if (kept.length < sentences) {
      int[] keptLengths = new int[kept.length];
      for (int b = 0; b < kept.length; b++) {
        keptLengths[b] = lengths[kept[b]];
        keptVector.host().setLong(0, b, kept[b]);
      }
      lengths = keptLengths;
      sentences = kept.length;
      Matrix ids = keptVector.upload(sentences);
      for (SourceKeys keys : sourceKeys) {
        keys.keep(ids, sourceLength);
      }
      uploadLengths();
    }
  }

  private boolean isEveryHypothesis(int[] parents) {
    return parents.length == hypotheses
        && IntStream.range(0, hypotheses).allMatch(i -> parents[i] == i);
  }

  private void movePrefixes(int[] parents, List<LayerCache> caches) {
    for (int i = 0; i < parents.length; i++) {
      parentsVector.host().setLong(0, i, parents[i]);
    }
    int newPitch = Math.max(pitch, DecodingCapacity.pitch(prefix + 1));
    Move move = new Move(parentsVector.upload(parents.length), hypotheses, prefix, pitch, newPitch);
    for (LayerCache cache : caches) {
      cache.move(move);
    }
    pitch = newPitch;
  }

  int sentences() {
    return sentences;
  }

  int hypotheses() {
    return hypotheses;
  }

  /** Returns the number of hypotheses of each sentence. */
  int beam() {
    return hypotheses / sentences;
  }

  int sourceLength() {
    return sourceLength;
  }

  /** Returns the number of positions that are cached. */
  int prefix() {
    return prefix;
  }

  /** Returns the number of positions for which there is room. */
  int pitch() {
    return pitch;
  }

  /** Returns the encoder's output. */
  Matrix memory() {
    return memory;
  }

  /** Returns memory for linear images of the encoder's output, F32 [B * S, width]. */
  Matrix sourceScratch(int width) {
    return sourceScratch.view(memory.rows(), width);
  }

  /** Returns the real length of each sentence, I32 [1, B]. */
  Matrix sourceLengths() {
    return sourceLengths;
  }

  /** Returns the positions that each hypothesis sees in this step, I32 [1, N]. */
  Matrix prefixLengths() {
    return prefixLengths;
  }

  /** Returns which keys each hypothesis of a compressed decoder sees, U8 [N, S + pitch]. */
  Matrix mask() {
    return stepMask;
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    staging.close();
  }
}
