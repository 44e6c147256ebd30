// SPDX-License-Identifier: Apache-2.0
//
// A tile of op(A) op(B) by a block, on the tensor cores by mma.sync, for factors of 4 bytes (float, rounded to tf32), of 2 (bf16)
// and of 1 (int8).
//
// A factor lies ALONG_K in memory (its lines hold terms of sums) or across (its lines hold rows of op(A) or columns of op(B)). A
// tile keeps the lines as they are, in chunks of 16 bytes, and the chunks of a line permuted, so that neither the copies into it
// nor the eight lines of a matrix of ldmatrix meet in a bank. bf16 across is transposed by ldmatrix itself. int8 across is read
// as pairs: with lines 4 t, 4 t + 1 (4 t + 2, 4 t + 3) in places 2 t, 2 t + 1 a lane gets four terms of two columns, and two byte
// permutations part them; of 16 columns the even ones then are the first eight of the product and the odd ones the others. Floats
// across are read one by one: four lines of eight elements at a time, in different banks.
//
// STAGES tiles of each factor in a ring, filled by cp.async STAGES - 1 steps ahead, one barrier a step. Lines that cannot be
// copied in 16 bytes (VECTOR false) are gathered by element into the same tiles. Sums begin with 0 and take the terms in the order
// of k, in groups of 32 bytes, whatever the tile: a choice of tile changes no bit. They leave by way of shared memory, so that
// each thread writes four of a row.

#pragma once

#include "async.h"
#include "device.h"
#include "mma.h"

namespace lb {

struct Bf16Factors {
  using Element = uint16_t;
  using Sum = float;
  static constexpr int BYTES = 2;

  LB_DEVICE static unsigned word(uint16_t v) { return v; }
  template <int N>
  LB_DEVICE static void prepare(unsigned (&)[N]) {}
  LB_DEVICE static void multiply(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { multiply_bf16(sums, a, b); }
  LB_DEVICE static float bits(float sum) { return sum; }
};

struct Tf32Factors {
  using Element = float;
  using Sum = float;
  static constexpr int BYTES = 4;

  LB_DEVICE static unsigned word(float v) { return __float_as_uint(v); }
  /** The instruction would cut the other bits off. */
  template <int N>
  LB_DEVICE static void prepare(unsigned (&factors)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) {
      factors[i] = round_tf32(factors[i]);
    }
  }
  LB_DEVICE static void multiply(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { multiply_tf32(sums, a, b); }
  LB_DEVICE static float bits(float sum) { return sum; }
};

struct Int8Factors {
  using Element = uint8_t;
  using Sum = int;
  static constexpr int BYTES = 1;

