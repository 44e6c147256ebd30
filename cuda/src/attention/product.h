// SPDX-License-Identifier: Apache-2.0
//
// Products of the matrices of one example and head, tile after tile, with the sums of a FloatTile or a Tf32Tile. Factors are copied
// into shared memory as they lie, so that no form transposes, in steps of 16 terms through three stages. Rows of factors that
// begin at multiples of 16 bytes are copied so many at a time, others float by float. Sums do not depend on the tile.

#pragma once

#include "../device/async.h"
#include "../device/device.h"
#include "tile.h"

namespace lb {

template <class Tile>
class Product {
 public:
  /** A thread for each row. */
  static constexpr int ROWS = Tile::THREADS;
  static constexpr int COLS = Tile::COLS;
  using Sums = typename Tile::Sums;

 private:
  static constexpr int DEPTH = Tile::DEPTH;
  static constexpr int STAGES = 3;
  static constexpr bool A_ALONG = Tile::A_ALONG;
  static constexpr bool B_ALONG = Tile::B_ALONG;
  static constexpr int A_SIZE = Tile::template PITCH<Tile::A_LENGTH> * (A_ALONG ? ROWS : DEPTH);
  static constexpr int B_SIZE = Tile::template PITCH<Tile::B_LENGTH> * (B_ALONG ? COLS : DEPTH);

 public:
  /**
   * The rows from `from_row` on of A B, columns from `from_col` to below `to`, tile after tile: done(col, sums) gets each. The
   * factors have rows x depth and depth x cols elements besides transposition; what lies beyond counts as 0.
   */
  template <class Done>
  LB_DEVICE static void run(const Factor& a, const Factor& b, int from_row, int rows, int from_col, int to, int cols, int depth,
                            Done done) {
    LB_SHARED(float, stages_a, STAGES * A_SIZE);
    LB_SHARED(float, stages_b, STAGES * B_SIZE);
    const bool a_by4 = a.by(4);
    const bool b_by4 = b.by(4);
    const int rows_left = min(rows - from_row, ROWS);

    // What the next copies are for.
    int ahead_col = from_col;
    int ahead_term = 0;
    int ahead_stage = 0;
    const auto fetch = [&] {
      if (ahead_col < to) {
        const Shared<float> tile_a = stages_a.from(ahead_stage * A_SIZE);
        const Shared<float> tile_b = stages_b.from(ahead_stage * B_SIZE);
        const int terms_left = depth - ahead_term;
        const int cols_left = cols - ahead_col;
        if (A_ALONG) {
          copy<ROWS, DEPTH>(tile_a, a, a_by4, from_row, ahead_term, rows_left, terms_left);
        } else {
          copy<DEPTH, ROWS>(tile_a, a, a_by4, ahead_term, from_row, terms_left, rows_left);
        }
        if (B_ALONG) {
          copy<COLS, DEPTH>(tile_b, b, b_by4, ahead_col, ahead_term, cols_left, terms_left);
        } else {
          copy<DEPTH, COLS>(tile_b, b, b_by4, ahead_term, ahead_col, terms_left, cols_left);
        }
        ahead_term += DEPTH;
        if (ahead_term >= depth) {
          ahead_term = 0;
          ahead_col += COLS;
        }
        ahead_stage = ahead_stage == STAGES - 1 ? 0 : ahead_stage + 1;
      }
      // Also where there is nothing left, so that the count of groups is the same.
      commit_copies();
    };

#pragma unroll
    for (int i = 0; i < STAGES - 1; i++) {
      fetch();
    }
    int stage = 0;
    for (int first_col = from_col; first_col < to; first_col += COLS) {
      Sums sums;
      Tile::clear(sums);
      // A sum of nothing is a step of zeros.
      int terms_left = depth;
      do {
        wait_copies<STAGES - 2>();
        // Behind it every thread has this stage, and none reads the one before, which is filled next.
        __syncthreads();
        fetch();
        Tile::multiply(stages_a.from(stage * A_SIZE), stages_b.from(stage * B_SIZE), rows_left, cols - first_col, sums);
        stage = stage == STAGES - 1 ? 0 : stage + 1;
        terms_left -= DEPTH;
      } while (terms_left > 0);
      done(first_col, sums);
    }
  }

  /** Writes scale times the sums of a tile, whose first element is element (from_row, from_col) of a matrix. */
  LB_DEVICE static void store(const Sums& sums, float scale, const Side<float>& to, int from_row, int rows, int from_col,
                              int cols) {
    float* const tile = to.first + from_row * to.stride + from_col;
    const int rows_left = rows - from_row;
    const int cols_left = cols - from_col;
    if (rows_left >= ROWS && cols_left >= COLS && (Tile::WRITES == 1 || to.by(Tile::WRITES))) {
      Tile::template store<true>(sums, scale, tile, to.stride, rows_left, cols_left);
    } else {
      Tile::template store<false>(sums, scale, tile, to.stride, rows_left, cols_left);
    }
  }

 private:
  /** Starts the copies of a tile from element (row, col) of a matrix on, of which so many rows and columns are left. */
  template <int TILE_ROWS, int TILE_COLS>
  LB_DEVICE static void copy(const Shared<float>& tile, const Factor& side, bool by4, int row, int col, int rows_left,
                             int cols_left) {
    const float* const first = side.first + row * side.stride + col;
    if (by4 && rows_left >= TILE_ROWS && cols_left >= TILE_COLS) {
      copy<TILE_ROWS, TILE_COLS, 4, true>(tile, first, side.stride, rows_left, cols_left);
    } else if (by4) {
      copy<TILE_ROWS, TILE_COLS, 4, false>(tile, first, side.stride, rows_left, cols_left);
    } else {
      copy<TILE_ROWS, TILE_COLS, 1, false>(tile, first, side.stride, rows_left, cols_left);
    }
  }

  template <int TILE_ROWS, int TILE_COLS, int SIZE, bool WHOLE>
  LB_DEVICE static void copy(const Shared<float>& tile, const float* first, int64_t stride, int rows_left, int cols_left) {
    constexpr int EACH_ROW = TILE_COLS / SIZE;
    constexpr int ROWS_AT_ONCE = ROWS / EACH_ROW;
    static_assert(ROWS % EACH_ROW == 0 && TILE_ROWS % ROWS_AT_ONCE == 0, "every thread copies as much");
    // Addresses for each way to copy two factors, kept over the loop, would push sums out of registers.
    const int thread = computed_anew((int)threadIdx.x);
    const int r = thread / EACH_ROW;
    const int c = thread % EACH_ROW * SIZE;
    const int count = min(SIZE, max(0, cols_left - c));
    const float* from = first + r * stride + c;
#pragma unroll(WHOLE ? TILE_ROWS / ROWS_AT_ONCE : 4)
    for (int i = 0; i < TILE_ROWS; i += ROWS_AT_ONCE) {
      copy_async<SIZE>(tile, Tile::template place<TILE_COLS>(r + i, c), from, WHOLE ? SIZE : r + i < rows_left ? count : 0);
      from += ROWS_AT_ONCE * stride;
    }
  }
};

}  // namespace lb
