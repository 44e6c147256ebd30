// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.Objects;
import org.limbeck.training.nn.Slot;

/** A slot into which the content of another of the same capacity moves, which is then spare. */
final class Spare {
  private Slot slot;

  Spare(Slot slot) {
    this.slot = Objects.requireNonNull(slot, "slot");
  }

  Slot take() {
    return slot;
  }

  void give(Slot free) {
    slot = free;
  }
}
