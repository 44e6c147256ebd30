// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The sizes of an encoder or decoder, and in which order its stored blocks are executed.
 *
 * @param width the width d of the residual stream, even, and a multiple of {@code heads}
 * @param feedForward the inner width of the feed-forward layer; in a compressed decoder that of the
 *     values
 * @param heads the number of attention heads
 * @param blocks the number of stored blocks
 * @param order which block each executed layer is, from 1; every block occurs
 * @param swapped for each executed layer whether queries take the key projection of self-attention
 *     and keys the query projection
 */
public record Stack(
    int width, int feedForward, int heads, int blocks, List<Integer> order, List<Boolean> swapped) {
  /** Checks the sizes and the order. */
  public Stack {
    order = List.copyOf(order);
    swapped = List.copyOf(swapped);
    if (width < 1 || feedForward < 1 || heads < 1 || blocks < 1) {
      throw new IllegalArgumentException(
          "Stack: given width "
              + width
              + ", feed-forward width "
              + feedForward
              + ", heads "
              + heads
              + ", blocks "
              + blocks
              + ", expected sizes of at least 1");
    }
    if (width % heads != 0 || width % 2 != 0) {
      throw new IllegalArgumentException(
          "Stack: width: given "
              + width
              + ", expected an even multiple of the number of heads, "
              + heads);
    }
    for (int block : order) {
      if (block < 1 || block > blocks) {
        throw new IllegalArgumentException(
            "Stack: order: given block " + block + ", expected 1 to " + blocks);
      }
    }
    for (int block = 1; block <= blocks; block++) {
      if (!order.contains(block)) {
        throw new IllegalArgumentException(
            "Stack: order: given " + order + " without block " + block + ", expected every block");
      }
    }
    if (swapped.size() != order.size()) {
      throw new IllegalArgumentException(
          "Stack: swapped: given "
              + swapped.size()
              + " values, expected one for each of the "
              + order.size()
              + " executed layers");
    }
  }

  /**
   * Returns a stack that executes each block once and swaps nothing.
   *
   * @param width the width
   * @param feedForward the inner width
   * @param heads the number of heads
   * @param blocks the number of layers
   */
  public static Stack plain(int width, int feedForward, int heads, int blocks) {
    return new Stack(
        width,
        feedForward,
        heads,
        blocks,
        IntStream.rangeClosed(1, blocks).boxed().toList(),
        Collections.nCopies(blocks, false));
  }

  /**
   * Returns this with another order of execution, of the same blocks, that swaps nothing.
   *
   * @param newOrder the block of each executed layer, from 1
   */
  public Stack withOrder(List<Integer> newOrder) {
    return new Stack(
        width, feedForward, heads, blocks, newOrder, Collections.nCopies(newOrder.size(), false));
  }

  /** Returns this with queries and keys swapped in every execution of a block but its first. */
  public Stack withRepeatsSwapped() {
    List<Boolean> repeats =
        IntStream.range(0, order.size()).mapToObj(l -> order.indexOf(order.get(l)) < l).toList();
    return new Stack(width, feedForward, heads, blocks, order, repeats);
  }

  /**
   * Returns this with other widths.
   *
   * @param newWidth the width
   * @param newFeedForward the inner width
   */
  public Stack withWidths(int newWidth, int newFeedForward) {
    return new Stack(newWidth, newFeedForward, heads, blocks, order, swapped);
  }

  /** Returns the number of executed layers. */
  public int layers() {
    return order.size();
  }

  /** Returns the block of an executed layer, both from 0. */
  int block(int layer) {
    return order.get(layer) - 1;
  }
}
