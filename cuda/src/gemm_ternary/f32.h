// SPDX-License-Identifier: Apache-2.0
//
// Products of float32 with packed weights: for one row of x, for few, and in tiles.

#pragma once

#include "../device/async.h"
#include "../device/bf16.h"
#include "../device/device.h"
#include "../device/group.h"
#include "../device/cut.h"
#include "../device/mma.h"
#include "results.h"

namespace ternary {

/** The two bits of a weight at the top of a word, the others 0: as a float -2, -0 or 2 where code 0, 1 or 2 is turned over. */
LB_DEVICE float twice_weight(unsigned turned, int bit) { return __uint_as_float(turned << (30 - bit) & 0xc0000000u); }

/** What a lane has of the products of W_ROWS rows of W, four bytes at a time, with X_ROWS rows of x. */
template <int W_ROWS, int X_ROWS>
LB_DEVICE void lane_sums(const uint8_t* const (&lines)[W_ROWS], const float* const (&rows)[X_ROWS], int64_t blocks,
                         float (&sums)[W_ROWS][X_ROWS]) {
  const int lane = lb::Warp::rank();
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
}

/** A warp for every W_ROWS rows of W; X_ROWS rows of x. */
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
  lane_sums(lines, rows, blocks, sums);
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

/**
 * One row of x by mma.sync: x in three parts of 8 digits each, whose products with -1, 0 and 1 are exact, are three of the eight
 * columns of a product; the others, of which nothing is read, repeat them. A block 16 rows of W, then those gridDim.x times as far
 * down, its warps every 8th block of 256 columns. All numbers of x must be 0 or a good deal above the smallest of bf16.
 * An accumulator takes k / 512 steps of 16 terms: whatever the device cuts off in each stays far below (k + 8) u S.
 */
class OneF32 {
  static constexpr int ROWS = 16;
  static constexpr int PARTS = 3;

  const uint8_t* const w;
  const Results& results;
  const int blocks;
  const int64_t bytes; /* of a row of W */
  const lb::Shared<uint4> split;
  const lb::Shared<float> parts;
  const int lane = lb::Warp::rank();
  const int warp = (int)threadIdx.x / lb::WARP;

 public:
  static constexpr int THREADS = 256;
  static constexpr int WARPS = THREADS / lb::WARP;
  /** Elements of `sums`: those of 16 rows by warps, twice. */
  static constexpr int SUMS = 2 * WARPS * ROWS;
  static constexpr float SMALLEST = 7.88860905e-31f; /* 2^-100 */

  LB_DEVICE OneF32(const uint8_t* weights, const Results& r, int64_t k, const lb::SharedArea& area, const lb::Shared<float>& sums)
      : w(weights),
        results(r),
        blocks((int)blocks_of(k)),
        bytes(blocks_of(k) * BLOCK_BYTES),
        split(area.at<uint4>(0, blocks_of(k) * BLOCK_COLS / 8 * PARTS)),
        parts(sums) {}

  LB_DEVICE void run(const float* x) const {
    ahead(blockIdx.x);
    ahead((int64_t)blockIdx.x + gridDim.x);
    const bool ordinary = cut(x);
    int buffer = 0;
    for (int64_t tile = blockIdx.x; tile * ROWS < results.n; tile += gridDim.x) {
      ahead(tile + 2 * (int64_t)gridDim.x);
      if (ordinary) {
        add(tile, buffer * WARPS * ROWS);
      } else {
        for (int64_t j = tile * ROWS + warp; j < (tile + 1) * ROWS; j += WARPS) {
          const uint8_t* const line[1] = {w + smaller(j, results.n - 1) * bytes};
          const float* const row[1] = {x};
          float sums[1][1];
          lane_sums(line, row, blocks, sums);
          const float sum = lb::Warp::sum(sums[0][0]);
          if (lane == 0) {
            results.store(0, j, results.column(j), sum);
          }
        }
      }
      buffer ^= 1;
    }
  }

 private:
  /** Brings the rows of a tile into the cache. */
  LB_DEVICE void ahead(int64_t tile) const {
    const int64_t end = smaller((tile + 1) * ROWS, results.n) * bytes;
    for (int64_t at = tile * ROWS * bytes + LINE * (int)threadIdx.x; at < end; at += LINE * THREADS) {
      lb::prefetch(w + at);
    }
  }

  /** The place of a part of 8 columns: those of two words of W, one after the other, as the second factor of a product. */
  LB_DEVICE static int place(int eight, int part) {
    const int block_and_plane = eight / 8;
    const int lanes_words = eight % 8 / 2;
    return ((block_and_plane * 2 + eight % 2) * PARTS + part) * 4 + lanes_words;
  }

