// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

/** Which decoder blocks have one query projection for self-attention and cross-attention. */
public enum QueryTying {
  /** None: each attention has its own. */
  NONE,
  /** The first block only. */
  FIRST,
  /** All, as in PET. */
  ALL;

  /** Returns whether a block ties its queries. */
  boolean ties(int block) {
    return this == ALL || (this == FIRST && block == 0);
  }
}
