// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Slot;

/**
 * Memory that sub-layers write and do not keep: one set for a whole network, with the sizes of the
 * wider stack. The keys of compressed layers are those of both sides, and their values are as wide
 * as a feed-forward layer.
 */
final class Scratch {
  /** Scores of the forward; the gradient by the maps in the backward. */
  final Slot maps;

  /** Any [rows, d]. */
  final Slot narrow;

  /** A second [rows, d]. */
  final Slot context;

  /** A third [rows, d]. */
  final Slot query;

  /** A [keys, d]. */
  final Slot key;

  /** A [keys, width of values]. */
  final Slot value;

  /** Any [rows, feed-forward width]. */
  final Slot wide;

  private Scratch(Memory memory, Sizes sizes, boolean forwardOnly) {
    maps = new Slot(memory, sizes.maps());
    narrow = new Slot(memory, sizes.narrow());
    wide = new Slot(memory, sizes.wide());
    context = new Slot(memory, forwardOnly ? 0 : sizes.narrow());
    query = new Slot(memory, forwardOnly ? 0 : sizes.narrow());
    key = new Slot(memory, forwardOnly ? 0 : sizes.keys());
    value = new Slot(memory, forwardOnly ? 0 : sizes.values());
  }

  private record Sizes(long maps, long narrow, long wide, long keys, long values) {
    static Sizes of(Stack stack, Capacity capacity, boolean compressed) {
      long rows = capacity.rows();
      long narrow = rows * stack.width();
      long wide = rows * stack.feedForward();
      long maps = rows * stack.heads() * capacity.length();
      return compressed
          ? new Sizes(2 * maps, narrow, wide, 2 * narrow, 2 * wide)
          : new Sizes(maps, narrow, wide, narrow, narrow);
    }

    Sizes with(Sizes other) {
      return new Sizes(
          Math.max(maps, other.maps),
          Math.max(narrow, other.narrow),
          Math.max(wide, other.wide),
          Math.max(keys, other.keys),
          Math.max(values, other.values));
    }
  }

  /**
   * Allocates for a whole network.
   *
   * @param forwardOnly whether only what forwards take is needed
   */
  static Scratch of(
      Memory memory, TransformerConfig config, Capacity capacity, boolean forwardOnly) {
    boolean compressed = config.decoderKind() == DecoderKind.COMPRESSED;
    Sizes encoder = Sizes.of(config.encoder(), capacity, false);
    Sizes decoder = Sizes.of(config.decoder(), capacity, compressed);
    return new Scratch(memory, encoder.with(decoder), forwardOnly);
  }

  /** Allocates for forwards of an encoder alone. */
  static Scratch forEncoder(Memory memory, Stack encoder, Capacity capacity) {
    return new Scratch(memory, Sizes.of(encoder, capacity, false), true);
  }
}
