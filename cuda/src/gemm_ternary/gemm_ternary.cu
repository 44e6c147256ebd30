// SPDX-License-Identifier: Apache-2.0
//
// gemm_ternary: y = x W^T scale + bias, W of -1, 0, 1 in 2 bits. int8 activations: top = max |x| of a row, q = round(x 127 / top),
// sum = q W^T in int32, y = sum (top / 127) scale + bias.
//
// x f32 [m, k], y f32 [m, n], acc i32 [m, n] or null, strides in elements; W [n, 64 ceil(k / 256)] bytes on a multiple of 16
// (..._align_kernel copies others); scale f32 [1] or [n], bias f32 [n] or null; y and acc separate memory. Scratch: heads [m] and
// codes q [m, 256 ceil(k / 256)], 0 beyond k; for tiles in the order of their fragments. x of f32 products on a multiple of 16
// bytes, k of 16, of 256 for few rows (..._pad_kernel copies others).
//
// Byte j of 64 holds the codes w + 1 of columns j, j + 64, j + 128, j + 192 in planes of two bits: four bytes under a mask are
// codes of four neighbouring columns, as dp4a and mma take them. sum = sum of codes times q, less the sum of q. k = 0 gives the
// bias. A row of x with NaN or an infinity has q = 0 and a step top / 127 that makes NaN of 0; f32: it spreads in its row.
// int8: sums exact, y with four roundings. f32: sums in f32, within (k + 8) u S; the order follows from k and the kernel.
// ..._one_...: one long row of x, which each block quantizes (f32: cuts into three parts of bf16, for mma.sync) while W comes into the
// cache. ..._few_...: several lanes a row of W, read once for up to 4 rows of x; 2 (f32: 4) rows of W each. i8_small: tiles of 32 x
// 32, the warps share k. i8_large: tiles of 128 x 128, q through shared memory, W in registers. f32_tile: as gemm_f32, W
// unpacked into shared memory. 2 m n k operations; reads n k / 4 bytes for few rows, writes 4 m n; quantizing: 5 m k bytes.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/async.h"
#include "../device/mma.h"
#include "../device/cut.h"
#include "f32.h"
#include "results.h"

namespace {

using namespace ternary;

/** Of the kernel for one row of x: threads, loads of a lane at once. */
constexpr int ONE_THREADS = 512;
constexpr int ONE_LOADS = 4;

// ---- Quantizing ----

/**
 * Where code c of row i lies. Tiled: for 16 rows and a plane of a block, 1024 bytes; lane 4 g + t of a warp has 16 bytes for row g
 * among them, then 16 for row g + 8.
 */
LB_DEVICE int64_t code_place(int64_t i, int64_t c, int64_t blocks, bool tiled) {
  if (!tiled) {
    return i * blocks * BLOCK_COLS + c;
  }
  return i / 16 * 16 * blocks * BLOCK_COLS + c / PLANE_COLS * 1024 + i % 16 * PLANE_COLS + c % PLANE_COLS;
}

/**
 * Quantizes `there` elements of a row; store(c, codes) gets those of columns c to c + 3, 0 from there on, up to a multiple of 4.
 * Returns the head to all threads.
 */
template <class Group, class Store>
LB_DEVICE Head quantize_row(const float* x, int there, int cols, Store store) {
  const bool aligned = lb::Cut{1, there, 1}.aligned(x, 0);
  int top_bits = 0;
#pragma unroll 4
  for (int c = 4 * Group::rank(); c < there; c += 4 * Group::SIZE) {
    float v[4];
    lb::load_quad(x + c, min(4, there - c), aligned, v);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      // Magnitudes have the order of their bits, NaN above infinity.
      top_bits = max(top_bits, __float_as_int(v[j]) & INT32_MAX);
    }
  }
  const float top = __int_as_float(Group::max(top_bits));
  const float factor = 127.0f / top;
  const bool usable = factor > 0.0f && factor < INFINITY;
  int sum = 0;
#pragma unroll 4
  for (int c = 4 * Group::rank(); c < cols; c += 4 * Group::SIZE) {
    float v[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    int code[4];
    if (usable && c < there) {
      lb::load_quad(x + c, min(4, there - c), aligned, v);
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      code[j] = usable ? __float2int_rn(v[j] * factor) : 0;
      sum += code[j];
    }
    store(c, code);
  }
  return {Group::sum(sum), top / 127.0f};
}

/** Rows from m on, which make up the last 16, are 0. */
template <class Group>
LB_DEVICE void quantize(const float* x, int64_t x_stride, uint8_t* q, Head* heads, int64_t m, int64_t rows, int64_t k, bool tiled) {
  const int64_t row = Group::row();
  if (row >= rows) {
    return;
  }
  const int64_t blocks = blocks_of(k);
  // k is at most 2^19.
  const Head head = quantize_row<Group>(
      x + row * x_stride, row < m ? (int)k : 0, (int)blocks * BLOCK_COLS,
      [&](int c, const int (&code)[4]) { lb::store_quad(q + code_place(row, c, blocks, tiled), 4, true, code); });
  if (Group::rank() == 0 && row < m) {
    heads[row] = head;
  }
}

// ---- Few rows of x ----

/** Adds a value over lanes that are neighbours, a power of two of them. */
template <class T>
LB_DEVICE T sum_of_lanes(T v, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) {
    v += __shfl_xor_sync(lb::FULL_WARP, v, distance);
  }
  return v;
}

