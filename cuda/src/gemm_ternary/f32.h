// SPDX-License-Identifier: Apache-2.0
//
// Products of float32 with packed weights: for few rows of x, and in tiles.

#pragma once

#include "../device/device.h"
#include "../device/group.h"
#include "../device/cut.h"
#include "results.h"

namespace ternary {

/** The two bits of a weight at the top of a word, the others 0: as a float -2, -0 or 2 where code 0, 1 or 2 is turned over. */
LB_DEVICE float twice_weight(unsigned turned, int bit) { return __uint_as_float(turned << (30 - bit) & 0xc0000000u); }

/** A warp for every W_ROWS rows of W, four bytes a lane at a time; X_ROWS rows of x. */
template <int W_ROWS, int X_ROWS>
LB_DEVICE void few_f32(const float* x, int64_t x_stride, const uint8_t* w, const Results& results, int64_t k) {
  const int lane = lb::Warp::rank();
  const int64_t j = lb::Warp::row() * W_ROWS;
  const int64_t i = (int64_t)blockIdx.y * X_ROWS;
  const int64_t blocks = blocks_of(k);
  const uint8_t* lines[W_ROWS];
  const float* rows[X_ROWS];
#pragma unroll
  for (int r = 0; r < W_ROWS; r++) {
    lines[r] = w + smaller(j + r, results.n - 1) * blocks * BLOCK_BYTES;
  }
#pragma unroll
  for (int s = 0; s < X_ROWS; s++) {
    rows[s] = x + smaller(i + s, results.m - 1) * x_stride;
  }
  float sums[W_ROWS][X_ROWS];
#pragma unroll
  for (int r = 0; r < W_ROWS; r++) {
#pragma unroll
    for (int s = 0; s < X_ROWS; s++) {
      sums[r][s] = 0.0f;
    }
  }
#pragma unroll 2
  for (int64_t word = lane; word < blocks * (BLOCK_BYTES / 4); word += lb::WARP) {
    unsigned turned[W_ROWS];
#pragma unroll
    for (int r = 0; r < W_ROWS; r++) {
      turned[r] = ~*reinterpret_cast<const unsigned*>(lines[r] + word * 4);
    }
    const int64_t col = word / 16 * BLOCK_COLS + word % 16 * 4;
#pragma unroll
    for (int p = 0; p < PLANES; p++) {
#pragma unroll
      for (int s = 0; s < X_ROWS; s++) {
        float v[4];
        lb::load_quad(rows[s] + col + p * PLANE_COLS, 4, true, v);
#pragma unroll
        for (int e = 0; e < 4; e++) {
          // As the weights are twice what they are. Exact from 2^-125 on, and to the smallest number below.
          const float half = 0.5f * v[e];
#pragma unroll
          for (int r = 0; r < W_ROWS; r++) {
            sums[r][s] += twice_weight(turned[r], 8 * e + 2 * p) * half;
          }
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < W_ROWS; r++) {
#pragma unroll
    for (int s = 0; s < X_ROWS; s++) {
      const float sum = lb::Warp::sum(sums[r][s]);
      if (lane == 0) {
        results.store(i + s, j + r, results.column(j + r), sum);
      }
    }
  }
}

/** A tile of SIZE x SIZE, T x T a thread in groups of four; steps of 16 columns, which lie in one plane. */
template <int SIZE, int T>
LB_DEVICE void tile_f32(const float* x, int64_t x_stride, const uint8_t* w, const Results& results, int64_t k) {
  constexpr int STEP = 16;
  constexpr int HALF = STEP / 2;
  constexpr int ACROSS = SIZE / T;
  constexpr int PITCH = SIZE + 4;
  static_assert(ACROSS * ACROSS == 2 * SIZE, "two threads a row of x and of W");
  LB_SHARED(float, tiles_x, 2 * STEP * PITCH);
  LB_SHARED(float, tiles_w, 2 * STEP * PITCH);
  const int64_t tiles_down = (results.m + SIZE - 1) / SIZE;
  const int64_t row = blockIdx.x % tiles_down * SIZE;
  const int64_t col = blockIdx.x / tiles_down * SIZE;
  const int ty = (int)threadIdx.x / ACROSS;
  const int tx = (int)threadIdx.x % ACROSS;
  // A thread brings half of the step's columns of a row of x and of one of W.
  const int line = (int)threadIdx.x % SIZE;
  const int from = (int)threadIdx.x / SIZE * HALF;
  const float* of_x = x + smaller(row + line, results.m - 1) * x_stride + from;
  const uint8_t* of_w = w + smaller(col + line, results.n - 1) * blocks_of(k) * BLOCK_BYTES + from;

  float sums[T][T];
#pragma unroll
  for (int i = 0; i < T; i++) {
#pragma unroll
    for (int j = 0; j < T; j++) {
      sums[i][j] = 0.0f;
    }
  }
  float next_x[2][4];
  uint2 next_w = {0, 0};
  int shift = 0;
  const auto load = [&](int64_t at) {
    lb::load_quad(of_x + at, 4, true, next_x[0]);
    lb::load_quad(of_x + at + 4, 4, true, next_x[1]);
    next_w = *reinterpret_cast<const uint2*>(of_w + at / BLOCK_COLS * BLOCK_BYTES + at % PLANE_COLS);
    shift = (int)(at % BLOCK_COLS) / PLANE_COLS * 2;
  };
  if (k > 0) {
    load(0);
  }
  int buffer = 0;
  for (int64_t at = 0; at < k; at += STEP) {
    const lb::Shared<float> tile_x = tiles_x.from(buffer * STEP * PITCH);
    const lb::Shared<float> tile_w = tiles_w.from(buffer * STEP * PITCH);
#pragma unroll
    for (int e = 0; e < HALF; e++) {
      const unsigned turned = ~(e < 4 ? next_w.x : next_w.y) >> shift;
      tile_x[(from + e) * PITCH + line] = next_x[e / 4][e % 4];
      tile_w[(from + e) * PITCH + line] = 0.5f * twice_weight(turned, e % 4 * 8);
    }
    __syncthreads();
    if (at + STEP < k) {
      load(at + STEP);
    }
#pragma unroll
    for (int p = 0; p < STEP; p++) {
      float left[T];
      float right[T];
#pragma unroll
      for (int i = 0; i < T; i += 4) {
        const float4 v = tile_x.load4(p * PITCH + i / 4 * 4 * ACROSS + ty * 4);
        left[i] = v.x, left[i + 1] = v.y, left[i + 2] = v.z, left[i + 3] = v.w;
        const float4 u = tile_w.load4(p * PITCH + i / 4 * 4 * ACROSS + tx * 4);
        right[i] = u.x, right[i + 1] = u.y, right[i + 2] = u.z, right[i + 3] = u.w;
      }
#pragma unroll
      for (int i = 0; i < T; i++) {
#pragma unroll
        for (int j = 0; j < T; j++) {
          sums[i][j] += left[i] * right[j];
        }
      }
    }
    buffer ^= 1;
  }
#pragma unroll
  for (int j = 0; j < T; j++) {
    const int64_t c = col + j / 4 * 4 * ACROSS + tx * 4 + j % 4;
    const Column column = results.column(c);
#pragma unroll
    for (int i = 0; i < T; i++) {
      results.store(row + i / 4 * 4 * ACROSS + ty * 4 + i % 4, c, column, sums[i][j]);
    }
  }
}

}  // namespace ternary
