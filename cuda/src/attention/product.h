// SPDX-License-Identifier: Apache-2.0
//
// Products of the matrices of one example and head, in tiles of ROWS x 64 elements, 8 x 8 a thread, 8 threads across. Each form
// copies the rows of its factors into shared memory as they lie, so that no form transposes:
//
//   NT  A [rows, depth], B [cols, depth]   16 bytes of a row of A and of B are 4 terms
//   NN  A [rows, depth], B [depth, cols]   16 bytes of a row of A are 4 terms, of B 4 columns
//   TN  A [depth, rows], B [depth, cols]   16 bytes of a row of A are 4 rows of the product, of B 4 columns
//
// Steps of 16 terms through three stages; sums in the order of the terms whatever the tile. 16 loads of 16 bytes from shared
// memory for 256 multiply-adds of a thread; a pitch of 4 floats beyond a power of two keeps them free of conflicts. Rows of factors
// that begin at multiples of 16 bytes are copied so many at a time, others float by float.

#pragma once

#include "../device/async.h"
#include "../device/device.h"

namespace lb {

enum class Form { NT, NN, TN };

/** A matrix of one example and head, or where to write one. */
template <class T>
struct Side {
  T* first;
  int64_t stride;

  /** Whether all rows begin at multiples of 16 bytes. */
  LB_DEVICE bool by4() const { return reinterpret_cast<uintptr_t>(first) % 16 == 0 && stride % 4 == 0; }
};
using Factor = Side<const float>;

template <int ROWS, Form FORM>
class Product {
 public:
  static constexpr int COLS = 64;
  static constexpr int EACH = 8;
  static constexpr int DOWN = ROWS / EACH;
  static constexpr int ACROSS = COLS / EACH;
  static constexpr int THREADS = DOWN * ACROSS;
  using Sums = float[EACH][EACH];

 private:
  static constexpr int DEPTH = 16;
  static constexpr int STAGES = 3;
  static constexpr int TERMS = FORM == Form::TN ? 2 : 4;
  static constexpr bool A_ALONG = FORM != Form::TN;
  static constexpr bool B_ALONG = FORM == Form::NT;
  static constexpr int A_PITCH = (A_ALONG ? DEPTH : ROWS) + 4;
  static constexpr int B_PITCH = (B_ALONG ? DEPTH : COLS) + 4;
  static constexpr int A_SIZE = A_PITCH * (A_ALONG ? ROWS : DEPTH);
  static constexpr int B_SIZE = B_PITCH * (B_ALONG ? COLS : DEPTH);
  static_assert(ROWS % 32 == 0, "blocks have whole warps");

  /** The i-th of a thread's rows in a tile. */
  LB_DEVICE static int row(int thread, int i) {
    const int down = thread / ACROSS;
    return A_ALONG ? down + DOWN * i : i / 4 * (ROWS / 2) + down * 4 + i % 4;
  }
  /** The j-th of a thread's columns in a tile; those of j < 4 lie in its first half. */
  LB_DEVICE static int col(int thread, int j) {
    const int across = thread % ACROSS;
    return B_ALONG ? across + ACROSS * j : j / 4 * (COLS / 2) + across * 4 + j % 4;
  }

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
    const bool a_by4 = a.by4();
    const bool b_by4 = b.by4();
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
    const int live = A_ALONG ? (rows_left + DOWN - 1) / DOWN : rows_left > ROWS / 2 ? EACH : EACH / 2;
    int stage = 0;
    for (int first_col = from_col; first_col < to; first_col += COLS) {
      const bool wide = cols - first_col > COLS / 2;
      Sums sums;
#pragma unroll
      for (int i = 0; i < EACH; i++) {
#pragma unroll
        for (int j = 0; j < EACH; j++) {
          sums[i][j] = 0.0f;
        }
      }
      // A sum of nothing is a step of zeros.
      int terms_left = depth;
      do {
        wait_copies<STAGES - 2>();
        // Behind it every thread has this stage, and none reads the one before, which is filled next.
        __syncthreads();
        fetch();
        const Shared<float> tile_a = stages_a.from(stage * A_SIZE);
        const Shared<float> tile_b = stages_b.from(stage * B_SIZE);
        if (live == EACH && wide) {
          multiply<true>(tile_a, tile_b, live, wide, sums);
        } else {
          multiply<false>(tile_a, tile_b, live, wide, sums);
        }
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
    if (rows_left >= ROWS && cols_left >= COLS && (B_ALONG || to.by4())) {
      store<true>(sums, scale, tile, to.stride, rows_left, cols_left);
    } else {
      store<false>(sums, scale, tile, to.stride, rows_left, cols_left);
    }
  }

 private:
  template <bool WHOLE>
  LB_DEVICE static void store(const Sums& sums, float scale, float* tile, int64_t stride, int rows_left, int cols_left) {
    const int thread = computed_anew((int)threadIdx.x);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      const int r = row(thread, i);
      float* const line = tile + r * stride;
      if (WHOLE && !B_ALONG) {
#pragma unroll
        for (int j = 0; j < EACH; j += 4) {
          *reinterpret_cast<float4*>(line + col(thread, j)) =
              make_float4(scale * sums[i][j], scale * sums[i][j + 1], scale * sums[i][j + 2], scale * sums[i][j + 3]);
        }
        continue;
      }
      if (WHOLE || r < rows_left) {
#pragma unroll
        for (int j = 0; j < EACH; j++) {
          if (WHOLE || col(thread, j) < cols_left) {
            line[col(thread, j)] = scale * sums[i][j];
          }
        }
      }
    }
  }

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
    constexpr int PITCH = TILE_COLS + 4;
    constexpr int EACH_ROW = TILE_COLS / SIZE;
    constexpr int ROWS_AT_ONCE = THREADS / EACH_ROW;
    static_assert(THREADS % EACH_ROW == 0 && TILE_ROWS % ROWS_AT_ONCE == 0, "every thread copies as much");
    // Addresses for each way to copy two factors, kept over the loop, would push sums out of registers.
    const int thread = computed_anew((int)threadIdx.x);
    const int r = thread / EACH_ROW;
    const int c = thread % EACH_ROW * SIZE;
    const int count = min(SIZE, max(0, cols_left - c));
    const float* from = first + r * stride + c;
#pragma unroll(WHOLE ? TILE_ROWS / ROWS_AT_ONCE : 4)
    for (int i = 0; i < TILE_ROWS; i += ROWS_AT_ONCE) {
      copy_async<SIZE>(tile, (r + i) * PITCH + c, from, WHOLE ? SIZE : r + i < rows_left ? count : 0);
      from += ROWS_AT_ONCE * stride;
    }
  }

