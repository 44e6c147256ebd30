// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Slot;

/** The activations of one layer at a time: all that prediction needs. */
final class Workspace {
  /** The residual stream. */
  final Slot stream;

  /** The input of a product, quantized; between uses also other [rows, D] values. */
  final Slot quantized;

  final Slot query;
  final Slot key;
  final Slot value;
  final Slot scores;
  final Slot maps;
  final Slot wide;
  final Normalisation.Saved norm;
  final Slot pooled;
  final Slot logits;

  Workspace(Compute compute, BertConfig config, int labels, long maxBatch, long maxLength) {
    Memory memory = compute.memory();
    long rows = maxBatch * maxLength;
    long hidden = rows * config.hidden();
    long map = maxBatch * config.heads() * maxLength * maxLength;
    stream = new Slot(memory, hidden);
    quantized = new Slot(memory, hidden);
    query = new Slot(memory, hidden);
    key = new Slot(memory, hidden);
    value = new Slot(memory, hidden);
    scores = new Slot(memory, map);
    maps = new Slot(memory, map);
    wide = new Slot(memory, rows * config.intermediate());
    norm = new Normalisation.Saved(compute, rows);
    pooled = new Slot(memory, maxBatch * config.hidden());
    logits = new Slot(memory, maxBatch * labels);
  }
}