/** `lanes` lanes for every W_ROWS rows of W, 16 bytes of each at a time; X_ROWS rows of x from X_ROWS blockIdx.y on. */
template <int W_ROWS, int X_ROWS>
LB_DEVICE void few_i8(const uint8_t* q, const Head* heads, const uint8_t* w, const Results& results, int64_t k, int lanes) {
  const int64_t thread = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  const int64_t j = thread / lanes * W_ROWS;
  const int64_t i = (int64_t)blockIdx.y * X_ROWS;
  const int64_t blocks = blocks_of(k);
  const uint8_t* lines[W_ROWS];
  const uint8_t* rows[X_ROWS];
#pragma unroll
  for (int r = 0; r < W_ROWS; r++) {
    // Past the last: that one again.
    lines[r] = w + smaller(j + r, results.n - 1) * blocks * BLOCK_BYTES;
  }
#pragma unroll
  for (int s = 0; s < X_ROWS; s++) {
    rows[s] = q + smaller(i + s, results.m - 1) * blocks * BLOCK_COLS;
  }
  // Of planes 0 and 2, and of 1 and 3, which count four times.
  int sums[W_ROWS][X_ROWS][2];
#pragma unroll
  for (int r = 0; r < W_ROWS; r++) {
#pragma unroll
    for (int s = 0; s < X_ROWS; s++) {
      sums[r][s][0] = sums[r][s][1] = 0;
    }
  }
#pragma unroll 2
  for (int chunk = (int)(thread % lanes); chunk < (int)blocks * 4; chunk += lanes) {
    unsigned packed[W_ROWS][4];
#pragma unroll
    for (int r = 0; r < W_ROWS; r++) {
      const uint4 all = load16(lines[r] + (int64_t)chunk * 16);
      packed[r][0] = all.x, packed[r][1] = all.y, packed[r][2] = all.z, packed[r][3] = all.w;
    }
    const int64_t col = (int64_t)(chunk / 4) * BLOCK_COLS + chunk % 4 * 16;
#pragma unroll
    for (int p = 0; p < PLANES; p++) {
      unsigned four[X_ROWS][4];
#pragma unroll
      for (int s = 0; s < X_ROWS; s++) {
        const uint4 all = load16(rows[s] + col + p * PLANE_COLS);
        four[s][0] = all.x, four[s][1] = all.y, four[s][2] = all.z, four[s][3] = all.w;
      }
      const unsigned mask = p % 2 == 0 ? 0x03030303u : 0x0c0c0c0cu;
#pragma unroll
      for (int r = 0; r < W_ROWS; r++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const int code = (int)((p < 2 ? packed[r][e] : packed[r][e] >> 4) & mask);
#pragma unroll
          for (int s = 0; s < X_ROWS; s++) {
            sums[r][s][p % 2] = __dp4a(code, (int)four[s][e], sums[r][s][p % 2]);
          }
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < W_ROWS; r++) {
#pragma unroll
    for (int s = 0; s < X_ROWS; s++) {
      const int sum = sum_of_lanes(sums[r][s][0] + sums[r][s][1] / 4, lanes);
      if (thread % lanes == 0) {
        results.store(i + s, j + r, results.head(heads, i + s), results.column(j + r), sum);
      }
    }
  }
}

/**
 * One row of x, which each block quantizes for itself while the first weights come into the cache. A warp `rows` rows of W, one
 * after the other.
 */
LB_DEVICE void one_i8(const float* x, const uint8_t* w, const Results& results, int64_t k, int rows) {
  LB_DYNAMIC_SHARED(area);
  const int chunks = (int)blocks_of(k) * (BLOCK_BYTES / 16);
  const int bytes = 16 * chunks;
  // Plane after plane, so that the lanes of a warp have neighbours.
  const lb::Shared<unsigned> words = area.at<unsigned>(0, PLANES * (bytes / 4));
  const lb::Shared<uint4> codes = area.at<uint4>(0, PLANES * chunks);
  const int lane = lb::Warp::rank();
  const int64_t first = lb::Warp::row() * rows;
  const int64_t last = smaller(first + rows, results.n);
  const auto ahead = [&](int64_t j) {
    if (j < last) {
      for (int at = LINE * lane; at < bytes; at += LINE * lb::WARP) {
        lb::prefetch(w + j * bytes + at);
      }
    }
  };
  ahead(first);
  ahead(first + 1);
  const Head head =
      quantize_row<lb::Block<ONE_THREADS>>(x, (int)k, PLANES * bytes, [&](int c, const int (&code)[4]) {
        const int within = c % BLOCK_COLS;
        words[(within / PLANE_COLS * bytes + c / BLOCK_COLS * PLANE_COLS + within % PLANE_COLS) / 4] = lb::low_bytes(code);
      });
  __syncthreads();
  for (int64_t j = first; j < last; j++) {
    ahead(j + 2);
    const uint8_t* const line = w + j * bytes;
    // Of planes 0 and 2, and of 1 and 3, which count four times.
    int sums[2] = {0, 0};
    for (int chunk = lane; chunk < chunks; chunk += ONE_LOADS * lb::WARP) {
      uint4 packed[ONE_LOADS];
#pragma unroll
      for (int i = 0; i < ONE_LOADS; i++) {
        const int at = chunk + i * lb::WARP;
        packed[i] = at < chunks ? load16(line + 16 * at) : uint4{0, 0, 0, 0};
      }
#pragma unroll
      for (int i = 0; i < ONE_LOADS; i++) {
        const int at = chunk + i * lb::WARP;
        if (at < chunks) {
          const unsigned low[4] = {packed[i].x, packed[i].y, packed[i].z, packed[i].w};
#pragma unroll
          for (int p = 0; p < PLANES; p++) {
            const uint4 all = codes[p * chunks + at];
            const unsigned four[4] = {all.x, all.y, all.z, all.w};
            const unsigned mask = p % 2 == 0 ? 0x03030303u : 0x0c0c0c0cu;
#pragma unroll
            for (int e = 0; e < 4; e++) {
              sums[p % 2] = __dp4a((int)((p < 2 ? low[e] : low[e] >> 4) & mask), (int)four[e], sums[p % 2]);
            }
          }
        }
      }
    }
    const int sum = __reduce_add_sync(lb::FULL_WARP, sums[0] + sums[1] / 4);
    if (lane == 0) {
      results.store(0, j, head, results.column(j), sum);
    }
  }
}

// ---- Tiles of int8: fragments of 16 rows of x and of 8 rows of W, for a plane of a block 64 terms, two products of 32 ----

template <int X_TILES, int W_TILES>
struct Sums {
  int of[X_TILES][W_TILES][4];

  LB_DEVICE void clear() {
#pragma unroll
    for (int a = 0; a < X_TILES; a++) {
#pragma unroll
      for (int b = 0; b < W_TILES; b++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          of[a][b][e] = 0;
        }
      }
    }
  }

  /** Adds those of a tile of x: low has 16 bytes of row g, high of row g + 8. */
  LB_DEVICE void add(int a, const uint4& low, const uint4& high, const unsigned (&weights)[W_TILES][4]) {
    const unsigned first[4] = {low.x, high.x, low.y, high.y};
    const unsigned second[4] = {low.z, high.z, low.w, high.w};
#pragma unroll
    for (int b = 0; b < W_TILES; b++) {
      const unsigned left[2] = {weights[b][0], weights[b][1]};
      const unsigned right[2] = {weights[b][2], weights[b][3]};
      lb::multiply_i8(of[a][b], first, left);
      lb::multiply_i8(of[a][b], second, right);
    }
  }
};

/** The 16 bytes that a lane has of each of W_TILES times 8 rows of W, all columns 16 t to 16 t + 15 of the planes of a block. */
template <int W_TILES>
struct Weights {
  uint4 packed[W_TILES];

  LB_DEVICE void load(const uint8_t* w, int64_t j, int64_t n, int64_t blocks, int64_t block) {
    const int lane = lb::Warp::rank();
#pragma unroll
    for (int b = 0; b < W_TILES; b++) {
      // Past the last: that one again.
      const int64_t row = smaller(j + 8 * b + lane / 4, n - 1);
      packed[b] = load16(w + (row * blocks + block) * BLOCK_BYTES + lane % 4 * 16);
    }
  }
  LB_DEVICE void unpack(int plane, unsigned (&weights)[W_TILES][4]) const {
#pragma unroll
    for (int b = 0; b < W_TILES; b++) {
      weights[b][0] = codes(packed[b].x, plane);
      weights[b][1] = codes(packed[b].y, plane);
      weights[b][2] = codes(packed[b].z, plane);
      weights[b][3] = codes(packed[b].w, plane);
    }
  }
};

/** 16 bytes of the fragments of a tile of 16 rows: of a plane of a block, `low` for lanes 0 to 31, then `high`. */
LB_DEVICE uint4 fragment(const uint8_t* q, int64_t tile, int64_t tiles, int64_t step, int64_t steps, int place) {
  return tile < tiles ? load16(q + ((tile * steps + step) * 64 + place) * 16) : uint4{0, 0, 0, 0};
}

}  // namespace

