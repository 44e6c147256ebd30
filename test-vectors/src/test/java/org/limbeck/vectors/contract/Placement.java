// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

/** How a test lays a matrix into memory. */
public enum Placement {
  /** Contiguous, 64-byte aligned. */
  ALIGNED,
  /** Rows with sentinels between them, beginning one element after an aligned address. */
  STRIDED,
  /** Contiguous, the last byte before a guard page. */
  GUARD_RIGHT,
  /** Contiguous, the first byte after a guard page. */
  GUARD_LEFT
}
