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
// across are read one by one, four lines of eight elements at a time; their lines are not permuted but lie eight banks apart.
//
// What a lane reads lies at constant distances from few places, which it finds once: on the way through the sums an instruction
// that finds places takes its turn from one that multiplies.
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
  static constexpr bool PAIRS = !ALONG_K && BYTES == 1;
  static constexpr bool WORDS = !ALONG_K && BYTES == 4;
  /** From a line to the next. */
  static constexpr int PITCH = LINE_CHUNKS + (WORDS ? 2 : 0);
  static constexpr int CHUNKS = LINES * PITCH;
  /** After so many lines the permutations begin again. */
  static constexpr int PERIOD = PAIRS ? 16 : 8;
  static_assert((LINE_CHUNKS == 4 && !WORDS) || LINE_CHUNKS % 8 == 0, "lines of half the banks or of all");

  LB_DEVICE static int place(int line, int chunk) {
    const int even = PAIRS ? line >> 2 & 3 : line >> 1 & 3;
    const int phase = WORDS ? 0 : LINE_CHUNKS == 4 ? even : PAIRS ? 2 * even + (line & 1) : line & 7;
    return line * PITCH + (chunk ^ phase);
  }
};

/**
 * Where a lane finds its part of the fragments of a warp: 16 rows of op(A) (columns of op(B)) and 32 bytes of terms each. FIRST_16:
 * its matrices are those of 16 lines, then of their next 16 bytes; else of 8 lines, then of their next 16 bytes.
 */
template <class Tile, int EXTENT, int K_BYTES, int BYTES, bool ALONG_K, bool FIRST_16>
class FragmentPlaces {
  // Lines are permuted: along k that parts the groups of terms, across it those of rows.
  static constexpr int PARTS = Tile::WORDS ? 1 : ALONG_K ? K_BYTES / 32 : EXTENT / 16;
  static constexpr int GROUP_LINES = 32 / BYTES;
  static_assert(ALONG_K || Tile::WORDS || GROUP_LINES % Tile::PERIOD == 0, "a group has the permutations of the first");
  int places[PARTS];

 public:
  /** `from`: the warp's first row (column) in the tile. */
  LB_DEVICE explicit FragmentPlaces(int from) {
    const int lane = (int)threadIdx.x % WARP;
    const int pair_line = (lane >> 4) * 16 + (lane >> 1 & 3) * 4 + (lane >> 3 & 1) * 2 + (lane & 1);
    const int line = Tile::PAIRS ? pair_line : FIRST_16 ? lane & 15 : (lane & 7) + (lane >> 4) * 8;
    const int chunk = FIRST_16 ? lane >> 4 : lane >> 3 & 1;
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
      places[i] = Tile::WORDS  ? lane % 4 * Tile::PITCH * 4 + from + lane / 4
                  : ALONG_K    ? Tile::place(from + line, i * 2 + chunk)
                  : Tile::PAIRS ? Tile::place(line, from / 16 + i)
                               : Tile::place(line, from / 8 + i * 2 + chunk);
    }
  }

  /** The chunk of the i-th rows (columns) and a group of terms; of words the first word. */
  LB_DEVICE int at(int i, int group) const {
    return Tile::WORDS ? places[0] + i * 16 + group * 8 * Tile::PITCH * 4
           : ALONG_K   ? places[group] + i * 16 * Tile::PITCH
                       : places[i] + group * GROUP_LINES * Tile::PITCH;
  }
};

/** Copies the tiles of a factor, step after step. */
template <class F, class Tile, int K_BYTES, bool ALONG_K, int THREADS, bool VECTOR>
class TileLoader {
  using Element = typename F::Element;
  static constexpr int BYTES = F::BYTES;
  static constexpr int ROUND_LINES = THREADS / Tile::LINE_CHUNKS;
  static constexpr int ROUNDS = Tile::LINES / ROUND_LINES;
  static_assert(Tile::LINES % ROUND_LINES == 0 && THREADS % Tile::LINE_CHUNKS == 0, "whole rounds of whole lines");
  static_assert(Tile::WORDS || ROUND_LINES % Tile::PERIOD == 0, "a round has the permutations of the first");

  const Element* first;
  int64_t stride;
  int line, chunk, first_place;

 public:
  LB_DEVICE TileLoader(const Element* tile, int64_t line_stride)
      : stride(line_stride),
        line((int)threadIdx.x / Tile::LINE_CHUNKS),
        chunk((int)threadIdx.x % Tile::LINE_CHUNKS),
        first_place(Tile::place(line, chunk)) {
    first = tile + line * stride + chunk * (16 / BYTES);
  }