#define LB_TERNARY_QUANTIZE(size, Group)                                                                                        \
  extern "C" __global__ void __launch_bounds__(THREADS) lb_gemm_ternary_quantize_##size##_kernel(                               \
      const float* x, int64_t x_stride, uint8_t* q, Head* heads, int64_t m, int64_t rows, int64_t k, int tiled) {               \
    quantize<Group>(x, x_stride, q, heads, m, rows, k, tiled != 0);                                                             \
  }                                                                                                                             \
  LB_KERNEL(lb_gemm_ternary_quantize_##size##_kernel)

LB_TERNARY_QUANTIZE(warp, lb::Warp);
LB_TERNARY_QUANTIZE(block, lb::Block<THREADS>);

#define LB_TERNARY_FEW_I8(X_ROWS, bounds)                                                                                       \
  extern "C" __global__ void __launch_bounds__ bounds lb_gemm_ternary_i8_few_##X_ROWS##_kernel(                                 \
      const uint8_t* q, const Head* heads, const uint8_t* w, LB_TERNARY_RESULTS, int lanes) {                                   \
    few_i8<2, X_ROWS>(q, heads, w, LB_TERNARY_RESULTS_GIVEN, k, lanes);                                                         \
  }                                                                                                                             \
  LB_KERNEL(lb_gemm_ternary_i8_few_##X_ROWS##_kernel)

LB_TERNARY_FEW_I8(1, (THREADS, 4));
LB_TERNARY_FEW_I8(4, (THREADS, 2));

extern "C" __global__ void __launch_bounds__(ONE_THREADS, 3)
    lb_gemm_ternary_i8_one_kernel(const float* x, const uint8_t* w, LB_TERNARY_RESULTS, int rows) {
  one_i8(x, w, LB_TERNARY_RESULTS_GIVEN, k, rows);
}
LB_KERNEL(lb_gemm_ternary_i8_one_kernel);

#define LB_TERNARY_FEW_F32(X_ROWS, bounds)                                                                                      \
  extern "C" __global__ void __launch_bounds__ bounds lb_gemm_ternary_f32_few_##X_ROWS##_kernel(                                \
      const float* x, int64_t x_stride, const uint8_t* w, LB_TERNARY_RESULTS) {                                                 \
    few_f32<4, X_ROWS>(x, x_stride, w, LB_TERNARY_RESULTS_GIVEN, k);                                                            \
  }                                                                                                                             \
  LB_KERNEL(lb_gemm_ternary_f32_few_##X_ROWS##_kernel)

LB_TERNARY_FEW_F32(1, (THREADS, 4));
LB_TERNARY_FEW_F32(4, (THREADS, 2));

extern "C" __global__ void __launch_bounds__(OneF32::THREADS, 3)
    lb_gemm_ternary_f32_one_kernel(const float* x, const uint8_t* w, LB_TERNARY_RESULTS) {
  LB_DYNAMIC_SHARED(area);
  LB_SHARED(float, sums, OneF32::SUMS);
  const Results results = LB_TERNARY_RESULTS_GIVEN;
  OneF32(w, results, k, area, sums).run(x);
}
LB_KERNEL(lb_gemm_ternary_f32_one_kernel);

/** 8 warps share the planes of all blocks, then add up; exact in any order. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_gemm_ternary_i8_small_kernel(const uint8_t* q, const Head* heads, const uint8_t* w, LB_TERNARY_RESULTS) {
  constexpr int SIZE = 32;
  constexpr int WARPS = THREADS / lb::WARP;
  // Rows 8 banks apart: those of a fragment that meet are two.
  constexpr int PITCH = SIZE + 8;
  LB_SHARED(int, parts, WARPS * SIZE * PITCH);
  const Results results = LB_TERNARY_RESULTS_GIVEN;
  const int64_t tiles_down = (m + SIZE - 1) / SIZE;
  const int64_t row = blockIdx.x % tiles_down * SIZE;
  const int64_t col = blockIdx.x / tiles_down * SIZE;
  const int64_t blocks = blocks_of(k);
  const int64_t steps = PLANES * blocks;
  const int64_t tiles = (m + 15) / 16;
  const int warp = (int)threadIdx.x / lb::WARP;
  const int lane = lb::Warp::rank();
  Sums<2, 4> sums;
  sums.clear();
#pragma unroll 2
  for (int64_t step = warp; step < steps; step += WARPS) {
    Weights<4> packed;
    packed.load(w, col, n, blocks, step / PLANES);
    uint4 of_x[2][2];
#pragma unroll
    for (int a = 0; a < 2; a++) {
      of_x[a][0] = fragment(q, row / 16 + a, tiles, step, steps, lane);
      of_x[a][1] = fragment(q, row / 16 + a, tiles, step, steps, lb::WARP + lane);
    }
    unsigned weights[4][4];
    packed.unpack((int)(step % PLANES), weights);
#pragma unroll
    for (int a = 0; a < 2; a++) {
      sums.add(a, of_x[a][0], of_x[a][1], weights);
    }
  }
#pragma unroll
  for (int a = 0; a < 2; a++) {
#pragma unroll
    for (int b = 0; b < 4; b++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        parts[(warp * SIZE + 16 * a + e / 2 * 8 + lane / 4) * PITCH + 8 * b + lane % 4 * 2 + e % 2] = sums.of[a][b][e];
      }
    }
  }
  __syncthreads();
#pragma unroll
  for (int e = (int)threadIdx.x; e < SIZE * SIZE; e += THREADS) {
    int sum = 0;
#pragma unroll
    for (int p = 0; p < WARPS; p++) {
      sum += parts[(p * SIZE + e / SIZE) * PITCH + e % SIZE];
    }
    const int64_t i = row + e / SIZE;
    const int64_t j = col + e % SIZE;
    results.store(i, j, results.head(heads, i), results.column(j), sum);
  }
}
LB_KERNEL(lb_gemm_ternary_i8_small_kernel);

/** 2 x 4 warps of 64 x 32; a step is a plane of a block, q for it 8 KiB in one of two buffers, the next one in registers. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_gemm_ternary_i8_large_kernel(const uint8_t* q, const Head* heads, const uint8_t* w, LB_TERNARY_RESULTS) {
  constexpr int SIZE = 128;
  constexpr int STEP = SIZE / 16 * 64;
  constexpr int EACH = STEP / THREADS;
  LB_SHARED(uint4, buffers, 2 * STEP);
  const Results results = LB_TERNARY_RESULTS_GIVEN;
  const int64_t tiles_down = (m + SIZE - 1) / SIZE;
  const int64_t row = blockIdx.x % tiles_down * SIZE;
  const int64_t blocks = blocks_of(k);
  const int64_t steps = PLANES * blocks;
  const int64_t tiles = (m + 15) / 16;
  const int thread = (int)threadIdx.x;
  const int lane = lb::Warp::rank();
  const int down = thread / lb::WARP / 4;
  const int64_t col = blockIdx.x / tiles_down * SIZE + thread / lb::WARP % 4 * 32;
  Sums<4, 4> sums;
  sums.clear();
  uint4 next_of_x[EACH];
  Weights<4> packed;
  Weights<4> next_packed;
  if (blocks > 0) {
    next_packed.load(w, col, n, blocks, 0);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      next_of_x[i] = fragment(q, row / 16 + (thread + i * THREADS) / 64, tiles, 0, steps, thread % 64);
    }
  }
  for (int64_t block = 0; block < blocks; block++) {
    packed = next_packed;
    if (block + 1 < blocks) {
      next_packed.load(w, col, n, blocks, block + 1);
    }
#pragma unroll
    for (int p = 0; p < PLANES; p++) {
      const int64_t step = block * PLANES + p;
      const lb::Shared<uint4> buffer = buffers.from(p % 2 * STEP);
      // The other buffer may still be read; this one was, before the last barrier.
#pragma unroll
      for (int i = 0; i < EACH; i++) {
        buffer[thread + i * THREADS] = next_of_x[i];
      }
      __syncthreads();
      if (step + 1 < steps) {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
          next_of_x[i] = fragment(q, row / 16 + (thread + i * THREADS) / 64, tiles, step + 1, steps, thread % 64);
        }
      }
      unsigned weights[4][4];
      packed.unpack(p, weights);
#pragma unroll
      for (int a = 0; a < 4; a++) {
        const uint4 low = buffer[(down * 4 + a) * 64 + lane];
        const uint4 high = buffer[(down * 4 + a) * 64 + lb::WARP + lane];
        sums.add(a, low, high, weights);
      }
    }
  }
  Column columns[8];
#pragma unroll
  for (int b = 0; b < 8; b++) {
    columns[b] = results.column(col + b / 2 * 8 + lane % 4 * 2 + b % 2);
  }
#pragma unroll
  for (int a = 0; a < 8; a++) {
    const int64_t i = row + down * 64 + 8 * a + lane / 4;
    const Head head = results.head(heads, i);
#pragma unroll
    for (int b = 0; b < 8; b++) {
      results.store(i, col + b / 2 * 8 + lane % 4 * 2 + b % 2, head, columns[b], sums.of[a / 2][b / 2][a % 2 * 2 + b % 2]);
    }
  }
}
LB_KERNEL(lb_gemm_ternary_i8_large_kernel);

#define LB_TERNARY_TILE_F32(size, SIZE, T, bounds)                                                                              \
  extern "C" __global__ void __launch_bounds__ bounds lb_gemm_ternary_f32_##size##_kernel(const float* x, int64_t x_stride,     \
                                                                                         const uint8_t* w, LB_TERNARY_RESULTS) { \
    tile_f32<SIZE, T>(x, x_stride, w, LB_TERNARY_RESULTS_GIVEN, k);                                                             \
  }                                                                                                                             \
  LB_KERNEL(lb_gemm_ternary_f32_##size##_kernel)

LB_TERNARY_TILE_F32(small, 32, 4, (64, 4));
LB_TERNARY_TILE_F32(large, 128, 8, (256, 2));

/** Rows of x with zeros behind them, to [m, padded]; padded is a multiple of 4. Grid: rows in y, again from the first on. */
extern "C" __global__ void lb_gemm_ternary_pad_kernel(const float* x, int64_t x_stride, float* to, int64_t m, int64_t k,
                                                      int64_t padded) {
  const int64_t c = 4 * ((int64_t)blockIdx.x * blockDim.x + threadIdx.x);
  if (c < padded) {
    for (int64_t i = blockIdx.y; i < m; i += gridDim.y) {
      float v[4];
      lb::load_quad(x + i * x_stride + c, (int)smaller(4, k - c), false, v);
      lb::store_quad(to + i * padded + c, 4, true, v);
    }
  }
}
LB_KERNEL(lb_gemm_ternary_pad_kernel);

/** So many words from any address. */
extern "C" __global__ void lb_gemm_ternary_align_kernel(const uint8_t* from, unsigned* to, int64_t words) {
  const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < words) {
    from += 4 * i;
    to[i] = from[0] | (unsigned)from[1] << 8 | (unsigned)from[2] << 16 | (unsigned)from[3] << 24;
  }
}
LB_KERNEL(lb_gemm_ternary_align_kernel);
