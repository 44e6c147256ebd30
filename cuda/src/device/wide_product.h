// SPDX-License-Identifier: Apache-2.0
//
// Products by wgmma and TMA (sm_90a): tiles of 128 x 256. Blocks stay and take tile after tile. One thread has the copy engine
// fetch 128 bytes of terms of both factors at a time, 64 of bf16 or 32 of tf32, into a ring of four; two groups of four warps
// multiply 64 x 256 each, one step of products always behind the one that is waited for, and write their sums by way of shared
// memory while the next tile's factors arrive. Barriers of the ring: `full` ends with the bytes, `empty` with an arrival of each of
// the eight warps.

#pragma once

#include "float_product.h"
#include "product.h"
#include "tma.h"
#include "wgmma.h"

namespace lb {

struct WideProduct {
  FloatOutput out;
  int64_t c_outer, c_inner, m, n, k, inner_count, slices, slice_terms;
  /** Whether A (B) has another matrix for each inner (bit 0) and outer (bit 1) step. */
  int a_steps, b_steps;
  /** Tiles of a matrix; of all slices of all matrices. */
  int down, across, tiles;
};

struct Wide {
  static constexpr int ROWS = 128;
  static constexpr int COLS = 256;
  static constexpr int K_BYTES = 128;
  static constexpr int STAGES = 4;
  static constexpr int A_BYTES = ROWS * K_BYTES;
  static constexpr int STAGE_BYTES = A_BYTES + COLS * K_BYTES;
  static constexpr int CONSUMERS = 2;
  static constexpr int WARPS = 4 * CONSUMERS;
  /** Sums leave in pieces of 16 x 32 a warp. */
  static constexpr int PIECE = 32;
  static constexpr int PITCH = PIECE + 8;
  static constexpr int PIECE_BYTES = 16 * PITCH * 4;
  static constexpr int PIECE_SUMS = PIECE / 2;
  static constexpr int BARRIERS_AT = STAGES * STAGE_BYTES + WARPS * PIECE_BYTES;
};
static_assert(Wide::BARRIERS_AT + 2 * Wide::STAGES * 8 + 1024 == 218176, "what WideProducts gives");

#if defined(LB_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)

/** Where a tile lies: its slice among those of all matrices, its first row and column. Tiles are fewer than an int counts. */
struct WideTile {
  int slice;
  int64_t row, col;

