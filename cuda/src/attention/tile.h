// SPDX-License-Identifier: Apache-2.0
//
// The forms of a product, and where a tile of a factor lies in shared memory.

#pragma once

#include "../device/device.h"

namespace lb {

/**
 * The rows of the factors as they lie in memory:
 *
 *   NT  A [rows, depth], B [cols, depth]   16 bytes of a row of A and of B are 4 terms
 *   NN  A [rows, depth], B [depth, cols]   16 bytes of a row of A are 4 terms, of B 4 columns
 *   TN  A [depth, rows], B [depth, cols]   16 bytes of a row of A are 4 rows of the product, of B 4 columns
 */
enum class Form { NT, NN, TN };

/** A matrix of one example and head, or where to write one. */
template <class T>
struct Side {
  T* first;
  int64_t stride;

  /** Whether all rows begin at multiples of so many elements. */
  LB_DEVICE bool by(int count) const {
    return reinterpret_cast<uintptr_t>(first) % (sizeof(T) * count) == 0 && stride % count == 0;
  }
};
using Factor = Side<const float>;

/** What the tiles of a form have in common: ROWS x 64 elements of the product by ROWS threads, in steps of 16 terms. */
template <int ROWS, Form FORM>
struct TileShape {
  static constexpr int COLS = 64;
  static constexpr int DEPTH = 16;
  static constexpr int THREADS = ROWS;
  static constexpr bool A_ALONG = FORM != Form::TN;
  static constexpr bool B_ALONG = FORM == Form::NT;
  /** The elements of a row of a factor's tile. */
  static constexpr int A_LENGTH = A_ALONG ? DEPTH : ROWS;
  static constexpr int B_LENGTH = B_ALONG ? DEPTH : COLS;
  static_assert(ROWS % 32 == 0, "blocks have whole warps");
};

}  // namespace lb
