// SPDX-License-Identifier: Apache-2.0
//
// What products of matrices share: epilogues, batches, slices, the order of tiles.

#pragma once

#include "device.h"
#include "gelu.h"

namespace lb {

enum Activation { NONE = 0, GELU = 1, RELU = 2 };

/** Where a matrix of a batch begins: those of the inner step lie beside each other. T: what counts matrices. */
template <class T>
LB_DEVICE int64_t batch_offset(T matrix, T inner_count, int64_t outer, int64_t inner) {
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

/**
 * The tile of a block: down groups of GROUP tiles, then across, so that blocks that run together share rows and columns. Tiles are
 * counted in ints, which the grid sees to: a division of them is a quarter of the instructions. Rows and columns may be more.
 */
struct TileOrder {
  static constexpr int GROUP = 8;
  int64_t down, across;

  LB_DEVICE TileOrder(int block, int tiles_down, int tiles_across) {
    // No more than there are tiles, whose number is an int.
    const int of_group = min(GROUP, tiles_down) * tiles_across;
    const int group = block / of_group;
    const int rest = block - group * of_group;
    const int height = min(tiles_down - group * GROUP, GROUP);
    const int col = rest / height;
    down = group * GROUP + rest - col * height;
    across = col;
  }
};

}  // namespace lb
