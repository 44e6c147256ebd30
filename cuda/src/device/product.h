// SPDX-License-Identifier: Apache-2.0
//
// What products of matrices share: epilogues, batches, slices, the order of tiles.

#pragma once

#include "device.h"
#include "gelu.h"

namespace lb {

enum Activation { NONE = 0, GELU = 1, RELU = 2 };

/** Where a matrix of a batch begins: those of the inner step lie beside each other. */
LB_DEVICE int64_t batch_offset(int64_t matrix, int64_t inner_count, int64_t outer, int64_t inner) {
  return matrix / inner_count * outer + matrix % inner_count * inner;
}

/** The terms of a slice of sums over k: from one on, so many. Sums that are not cut are one slice of k terms (see slices.h). */
struct Slice {
  int64_t from, count;

  LB_DEVICE Slice(int64_t index, int64_t terms, int64_t k)
      : from(index * terms), count(k - index * terms < terms ? k - index * terms : terms) {}
};

/** max(0, v); not fmaxf, which would make 0 of NaN. */
LB_DEVICE float relu(float v) { return v < 0.0f ? 0.0f : v; }

/** The tile of a block: down groups of GROUP tiles, then across, so that blocks that run together share rows and columns. */
struct TileOrder {
  static constexpr int64_t GROUP = 8;
  int64_t down, across;

  LB_DEVICE TileOrder(int64_t block, int64_t tiles_down, int64_t tiles_across) {
    const int64_t first = block / (GROUP * tiles_across) * GROUP;
    const int64_t height = tiles_down - first < GROUP ? tiles_down - first : GROUP;
    const int64_t rest = block % (GROUP * tiles_across);
    down = first + rest % height;
    across = rest / height;
  }
};

}  // namespace lb