  /** Cuts x into its parts; returns whether all threads found what they may. */
  LB_DEVICE bool cut(const float* x) const {
    int strange = 0;
#pragma unroll 2
    for (int eight = (int)threadIdx.x; eight < blocks * (BLOCK_COLS / 8); eight += THREADS) {
      float v[2][4];
      lb::load_quad(x + 8 * eight, 4, true, v[0]);
      lb::load_quad(x + 8 * eight + 4, 4, true, v[1]);
      float high[PARTS][2][4];
#pragma unroll
      for (int i = 0; i < 2; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const float magnitude = fabsf(v[i][j]);
          strange |= magnitude == 0.0f || (magnitude >= SMALLEST && magnitude < INFINITY) ? 0 : 1;
          high[0][i][j] = lb::high_part(v[i][j]);
          const float rest = v[i][j] - high[0][i][j];
          high[1][i][j] = lb::high_part(rest);
          high[2][i][j] = rest - high[1][i][j];
        }
      }
#pragma unroll
      for (int p = 0; p < PARTS; p++) {
        // Bytes 0 and 2 of a word of W make a pair, and so do 1 and 3.
        split[place(eight, p)] = uint4{lb::high_halves(high[p][0][0], high[p][0][2]), lb::high_halves(high[p][0][1], high[p][0][3]),
                                       lb::high_halves(high[p][1][0], high[p][1][2]), lb::high_halves(high[p][1][1], high[p][1][3])};
      }
    }
    return __syncthreads_or(strange) == 0;
  }

  /** Two codes of a plane, 16 bits apart, as -1, 0 or 1: 128 + 4^plane code, of which that is a multiple but for a constant. */
  template <int PLANE>
  LB_DEVICE static unsigned pair(unsigned word) {
    constexpr unsigned SCALES[PLANES] = {0x3f803f80u, 0x3e803e80u, 0x3d803d80u, 0x3c803c80u};
    constexpr unsigned SHIFTS[PLANES] = {0xc301c301u, 0xc204c204u, 0xc110c110u, 0xc040c040u};
    return lb::fused_pairs(lb::masked_or(word, 0x00030003u << 2 * PLANE, 0x43004300u), SCALES[PLANE], SHIFTS[PLANE]);
  }

  template <int PLANE>
  LB_DEVICE void plane(float (&sums)[4], const unsigned (&low)[4], const unsigned (&high)[4], int block) const {
    const int at = ((block * PLANES + PLANE) * 2 * PARTS + lane / 4 % PARTS) * 4 + lane % 4;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const uint4 x = split[at + h * 4 * PARTS];
      const unsigned first[2] = {x.x, x.y};
      const unsigned second[2] = {x.z, x.w};
      const unsigned left[4] = {pair<PLANE>(low[2 * h]), pair<PLANE>(high[2 * h]), pair<PLANE>(low[2 * h] >> 8),
                                pair<PLANE>(high[2 * h] >> 8)};
      const unsigned right[4] = {pair<PLANE>(low[2 * h + 1]), pair<PLANE>(high[2 * h + 1]), pair<PLANE>(low[2 * h + 1] >> 8),
                                 pair<PLANE>(high[2 * h + 1] >> 8)};
      lb::multiply_bf16(sums, left, first);
      lb::multiply_bf16(sums, right, second);
    }
  }

  /** The products of a tile: of each plane, then of warps one after the other. */
  LB_DEVICE void add(int64_t tile, int buffer) const {
    const uint8_t* const low_line = w + smaller(tile * ROWS + lane / 4, results.n - 1) * bytes + lane % 4 * 16;
    const uint8_t* const high_line = w + smaller(tile * ROWS + 8 + lane / 4, results.n - 1) * bytes + lane % 4 * 16;
    float sums[PLANES][4];
#pragma unroll
    for (int p = 0; p < PLANES; p++) {
      sums[p][0] = sums[p][1] = sums[p][2] = sums[p][3] = 0.0f;
    }
    uint4 next_low = {0, 0, 0, 0};
    uint4 next_high = {0, 0, 0, 0};
    const auto load = [&](int block) {
      if (block < blocks) {
        next_low = load16(low_line + block * BLOCK_BYTES);
        next_high = load16(high_line + block * BLOCK_BYTES);
      }
    };
    load(warp);
#pragma unroll 1
    for (int block = warp; block < blocks; block += WARPS) {
      const unsigned low[4] = {next_low.x, next_low.y, next_low.z, next_low.w};
      const unsigned high[4] = {next_high.x, next_high.y, next_high.z, next_high.w};
      load(block + WARPS);
      plane<0>(sums[0], low, high, block);
      plane<1>(sums[1], low, high, block);
      plane<2>(sums[2], low, high, block);
      plane<3>(sums[3], low, high, block);
    }
    // Lane 4 g has the sums of the first two parts for rows g and g + 8, the next one those of the third.
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const float first = (sums[0][2 * r] + sums[1][2 * r]) + (sums[2][2 * r] + sums[3][2 * r]);
      const float second = (sums[0][2 * r + 1] + sums[1][2 * r + 1]) + (sums[2][2 * r + 1] + sums[3][2 * r + 1]);
      const float third = __shfl_xor_sync(lb::FULL_WARP, first, 1);
      if (lane % 4 == 0) {
        parts[buffer + warp * ROWS + 8 * r + lane / 4] = first + (second + third);
      }
    }
    __syncthreads();
    if (threadIdx.x < ROWS) {
      float sum = 0.0f;
      for (int i = 0; i < WARPS; i++) {
        sum += parts[buffer + i * ROWS + (int)threadIdx.x];
      }
      const int64_t j = tile * ROWS + threadIdx.x;
      results.store(0, j, results.column(j), sum);
    }
  }
};

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
