// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Slot;

/**
 * What a forward through one encoder layer leaves: for the losses to read, and for the backward.
 *
 * <p>A network that is only evaluated uses one such object for all its layers.
 */
final class LayerActivations {
  // Inputs of products as the products see them; unused in full precision.
  final Slot inputQuantized;
  final Slot queryQuantized;
  final Slot keyQuantized;
  final Slot valueQuantized;
  final Slot contextQuantized;
  final Slot attentionOutputQuantized;
  final Slot activatedQuantized;

  final Slot query;
  final Slot key;
  final Slot value;
  final Slot scores;
  final Slot maps;
  // Maps after dropout and quantization; the maps themselves where there is neither.
  final Slot mapsUsed;
  final Slot context;
  final Slot selfOutput;
  final Slot firstSum;
  final Normalisation.Saved firstSaved;
  final Slot attentionOutput;
  final Slot intermediate;
  final Slot activated;
  final Slot secondSum;
  final Normalisation.Saved secondSaved;
  final Slot output;

  private final Memory memory;
  private final long hiddenCapacity;
  private final Map<Tap, Slot> gradients = new EnumMap<>(Tap.class);
  private final Set<Tap> injected = EnumSet.noneOf(Tap.class);

  LayerActivations(Compute compute, BertConfig config, long batch, long length, boolean quantized) {
    memory = compute.memory();
    long rows = batch * length;
    hiddenCapacity = rows * config.hidden();
    long wide = rows * config.intermediate();
    long map = batch * config.heads() * length * length;
    query = new Slot(memory, hiddenCapacity);
    key = new Slot(memory, hiddenCapacity);
    value = new Slot(memory, hiddenCapacity);
    scores = new Slot(memory, map);
    maps = new Slot(memory, map);
    mapsUsed = new Slot(memory, map);
    context = new Slot(memory, hiddenCapacity);
    selfOutput = new Slot(memory, hiddenCapacity);
    firstSum = new Slot(memory, hiddenCapacity);
    firstSaved = new Normalisation.Saved(compute, rows);
    attentionOutput = new Slot(memory, hiddenCapacity);
    intermediate = new Slot(memory, wide);
    activated = new Slot(memory, wide);
    secondSum = new Slot(memory, hiddenCapacity);
    secondSaved = new Normalisation.Saved(compute, rows);
    output = new Slot(memory, hiddenCapacity);
    long hidden = quantized ? hiddenCapacity : 0;
    inputQuantized = new Slot(memory, hidden);
    queryQuantized = new Slot(memory, hidden);
    keyQuantized = new Slot(memory, hidden);
    valueQuantized = new Slot(memory, hidden);
    contextQuantized = new Slot(memory, hidden);
    attentionOutputQuantized = new Slot(memory, hidden);
    activatedQuantized = new Slot(memory, quantized ? wide : 0);
  }

  /** Forgets the gradients of an earlier pass. */
  void clearInjected() {
    injected.clear();
  }

  /**
   * Returns where a loss writes its gradient by a tensor of this layer. That of the scores takes
   * the place of the scores, which the backward does not need.
   */
  Matrix inject(Tap tap) {
    if (!injected.add(tap)) {
      throw new IllegalStateException(
          "LayerActivations.inject: given a second gradient by " + tap + ", expected one a layer");
    }
    Matrix tensor = tensor(tap);
    if (tap == Tap.SCORES) {
      return tensor;
    }
    return gradients
        .computeIfAbsent(tap, t -> new Slot(memory, hiddenCapacity))
        .view(tensor.rows(), tensor.cols());
  }

  /** Returns the gradient that a loss wrote by a tensor of this layer, or null. */
  Matrix injected(Tap tap) {
    if (!injected.contains(tap)) {
      return null;
    }
    return tap == Tap.SCORES ? scores.view() : gradients.get(tap).view();
  }

  /** Returns a tensor of this layer; {@link Tap#HIDDEN} is its output. */
  Matrix tensor(Tap tap) {
    return switch (tap) {
      case HIDDEN -> output.view();
      case SCORES -> scores.view();
      case CONTEXT -> context.view();
      case SELF_OUTPUT -> selfOutput.view();
      case ATTENTION_OUTPUT -> attentionOutput.view();
    };
  }
}
