// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;

/** Gradients in flight during a backward: one set for all layers. */
final class BackwardScratch {
  final Slot hidden;
  final Slot attentionOutput;
  final Slot product;
  final Slot query;
  final Slot key;
  final Slot value;
  final Slot maps;
  final Slot wide;

  BackwardScratch(Compute compute, BertConfig config, long batch, long length) {
    Memory memory = compute.memory();
    long rows = batch * length;
    hidden = new Slot(memory, rows * config.hidden());
    attentionOutput = new Slot(memory, rows * config.hidden());
    product = new Slot(memory, rows * config.hidden());
    query = new Slot(memory, rows * config.hidden());
    key = new Slot(memory, rows * config.hidden());
    value = new Slot(memory, rows * config.hidden());
    maps = new Slot(memory, batch * config.heads() * length * length);
    wide = new Slot(memory, rows * config.intermediate());
  }
}
