// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.training.nn.Linear;

/** The linear layers of one attention; those of other attentions may be among them. */
record Projections(Linear query, Linear key, Linear value, Linear output) {
  /** Returns these with query and key in each other's place, bias included, or as they are. */
  Projections swapped(boolean really) {
    return really ? new Projections(key, query, value, output) : this;
  }
}