  /** Adds the products of a stage. Not WHOLE: of the thread's first `live` rows and, if not wide, its first four columns. */
  template <bool WHOLE>
  LB_DEVICE static void multiply(const Shared<float>& a, const Shared<float>& b, int live, bool wide, Sums& sums) {
    const int thread = (int)threadIdx.x;
    // Not unrolled, and few terms at a time: what is loaded ahead would push sums out of registers.
#pragma unroll 1
    for (int q = 0; q < DEPTH; q += TERMS) {
      float left[TERMS][EACH];
      float right[TERMS][EACH];
      if (B_ALONG) {
#pragma unroll
        for (int j = 0; j < EACH; j++) {
          spread(b.load4(col(thread, j) * B_PITCH + q), right, j);
        }
      } else {
#pragma unroll
        for (int t = 0; t < TERMS; t++) {
          load(b, (q + t) * B_PITCH, col(thread, 0), col(thread, 4), right[t]);
        }
      }
      if (!A_ALONG) {
#pragma unroll
        for (int t = 0; t < TERMS; t++) {
          load(a, (q + t) * A_PITCH, row(thread, 0), row(thread, 4), left[t]);
        }
      }
#pragma unroll
      for (int i = 0; i < EACH; i++) {
        if (A_ALONG) {
          spread(a.load4(row(thread, i) * A_PITCH + q), left, i);
        }
#pragma unroll
        for (int t = 0; t < TERMS; t++) {
          add<WHOLE>(i, left[t][i], right[t], live, wide, sums);
        }
      }
    }
  }

  /** Four terms of a row or column i. */
  LB_DEVICE static void spread(const float4& v, float (&to)[TERMS][EACH], int i) {
    to[0][i] = v.x, to[1][i] = v.y, to[TERMS - 2][i] = v.z, to[TERMS - 1][i] = v.w;
  }

  /** Four rows or columns of a term, and four. */
  LB_DEVICE static void load(const Shared<float>& tile, int line, int low, int high, float (&to)[EACH]) {
    const float4 v = tile.load4(line + low);
    const float4 w = tile.load4(line + high);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
    to[4] = w.x, to[5] = w.y, to[6] = w.z, to[7] = w.w;
  }

  template <bool WHOLE>
  LB_DEVICE static void add(int i, float left, const float (&right)[EACH], int live, bool wide, Sums& sums) {
    if (WHOLE || i < live) {
#pragma unroll
      for (int j = 0; j < EACH / 2; j++) {
        sums[i][j] += left * right[j];
      }
      if (WHOLE || wide) {
#pragma unroll
        for (int j = EACH / 2; j < EACH; j++) {
          sums[i][j] += left * right[j];
        }
      }
    }
  }
};

}  // namespace lb
