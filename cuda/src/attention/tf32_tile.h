// SPDX-License-Identifier: Apache-2.0
//
// A tile on the tensor cores in tf32 (mma.sync m16n8k8): a warp has 32 rows and all columns, a thread 64 sums. Factors are rounded
// to tf32 as they leave shared memory; sums take the terms in their order, in groups of 8, f32 as tensor cores add.
//
// Lane 4 g + t has, of 8 terms, those in places t and t + 4. As the order within a group is free, terms 2 t and 2 t + 1 stand
// there: 8 bytes of a row of terms. Rows of 16 terms are not padded; their halves change places in two of four rows, so that
// neither the copies of 16 bytes nor the loads of 8 meet in a bank. Rows across have a pitch of 4 floats beyond a power of two,
// so that two terms are 8 banks apart from the next two.

#pragma once

#include "../device/mma.h"
#include "tile.h"

namespace lb {

template <int ROWS, Form FORM>
class Tf32Tile : public TileShape<ROWS, FORM> {
  using Shape = TileShape<ROWS, FORM>;

 public:
  using Shape::A_ALONG;
  using Shape::A_LENGTH;
  using Shape::B_ALONG;
  using Shape::B_LENGTH;
  using Shape::COLS;
  using Shape::DEPTH;

  /** From one row of a factor's tile to the next, of so many elements. */
  template <int LENGTH>
  static constexpr int PITCH = LENGTH == DEPTH ? LENGTH : LENGTH + 4;

  /** Where an element of a factor's tile lies, of rows of so many elements. */
  template <int LENGTH>
  LB_DEVICE static int place(int row, int element) {
    return row * PITCH<LENGTH> + (LENGTH == DEPTH ? element ^ (row & 2) * 4 : element);
  }

 private:
  // Fragments of 16 rows, 8 columns and 8 terms.
  static constexpr int DOWN = 2;
  static constexpr int ACROSS = COLS / 8;
  static constexpr int TERMS = 8;

  LB_DEVICE static int group() { return (int)threadIdx.x % WARP / 4; }
  LB_DEVICE static int in_group() { return (int)threadIdx.x % 4; }
  /** The first of the thread's two rows of a fragment; the other is 8 below. */
  LB_DEVICE static int row(int i) { return (int)threadIdx.x / WARP * 16 * DOWN + 16 * i + group(); }

 public:
  using Sums = float[DOWN][ACROSS][4];

  LB_DEVICE static void clear(Sums& sums) {
#pragma unroll
    for (int i = 0; i < DOWN; i++) {
#pragma unroll
      for (int j = 0; j < ACROSS; j++) {
        sums[i][j][0] = sums[i][j][1] = sums[i][j][2] = sums[i][j][3] = 0.0f;
      }
    }
  }

  /** Adds the products of a stage, of a tile of which so many rows and columns are there. */
  LB_DEVICE static void multiply(const Shared<float>& a, const Shared<float>& b, int rows_left, int cols_left, Sums& sums) {
    const int first = row(0) - group();
    if (first + 16 < rows_left && cols_left > COLS / 2) {
      multiply<DOWN, ACROSS>(a, b, sums);
    } else if (first + 16 < rows_left) {
      multiply<DOWN, ACROSS / 2>(a, b, sums);
    } else if (first < rows_left) {
      multiply<1, ACROSS>(a, b, sums);
    }
  }

  /** How many elements of a row a thread writes at once where it can. */
  static constexpr int WRITES = 2;

  /**
   * Writes scale times the sums of a tile, of which so many rows and columns are there. WHOLE: all, and rows begin at multiples of
   * WRITES elements.
   */
  template <bool WHOLE>
  LB_DEVICE static void store(const Sums& sums, float scale, float* tile, int64_t stride, int rows_left, int cols_left) {
#pragma unroll
    for (int i = 0; i < DOWN; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int r = row(i) + 8 * half;
        float* const line = tile + r * stride;
        if (WHOLE || r < rows_left) {
#pragma unroll
          for (int j = 0; j < ACROSS; j++) {
            const int c = 8 * j + 2 * in_group();
            const float low = scale * sums[i][j][2 * half];
            const float high = scale * sums[i][j][2 * half + 1];
            if (WHOLE) {
              *reinterpret_cast<float2*>(line + c) = make_float2(low, high);
            } else {
              if (c < cols_left) {
                line[c] = low;
              }
              if (c + 1 < cols_left) {
                line[c + 1] = high;
              }
            }
          }
        }
      }
    }
  }

 private:
  /** Adds the products of the first fragments down and across. */
  template <int LIVE_DOWN, int LIVE_ACROSS>
  LB_DEVICE static void multiply(const Shared<float>& a, const Shared<float>& b, Sums& sums) {
#pragma unroll
    for (int term = 0; term < DEPTH; term += TERMS) {
      unsigned left[LIVE_DOWN][4];
#pragma unroll
      for (int i = 0; i < LIVE_DOWN; i++) {
        load<A_ALONG, A_LENGTH>(a, row(i), term, left[i][0], left[i][2]);
        load<A_ALONG, A_LENGTH>(a, row(i) + 8, term, left[i][1], left[i][3]);
      }
#pragma unroll
      for (int j = 0; j < LIVE_ACROSS; j++) {
        unsigned right[2];
        load<B_ALONG, B_LENGTH>(b, 8 * j + group(), term, right[0], right[1]);
#pragma unroll
        for (int i = 0; i < LIVE_DOWN; i++) {
          multiply_tf32(sums[i][j], left[i], right);
        }
      }
    }
  }

  /** The thread's two terms of a row of A or column of B, rounded. */
  template <bool ALONG, int LENGTH>
  LB_DEVICE static void load(const Shared<float>& tile, int line, int term, unsigned& low, unsigned& high) {
    const int first = term + 2 * in_group();
    float x, y;
    if (ALONG) {
      tile.load2(place<LENGTH>(line, first), x, y);
    } else {
      x = tile[place<LENGTH>(first, line)];
      y = tile[place<LENGTH>(first + 1, line)];
    }
    low = round_tf32(__float_as_uint(x));
    high = round_tf32(__float_as_uint(y));
  }
};

}  // namespace lb
