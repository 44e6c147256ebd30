// SPDX-License-Identifier: Apache-2.0
//
// A tile in plain float32: 8 x 8 elements a thread, 8 threads across; sums in the order of their terms. 16 loads of 16 bytes from
// shared memory for 256 multiply-adds of a thread; a pitch of 4 floats beyond a power of two keeps them free of conflicts.

#pragma once

#include "tile.h"

namespace lb {

template <int ROWS, Form FORM>
class FloatTile : public TileShape<ROWS, FORM> {
  using Shape = TileShape<ROWS, FORM>;

 public:
  using Shape::A_ALONG;
  using Shape::B_ALONG;
  using Shape::COLS;
  using Shape::DEPTH;
  using Shape::A_LENGTH;
  using Shape::B_LENGTH;

  /** From one row of a factor's tile to the next, of so many elements. */
  template <int LENGTH>
  static constexpr int PITCH = LENGTH + 4;

  /** Where an element of a factor's tile lies, of rows of so many elements. */
  template <int LENGTH>
  LB_DEVICE static int place(int row, int element) {
    return row * PITCH<LENGTH> + element;
  }

 private:
  static constexpr int EACH = 8;
  static constexpr int DOWN = ROWS / EACH;
  static constexpr int ACROSS = COLS / EACH;
  static constexpr int TERMS = FORM == Form::TN ? 2 : 4;
  static_assert(DOWN * ACROSS == Shape::THREADS, "8 x 8 elements a thread");

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
  using Sums = float[EACH][EACH];

  LB_DEVICE static void clear(Sums& sums) {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
#pragma unroll
      for (int j = 0; j < EACH; j++) {
        sums[i][j] = 0.0f;
      }
    }
  }

  /** Adds the products of a stage, of a tile of which so many rows and columns are there. */
  LB_DEVICE static void multiply(const Shared<float>& a, const Shared<float>& b, int rows_left, int cols_left, Sums& sums) {
    const int live = A_ALONG ? (rows_left + DOWN - 1) / DOWN : rows_left > ROWS / 2 ? EACH : EACH / 2;
    const bool wide = cols_left > COLS / 2;
    if (live >= EACH && wide) {
      multiply<true>(a, b, live, wide, sums);
    } else {
      multiply<false>(a, b, live, wide, sums);
    }
  }

  /** How many elements of a row a thread writes at once where it can. */
  static constexpr int WRITES = B_ALONG ? 1 : 4;

  /**
   * Writes scale times the sums of a tile, of which so many rows and columns are there. WHOLE: all, and rows begin at multiples of
   * WRITES elements.
   */
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

 private:
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
          spread(b.load4(place<B_LENGTH>(col(thread, j), q)), right, j);
        }
      } else {
#pragma unroll
        for (int t = 0; t < TERMS; t++) {
          load(b, place<B_LENGTH>(q + t, 0), col(thread, 0), col(thread, 4), right[t]);
        }
      }
      if (!A_ALONG) {
#pragma unroll
        for (int t = 0; t < TERMS; t++) {
          load(a, place<A_LENGTH>(q + t, 0), row(thread, 0), row(thread, 4), left[t]);
        }
      }
#pragma unroll
      for (int i = 0; i < EACH; i++) {
        if (A_ALONG) {
          spread(a.load4(place<A_LENGTH>(row(thread, i), q)), left, i);
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