  LB_DEVICE WideTile(int tile, int down, int across) : slice(tile / (down * across)) {
    const TileOrder order(tile - slice * (down * across), down, across);
    row = order.down * Wide::ROWS;
    col = order.across * Wide::COLS;
  }
};

/** Fetches EXTENT rows of op(A) (columns of op(B)): in one box of whole lines, or in boxes of 64 that lie across. */
template <int EXTENT, bool ALONG_K>
LB_DEVICE void fetch(const Shared<uint4>& to, const TensorMap& map, int first, int term, int inner, int outer,
                     const Barriers& barriers, int stage) {
  if (ALONG_K) {
    barriers.fetch(stage, to, map, term, first, inner, outer);
  } else {
#pragma unroll
    for (int i = 0; i < EXTENT / 64; i++) {
      barriers.fetch(stage, to.from(i * (BOX_64 / 16)), map, first + i * 64, term, inner, outer);
    }
  }
}

/** Byte of the q-th 32 bytes of terms, for the 64 rows of a group or all columns. */
template <bool ALONG_K>
LB_DEVICE int part(int group, int q) {
  return group * BOX_64 + q * (ALONG_K ? 32 : 2 * LINES_8);
}

/** Writes the sums of a warp, 16 rows, by way of the pieces that begin at a byte. */
LB_DEVICE void write_sums(const float (&sums)[Wide::COLS / 2], int pieces, const FloatEpilogue& write, int rows_left) {
  constexpr int PIECES = Wide::COLS / Wide::PIECE;
  constexpr int QUADS = Wide::PIECE / 4;
  constexpr int ROUND_ROWS = WARP / QUADS;
  LB_DYNAMIC_SHARED(area);
  // What comes of the thread's number would take registers from the sums while they are made.
  const int thread = computed_anew((int)threadIdx.x);
  const int warp = thread / WARP;
  const int lane = thread % WARP;
  const Shared<float> piece = area.at<float>(pieces + warp * Wide::PIECE_BYTES, Wide::PIECE_BYTES / 4);
  const Shared<float> to = piece.from(lane / 4 * Wide::PITCH + lane % 4 * 2);
  const Shared<float> from = piece.from(lane / QUADS * Wide::PITCH + lane % QUADS * 4);
  const int row = warp * 16 + lane / QUADS;
  const bool plain = write.only_scales(Wide::COLS) && rows_left >= Wide::ROWS;
  // One copy of what follows for all pieces: unrolled, it is more than what a multiprocessor keeps of instructions.
#pragma unroll 1
  for (int p = 0; p < PIECES; p++) {
    // Sums are registers, which have no index.
#pragma unroll
    for (int q = 0; q < PIECES; q++) {
      if (q == p) {
#pragma unroll
        for (int i = 0; i < Wide::PIECE_SUMS; i += 2) {
          const float* two = sums + q * Wide::PIECE_SUMS + i;
          to.store2(i / 2 % 2 * 8 * Wide::PITCH + i / 4 * 8, two[0], two[1]);
        }
      }
    }
    __syncwarp();
    const int col = p * Wide::PIECE + lane % QUADS * 4;
    if (plain) {
      // First all loads, which may not overtake a store.
      float4 v[16 / ROUND_ROWS];
#pragma unroll
      for (int i = 0; i < 16 / ROUND_ROWS; i++) {
        v[i] = from.load4(i * ROUND_ROWS * Wide::PITCH);
      }
#pragma unroll
      for (int i = 0; i < 16 / ROUND_ROWS; i++) {
        write.scale(row + i * ROUND_ROWS, col, v[i]);
      }
    } else {
#pragma unroll 1
      for (int i = 0; i < 16; i += ROUND_ROWS) {
        if (row + i < rows_left && write.has(col)) {
          write(row + i, col, from.load4(i * Wide::PITCH));
        }
      }
    }
    __syncwarp();
  }
}

/** F: the factors, as of TileProduct. */
template <class F, bool TA, bool TB>
LB_DEVICE void multiply_wide(const TensorMap& map_a, const TensorMap& map_b, const WideProduct& g) {
  LB_DYNAMIC_SHARED(area);
  const int begin = swizzle_padding();
  const Shared<uint4> ring = area.at<uint4>(begin, Wide::STAGES * Wide::STAGE_BYTES / 16);
  const Barriers barriers(area.at<uint64_t>(begin + Wide::BARRIERS_AT, 2 * Wide::STAGES));
  if (threadIdx.x == 0) {
    for (int i = 0; i < Wide::STAGES; i++) {
      barriers.init(i, 1);
      barriers.init(Wide::STAGES + i, Wide::WARPS);
    }
    Barriers::publish();
  }
  __syncthreads();

  const int slices = (int)g.slices;
  int stage = 0;
  int parity = 0;
  const int group = (int)threadIdx.x / 128;
  if (group == Wide::CONSUMERS) {
    fewer_registers<40>();
    if (threadIdx.x == Wide::CONSUMERS * 128) {
      for (int t = (int)blockIdx.x; t < g.tiles; t += (int)gridDim.x) {
        const WideTile tile(t, g.down, g.across);
        const int matrix = tile.slice / slices;
        const int inner = matrix % (int)g.inner_count;
        const int outer = matrix / (int)g.inner_count;
        const Slice slice(tile.slice % slices, g.slice_terms, g.k);
        const int end = (int)(slice.from + slice.count);
        for (int term = (int)slice.from; term < end; term += Wide::K_BYTES / F::BYTES) {
          barriers.wait(Wide::STAGES + stage, parity ^ 1);
          barriers.expect(stage, Wide::STAGE_BYTES);
          const Shared<uint4> to = ring.from(stage * (Wide::STAGE_BYTES / 16));
          fetch<Wide::ROWS, !TA>(to, map_a, (int)tile.row, term, g.a_steps & 1 ? inner : 0, g.a_steps & 2 ? outer : 0, barriers, stage);
          fetch<Wide::COLS, TB>(to.from(Wide::A_BYTES / 16), map_b, (int)tile.col, term, g.b_steps & 1 ? inner : 0,
                                g.b_steps & 2 ? outer : 0, barriers, stage);
          stage = (stage + 1) % Wide::STAGES;
          parity ^= stage == 0;
        }
      }
    }
  } else {
    more_registers<232>();
    const bool first_lane = threadIdx.x % WARP == 0;
    float sums[Wide::COLS / 2];
    GroupProducts products;
    for (int t = (int)blockIdx.x; t < g.tiles; t += (int)gridDim.x) {
#pragma unroll
      for (int i = 0; i < Wide::COLS / 2; i++) {
        sums[i] = 0.0f;
      }
      int before = 0;
      const int terms = (int)Slice(t / (g.down * g.across) % slices, g.slice_terms, g.k).count;
      for (int term = 0; term < terms; term += Wide::K_BYTES / F::BYTES) {
        barriers.wait(stage, parity);
        products.begin();
        const int from = stage * Wide::STAGE_BYTES;
#pragma unroll
        for (int q = 0; q < Wide::K_BYTES / 32; q++) {
          products.multiply<F::BYTES, !TA, TB>(sums, group_factor(ring, from + part<!TA>(group, q)),
                                               group_factor(ring, from + Wide::A_BYTES + part<TB>(0, q)));
        }
        products.commit();
        products.wait<1>();
        if (term > 0 && first_lane) {
          barriers.arrive(Wide::STAGES + before);
        }
        before = stage;
        stage = (stage + 1) % Wide::STAGES;
        parity ^= stage == 0;
      }
      // The last products still go on.
      const WideTile tile(t, g.down, g.across);
      FloatOutput out = g.out;
      out.c += slices == 1 ? batch_offset(tile.slice, (int)g.inner_count, g.c_outer, g.c_inner) : tile.slice * g.m * out.stride;
      const int rows_left = (int)(g.m - tile.row);
      const int cols_left = (int)(g.n - tile.col < Wide::COLS ? g.n - tile.col : Wide::COLS);
      const FloatEpilogue write(out, tile.row, tile.col, cols_left);
      products.finish(sums);
      if (first_lane) {
        barriers.arrive(Wide::STAGES + before);
      }
      write_sums(sums, begin + Wide::STAGES * Wide::STAGE_BYTES, write, rows_left);
    }
  }
}

#else

template <class F, bool TA, bool TB>
LB_DEVICE void multiply_wide(const TensorMap&, const TensorMap&, const WideProduct&) {
  __trap();
}

#endif

}  // namespace lb

/**
 * A kernel over the tiles of a batch, in so many slices of so many terms; grid: as many blocks as there are multiprocessors, or
 * tiles if these are fewer. Of several slices each leaves its sums in scratch, c [matrix, slice, m, c_stride].
 */
#define LB_WIDE_PRODUCT(name, F, TA, TB)                                                                                      \
  extern "C" __global__ void __launch_bounds__(384, 1) name(                                                                  \
      const __grid_constant__ lb::TensorMap a, const __grid_constant__ lb::TensorMap b, float* c, int64_t c_stride,           \
      int64_t c_outer, int64_t c_inner, const float* bias, int64_t m, int64_t n, int64_t k, int64_t inner_count, float alpha, \
      float beta, int activation, int a_steps, int b_steps, int64_t slices, int64_t slice_terms, int down, int across,        \
      int tiles) {                                                                                                            \
    const lb::WideProduct g = {{c, c_stride, bias, alpha, beta, activation}, c_outer, c_inner, m, n, k, inner_count, slices,  \
                               slice_terms, a_steps, b_steps, down, across, tiles};                                           \
    lb::multiply_wide<F, TA, TB>(a, b, g);                                                                                    \
  }                                                                                                                           \
  LB_KERNEL(name)
