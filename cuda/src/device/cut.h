// SPDX-License-Identifier: Apache-2.0
//
// Blocks of a matrix in quads: four neighbours of a row, fewer at its end. Quads move as 16 bytes where they are aligned, and lie
// with the same threads where they are not.

#pragma once

#include "device.h"

namespace lb {

/** Where a quad begins in the matrix, and how many elements it has. */
struct Place {
  int64_t row, col;
  int count;
};

/** The quads of a block of a matrix from one of them on, row after row. */
struct BlockQuads {
  int64_t row, col;  // of the first element
  int64_t cols;      // of the block
  int64_t per_row;
  int64_t skipped;  // quads of the first row before the first
  int64_t left;     // quads from the first on

  LB_DEVICE Place at(int quad) const {
    int64_t o = skipped + quad;
    int64_t down = 0;
    if (o >= per_row) {
      // A row of more quads than an int counts is longer than any step.
      down = per_row > INT32_MAX ? 1 : (int64_t)((unsigned)o / (unsigned)per_row);
      o -= down * per_row;
    }
    const int64_t rest = cols - 4 * o;
    return {row + down, col + 4 * o, rest < 4 ? (int)rest : 4};
  }
};

/** A matrix cut into blocks of rows by cols elements, `across` of them side by side. */
struct Cut {
  int64_t rows, cols, across;

  /** The quads of a block, from one of them on. */
  LB_DEVICE BlockQuads block(int64_t index, int64_t first) const {
    const int64_t band = index / across;
    const int64_t per_row = (cols + 3) / 4;
    const int64_t down = first / per_row;
    return {band * rows + down, (index - band * across) * cols, cols, per_row, first - down * per_row, rows * per_row - first};
  }

  /** Whether quads with four elements lie on multiples of their size in a matrix of elements of T. */
  template <class T>
  LB_DEVICE bool aligned(const T* matrix, int64_t stride) const {
    return reinterpret_cast<uintptr_t>(matrix) % (4 * sizeof(T)) == 0 && stride % 4 == 0 && (across == 1 || cols % 4 == 0);
  }
};

/** Missing elements are 0. */
LB_DEVICE void load_quad(const float* p, int count, bool aligned, float (&v)[4]) {
  if (aligned && count == 4) {
    const float4 all = *reinterpret_cast<const float4*>(p);
    v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
  } else {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      v[j] = j < count ? p[j] : 0.0f;
    }
  }
}

LB_DEVICE void store_quad(float* p, int count, bool aligned, const float (&v)[4]) {
  if (aligned && count == 4) {
    // An assignment may become four: the compiler sees the stores below.
    __stcg(reinterpret_cast<float4*>(p), make_float4(v[0], v[1], v[2], v[3]));
  } else {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (j < count) {
        p[j] = v[j];
      }
    }
  }
}

/** The low bytes of ints. */
LB_DEVICE unsigned low_bytes(const int (&v)[4]) {
  return ((unsigned)v[0] & 255u) | ((unsigned)v[1] & 255u) << 8 | ((unsigned)v[2] & 255u) << 16 | (unsigned)v[3] << 24;
}

/** Stores the low bytes of ints. */
LB_DEVICE void store_quad(uint8_t* p, int count, bool aligned, const int (&v)[4]) {
  if (aligned && count == 4) {
    *reinterpret_cast<unsigned*>(p) = low_bytes(v);
  } else {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (j < count) {
        p[j] = (uint8_t)v[j];
      }
    }
  }
}

}  // namespace lb