  LB_DEVICE static unsigned word(uint8_t v) { return v; }
  template <int N>
  LB_DEVICE static void prepare(unsigned (&)[N]) {}
  LB_DEVICE static void multiply(int (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { multiply_i8(sums, a, b); }
  LB_DEVICE static float bits(int sum) { return __int_as_float(sum); }
};

/** A tile of EXTENT rows of op(A) (columns of op(B)) and K_BYTES of terms. */
template <int EXTENT, int K_BYTES, int BYTES, bool ALONG_K>
struct FactorTile {
  static constexpr int LINES = ALONG_K ? EXTENT : K_BYTES / BYTES;
  static constexpr int LINE_CHUNKS = (ALONG_K ? K_BYTES : EXTENT * BYTES) / 16;
  static constexpr int CHUNKS = LINES * LINE_CHUNKS;
  static constexpr bool PAIRS = !ALONG_K && BYTES == 1;
  static constexpr bool WORDS = !ALONG_K && BYTES == 4;
  static_assert((LINE_CHUNKS == 4 && !WORDS) || LINE_CHUNKS % 8 == 0, "lines of half the banks or of all");

  LB_DEVICE static int place(int line, int chunk) {
    const int even = PAIRS ? line >> 2 & 3 : line >> 1 & 3;
    const int phase = LINE_CHUNKS == 4 ? even : PAIRS ? 2 * even + (line & 1) : WORDS ? 2 * (line & 3) : line & 7;
    return line * LINE_CHUNKS + (chunk ^ phase);
  }

  /** An element of a line of words. */
  LB_DEVICE static unsigned word(const Shared<uint4>& tile, int line, int element) {
    return load_word(tile, place(line, element / 4), element % 4);
  }
};

/** Copies the tiles of a factor, step after step. */
template <class F, class Tile, int K_BYTES, bool ALONG_K, int THREADS, bool VECTOR>
struct TileLoader {
  using Element = typename F::Element;
  static constexpr int BYTES = F::BYTES;
  static constexpr int ROUNDS = Tile::CHUNKS / THREADS;
  static constexpr int ROUND_LINES = THREADS / Tile::LINE_CHUNKS;
  static_assert(Tile::CHUNKS % THREADS == 0 && THREADS % Tile::LINE_CHUNKS == 0, "whole rounds of whole lines");

  const Element* first;
  int64_t stride;
  int line, chunk;

  LB_DEVICE TileLoader(const Element* tile, int64_t line_stride)
      : stride(line_stride), line((int)threadIdx.x / Tile::LINE_CHUNKS), chunk((int)threadIdx.x % Tile::LINE_CHUNKS) {
    first = tile + line * stride + chunk * (16 / BYTES);
  }

  /** Into a tile, of which so many rows (columns) and terms are there; then goes on to the next terms. */
  LB_DEVICE void load(const Shared<uint4>& tile, int extent_left, int terms_left) {
    const int lines_left = (ALONG_K ? extent_left : terms_left) - line;
    const int elements_left = (ALONG_K ? terms_left : extent_left) - chunk * (16 / BYTES);
    const int whole = elements_left < 0 ? 0 : elements_left < 16 / BYTES ? elements_left : 16 / BYTES;
#pragma unroll
    for (int i = 0; i < ROUNDS; i++) {
      const int count = i * ROUND_LINES < lines_left ? whole : 0;
      const Element* source = first + i * ROUND_LINES * stride;
      const int place = Tile::place(line + i * ROUND_LINES, chunk);
      if (VECTOR) {
        copy_async(tile, place, source, count * BYTES);
      } else {
        tile[place] = gather(source, count);
      }
    }
    first += ALONG_K ? K_BYTES / BYTES : K_BYTES / BYTES * stride;
  }

  LB_DEVICE static uint4 gather(const Element* source, int count) {
    unsigned words[4] = {0, 0, 0, 0};
#pragma unroll
    for (int e = 0; e < 16 / BYTES; e++) {
      const unsigned v = e < count ? F::word(source[e]) : 0;
      words[e * BYTES / 4] |= v << 8 * (e * BYTES % 4);
    }
    return make_uint4(words[0], words[1], words[2], words[3]);
  }
};

/** Tiles of BM x BN, of which a warp has WM x WN. */
template <class F, int BM, int BN, int WM, int WN, int K_BYTES, int STAGES, bool TA, bool TB, bool VECTOR>
struct TileProduct {
  using Element = typename F::Element;
  using Sum = typename F::Sum;
  using TileA = FactorTile<BM, K_BYTES, F::BYTES, !TA>;
  using TileB = FactorTile<BN, K_BYTES, F::BYTES, TB>;
  static constexpr int WARPS_ACROSS = BN / WN;
  static constexpr int THREADS = BM / WM * WARPS_ACROSS * WARP;
  static constexpr int TERMS = K_BYTES / F::BYTES;
  using LoaderA = TileLoader<F, TileA, K_BYTES, !TA, THREADS, VECTOR>;
  using LoaderB = TileLoader<F, TileB, K_BYTES, TB, THREADS, VECTOR>;
  static constexpr int STAGE_CHUNKS = TileA::CHUNKS + TileB::CHUNKS;
  /** Eight floats more than a row, so that neither way of access meets in a bank. */
  static constexpr int PITCH = WN + 8;
  static constexpr int RING_BYTES = STAGES * STAGE_CHUNKS * 16;
  static constexpr int SUM_BYTES = THREADS / WARP * WM * PITCH * 4;
  static constexpr int SHARED_BYTES = RING_BYTES > SUM_BYTES ? RING_BYTES : SUM_BYTES;
  static_assert(F::BYTES != 1 || !TA, "bytes are transposed in B only");
  static_assert(WM % 16 == 0 && WN % 16 == 0 && K_BYTES % 32 == 0, "whole instructions");

  /** The first of the four matrices of a fragment of A: its rows, then their next terms. */
  LB_DEVICE static void load_a(const Shared<uint4>& tile, int row, int group, unsigned (&a)[4]) {
    const int lane = (int)threadIdx.x % WARP;
    if (TileA::WORDS) {
      const int line = group * 8 + lane % 4;
      const int element = row + lane / 4;
      a[0] = TileA::word(tile, line, element), a[1] = TileA::word(tile, line, element + 8);
      a[2] = TileA::word(tile, line + 4, element), a[3] = TileA::word(tile, line + 4, element + 8);
    } else {
      const int line = TA ? group * 16 + (lane & 7) + (lane >> 4) * 8 : row + (lane & 15);
      const int chunk = TA ? row / 8 + (lane >> 3 & 1) : group * 2 + (lane >> 4);
      load_matrices<TA>(tile, TileA::place(line, chunk), a);
    }
    F::prepare(a);
  }

  /** Two fragments of B: 16 columns. */
  LB_DEVICE static void load_b(const Shared<uint4>& tile, int col, int group, unsigned (&first)[2], unsigned (&second)[2]) {
    const int lane = (int)threadIdx.x % WARP;
    unsigned r[4];
    if (TileB::PAIRS) {
      const int line = group * 32 + (lane >> 4) * 16 + (lane >> 1 & 3) * 4 + (lane >> 3 & 1) * 2 + (lane & 1);
      load_matrices<true>(tile, TileB::place(line, col / 16), r);
      first[0] = __byte_perm(r[0], r[1], 0x6420), first[1] = __byte_perm(r[2], r[3], 0x6420);
      second[0] = __byte_perm(r[0], r[1], 0x7531), second[1] = __byte_perm(r[2], r[3], 0x7531);
    } else if (TileB::WORDS) {
      const int line = group * 8 + lane % 4;
      const int element = col + lane / 4;
      first[0] = TileB::word(tile, line, element), first[1] = TileB::word(tile, line + 4, element);
      second[0] = TileB::word(tile, line, element + 8), second[1] = TileB::word(tile, line + 4, element + 8);
    } else {
      const int line = TB ? col + (lane & 7) + (lane >> 4) * 8 : group * 16 + (lane & 15);
      const int chunk = TB ? group * 2 + (lane >> 3 & 1) : col / 8 + (lane >> 4);
      load_matrices<!TB>(tile, TileB::place(line, chunk), r);
      first[0] = r[0], first[1] = r[1];
      second[0] = r[2], second[1] = r[3];
    }
    F::prepare(first);
    F::prepare(second);
  }

  /** The column of sum e (0 or 1) of fragment j in a warp's tile. */
  LB_DEVICE static int column(int j, int e) {
    const int t = (int)threadIdx.x % 4;
    return TileB::PAIRS ? j / 2 * 16 + 4 * t + 2 * e + j % 2 : j * 8 + 2 * t + e;
  }

  /**
   * Multiplies. a, b: the first elements of the tile's rows and columns, of which so many are left; k terms. Calls write(row,
   * column, sums) for each four columns of a row of the tile that begin in the matrix; the bits of int sums come as floats.
   */
  template <class Write>
  LB_DEVICE static void run(const Element* a, int64_t a_stride, const Element* b, int64_t b_stride, int rows_left, int cols_left,
                            int k, Write write) {
    LB_DYNAMIC_SHARED(area);
    const Shared<uint4> ring = area.at<uint4>(0, STAGES * STAGE_CHUNKS);
    const int warp = (int)threadIdx.x / WARP;
    const int warp_row = warp / WARPS_ACROSS * WM;
    const int warp_col = warp % WARPS_ACROSS * WN;
    Sum sums[WM / 16][WN / 8][4];
#pragma unroll
    for (int i = 0; i < WM / 16; i++) {
#pragma unroll
      for (int j = 0; j < WN / 8; j++) {
        sums[i][j][0] = sums[i][j][1] = sums[i][j][2] = sums[i][j][3] = Sum(0);
      }
    }

    LoaderA loader_a(a, a_stride);
    LoaderB loader_b(b, b_stride);
    int ahead = k;
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) {
      if (ahead > 0) {
        loader_a.load(ring.from(stage * STAGE_CHUNKS), rows_left, ahead);
        loader_b.load(ring.from(stage * STAGE_CHUNKS + TileA::CHUNKS), cols_left, ahead);
        ahead -= TERMS;
      }
      commit_copies();
    }
    int stage = 0;
    for (int left = k; left > 0; left -= TERMS) {
      wait_copies<STAGES - 2>();
      // This step's tiles are there, and nobody reads those of the step before.
      __syncthreads();
      if (ahead > 0) {
        const int next = (stage + STAGES - 1) % STAGES * STAGE_CHUNKS;
        loader_a.load(ring.from(next), rows_left, ahead);
        loader_b.load(ring.from(next + TileA::CHUNKS), cols_left, ahead);
        ahead -= TERMS;
      }
      commit_copies();
      const Shared<uint4> tile_a = ring.from(stage * STAGE_CHUNKS);
      const Shared<uint4> tile_b = ring.from(stage * STAGE_CHUNKS + TileA::CHUNKS);
#pragma unroll
      for (int group = 0; group < K_BYTES / 32; group++) {
        unsigned left_factors[WM / 16][4];
        unsigned right_factors[WN / 8][2];
#pragma unroll
        for (int i = 0; i < WM / 16; i++) {
          load_a(tile_a, warp_row + i * 16, group, left_factors[i]);
        }
#pragma unroll
        for (int j = 0; j < WN / 8; j += 2) {
          load_b(tile_b, warp_col + j * 8, group, right_factors[j], right_factors[j + 1]);
        }
#pragma unroll
        for (int i = 0; i < WM / 16; i++) {
#pragma unroll
          for (int j = 0; j < WN / 8; j++) {
            F::multiply(sums[i][j], left_factors[i], right_factors[j]);
          }
        }
      }
      stage = (stage + 1) % STAGES;
    }
    wait_copies<0>();
    // Nobody reads the ring any more, where the sums go now.
    __syncthreads();

    const Shared<float> out = area.at<float>(warp * WM * PITCH * 4, WM * PITCH);
    const int lane = (int)threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < WM / 16; i++) {
#pragma unroll
      for (int j = 0; j < WN / 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          out[(i * 16 + lane / 4 + e / 2 * 8) * PITCH + column(j, e % 2)] = F::bits(sums[i][j][e]);
        }
      }
    }
    __syncwarp();
#pragma unroll 1
    for (int i = lane; i < WM * WN / 4; i += WARP) {
      const int row = i / (WN / 4);
      const int col = i % (WN / 4) * 4;
      const float4 v = out.load4(row * PITCH + col);
      if (warp_row + row < rows_left && warp_col + col < cols_left) {
        write(warp_row + row, warp_col + col, v);
      }
    }
  }
};

}  // namespace lb