  /** Into a tile, of which so many rows (columns) and terms are there; then goes on to the next terms. */
  LB_DEVICE void load(const Shared<uint4>& tile, int extent_left, int terms_left) {
    const int lines_left = (ALONG_K ? extent_left : terms_left) - line;
    const int elements_left = (ALONG_K ? terms_left : extent_left) - chunk * (16 / BYTES);
    // Nearly always all is there, and a copy whose size is known is one instruction instead of six.
    if (VECTOR && lines_left > (ROUNDS - 1) * ROUND_LINES && elements_left >= 16 / BYTES) {
      load<true>(tile, lines_left, 16 / BYTES);
    } else {
      load<false>(tile, lines_left, elements_left < 0 ? 0 : elements_left < 16 / BYTES ? elements_left : 16 / BYTES);
    }
    first += ALONG_K ? K_BYTES / BYTES : K_BYTES / BYTES * stride;
  }

 private:
  template <bool WHOLE>
  LB_DEVICE void load(const Shared<uint4>& tile, int lines_left, int elements) {
    const Element* source = first;
#pragma unroll
    for (int i = 0; i < ROUNDS; i++) {
      const int count = WHOLE || i * ROUND_LINES < lines_left ? elements : 0;
      const int place = first_place + i * ROUND_LINES * Tile::PITCH;
      if (VECTOR) {
        copy_async(tile, place, source, count * BYTES);
      } else {
        tile[place] = gather(source, count);
      }
      source += ROUND_LINES * stride;
    }
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
  using PlacesA = FragmentPlaces<TileA, WM, K_BYTES, F::BYTES, !TA, !TA>;
  using PlacesB = FragmentPlaces<TileB, WN, K_BYTES, F::BYTES, TB, !TB>;
  static constexpr int STAGE_CHUNKS = TileA::CHUNKS + TileB::CHUNKS;
  /** Eight floats more than a row, so that neither way of access meets in a bank. */
  static constexpr int PITCH = WN + 8;
  static constexpr int RING_BYTES = STAGES * STAGE_CHUNKS * 16;
  static constexpr int SUM_BYTES = THREADS / WARP * WM * PITCH * 4;
  static constexpr int SHARED_BYTES = RING_BYTES > SUM_BYTES ? RING_BYTES : SUM_BYTES;
  static_assert(F::BYTES != 1 || !TA, "bytes are transposed in B only");
  static_assert(WM % 16 == 0 && WN % 16 == 0 && K_BYTES % 32 == 0, "whole instructions");

  /** A fragment of A: its rows, then their next terms. */
  LB_DEVICE static void load_a(const Shared<uint4>& tile, int at, unsigned (&a)[4]) {
    if (TileA::WORDS) {
      constexpr int NEXT = 4 * TileA::PITCH * 4;
      a[0] = load_word(tile, at), a[1] = load_word(tile, at + 8);
      a[2] = load_word(tile, at + NEXT), a[3] = load_word(tile, at + NEXT + 8);
    } else {
      load_matrices<TA>(tile, at, a);
    }
    F::prepare(a);
  }

  /** Two fragments of B: 16 columns. */
  LB_DEVICE static void load_b(const Shared<uint4>& tile, int at, unsigned (&first)[2], unsigned (&second)[2]) {
    if (TileB::WORDS) {
      constexpr int NEXT = 4 * TileB::PITCH * 4;
      first[0] = load_word(tile, at), first[1] = load_word(tile, at + NEXT);
      second[0] = load_word(tile, at + 8), second[1] = load_word(tile, at + NEXT + 8);
    } else {
      unsigned r[4];
      load_matrices<!TB>(tile, at, r);
      first[0] = TileB::PAIRS ? __byte_perm(r[0], r[1], 0x6420) : r[0];
      first[1] = TileB::PAIRS ? __byte_perm(r[2], r[3], 0x6420) : r[1];
      second[0] = TileB::PAIRS ? __byte_perm(r[0], r[1], 0x7531) : r[2];
      second[1] = TileB::PAIRS ? __byte_perm(r[2], r[3], 0x7531) : r[3];
    }
    F::prepare(first);
    F::prepare(second);
  }

  /** A row of the sums of two fragments beside each other: of pairs, columns that alternate. */
  LB_DEVICE static void store_sums(const Shared<float>& row, int j, Sum first, Sum next, Sum other_first, Sum other_next) {
    const int t = (int)threadIdx.x % 4;
    if (TileB::PAIRS) {
      row.store4(j * 8 + 4 * t, make_float4(F::bits(first), F::bits(other_first), F::bits(next), F::bits(other_next)));
    } else {
      row.store2(j * 8 + 2 * t, F::bits(first), F::bits(next));
      row.store2(j * 8 + 2 * t + 8, F::bits(other_first), F::bits(other_next));
    }
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
    const PlacesA places_a(warp_row);
    const PlacesB places_b(warp_col);
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
          load_a(tile_a, places_a.at(i, group), left_factors[i]);
        }
#pragma unroll
        for (int j = 0; j < WN / 8; j += 2) {
          load_b(tile_b, places_b.at(j / 2, group), right_factors[j], right_factors[j + 1]);
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
      for (int j = 0; j < WN / 8; j += 2) {
#pragma unroll
        for (int e = 0; e < 4; e += 2) {
          store_sums(out.from((i * 16 + lane / 4 + e * 4) * PITCH), j, sums[i][j][e], sums[i][j][e + 1], sums[i][j + 1][e],
                     sums[i][j + 1][e + 1]);
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
