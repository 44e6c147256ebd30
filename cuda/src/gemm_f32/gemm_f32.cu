// SPDX-License-Identifier: Apache-2.0
//
// gemm_f32: C = act(alpha op(A) op(B) + beta C + bias). With dC' the gradient before act: dop(A) = alpha dC' op(B)^T, dop(B) =
// alpha op(A)^T dC', both products of this stem.
//
// A f32 [m, k] or [k, m] (TA), B f32 [k, n] or [n, k] (TB), C f32 [m, n], bias f32 [n] or null; strides in elements, any
// alignment; C separate memory. Batch: matrix (i, j) begins i * outer + j * inner elements behind the first.
//
// beta = 0 does not read C; k = 0 makes the product 0. NaN and infinities spread by the rules of arithmetic. Sums in f32, each in
// the order of k whatever the tile and the batch, so that a choice of tile changes no bit. Long sums for few tiles are cut along k
// and the slices added in their order (`add_slices`, see slices.h): 8 bytes a slice and element of C more.
// A block a tile of BM x BN elements of C, TM x TN a thread (in groups of four, so that shared memory is read in 16 bytes without
// conflicts); steps of BK through two buffers in shared memory, the next one loaded into registers meanwhile. Grid: tiles in x,
// matrices in y, slices in z. 2 m n k flops; reads m k ceil(n / BN) + k n ceil(m / BM) floats.
//
// `tf32`: factors rounded to tf32 as they leave shared memory, on the tensor cores. Products are exact, sums f32 in groups of 8
// terms. Tiles of 128 x 128 or 64 x 64, by four warps (see tile_product.h); the small ones also for lines that do not begin at
// multiples of 16 bytes (`gathered`). Large products of whole lines that both lie along k (nt) on sm_90: tiles of 128 x 256 by
// wgmma (`wide`, see wide_product.h), rounded by the copy engine, ties to even; the choice looks at one matrix alone. Where an
// element is used often enough, factors that do not lie so are transposed into scratch before (`transpose`): 8 bytes an element.

#include "../device/cut.h"
#include "../device/device.h"
#include "../device/float_product.h"
#include "../device/slices.h"
#include "../device/wide_product.h"

namespace {

using Product = lb::FloatProduct<float>;

constexpr int TRANSPOSE_THREADS = 256;

/**
 * Loads tiles of [BK, SIZE] of one factor by way of registers, step after step, four neighbours of a line at a time; ALONG_K: its
 * lines are terms of sums, else rows (columns).
 */
template <int SIZE, int BK, int THREADS, bool ALONG_K>
class Loader {
  static constexpr int LINE_QUADS = (ALONG_K ? BK : SIZE) / 4;
  static constexpr int ROUND_LINES = THREADS / LINE_QUADS;
  static constexpr int ROUNDS = (ALONG_K ? SIZE : BK) / ROUND_LINES;
  static_assert(THREADS % LINE_QUADS == 0 && ROUND_LINES * ROUNDS == (ALONG_K ? SIZE : BK), "whole rounds of whole lines");

  const float* first;
  int64_t stride;
  int line, element, extent_left;
  bool aligned;
  float kept[ROUNDS][4];

 public:
  static constexpr int PITCH = SIZE + 4;

  /** From the tile's first element on, of which so many rows (columns) are left. */
  LB_DEVICE Loader(const float* tile, int64_t line_stride, int rows_left)
      : stride(line_stride),
        line((int)threadIdx.x / LINE_QUADS),
        element((int)threadIdx.x % LINE_QUADS * 4),
        extent_left(rows_left - (ALONG_K ? line : element)),
        aligned(reinterpret_cast<uintptr_t>(tile) % 16 == 0 && line_stride % 4 == 0) {
    first = tile + line * stride + element;
  }

  /** Of the terms so many are left; then goes on to the next ones. */
  LB_DEVICE void load(int terms_left) {
    terms_left -= ALONG_K ? element : line;
#pragma unroll
    for (int i = 0; i < ROUNDS; i++) {
      const int lines_left = (ALONG_K ? extent_left : terms_left) - i * ROUND_LINES;
      const int count = lines_left > 0 ? min(ALONG_K ? terms_left : extent_left, 4) : 0;
      lb::load_quad(first + i * ROUND_LINES * stride, count, aligned, kept[i]);
    }
    first += ALONG_K ? BK : BK * stride;
  }

  LB_DEVICE void store(const lb::Shared<float>& tile) const {
#pragma unroll
    for (int i = 0; i < ROUNDS; i++) {
      const int at = line + i * ROUND_LINES;
      if (ALONG_K) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          tile[(element + e) * PITCH + at] = kept[i][e];
        }
      } else {
        tile.store4(at * PITCH + element, make_float4(kept[i][0], kept[i][1], kept[i][2], kept[i][3]));
      }
    }
  }
};

/** Where the i-th of the T rows (columns) of a thread lies in a tile that `across` threads share: groups of four. */
template <int SIZE, int T>
LB_DEVICE int place(int thread, int i) {
  return i / 4 * (SIZE / (T / 4)) + thread * 4 + i % 4;
}

template <int BM, int BN, int BK, int TM, int TN, bool TA, bool TB>
LB_DEVICE void multiply(const Product& g) {
  constexpr int THREADS = (BM / TM) * (BN / TN);
  using LoadA = Loader<BM, BK, THREADS, !TA>;
  using LoadB = Loader<BN, BK, THREADS, TB>;
  LB_SHARED(float, tiles_a, 2 * BK * LoadA::PITCH);
  LB_SHARED(float, tiles_b, 2 * BK * LoadB::PITCH);
  const int64_t tiles_down = (g.m + BM - 1) / BM;
  const int64_t row = blockIdx.x % tiles_down * BM;
  const int64_t col = blockIdx.x / tiles_down * BN;
  // A warp has 4 threads down and 8 across, lanes 2 i and 2 i + 1 below each other: half a warp reads 16 bytes a thread at a time
  // where either all lanes i and i ^ 1 or all lanes i and i ^ 2 read the same.
  constexpr int WARPS_ACROSS = BN / TN / 8;
  static_assert(BN / TN % 8 == 0 && BM / TM % 4 == 0, "whole warps");
  const int warp = (int)threadIdx.x / lb::WARP;
  const int lane = (int)threadIdx.x % lb::WARP;
  const int ty = warp / WARPS_ACROSS * 4 + (lane >> 4) * 2 + (lane & 1);
  const int tx = warp % WARPS_ACROSS * 8 + (lane >> 1 & 7);

  float sums[TM][TN];
#pragma unroll
  for (int i = 0; i < TM; i++) {
#pragma unroll
    for (int j = 0; j < TN; j++) {
      sums[i][j] = 0.0f;
    }
  }

  // Sizes are ints by contract, offsets are not.
  const int rows_left = (int)(g.m - row);
  const int cols_left = (int)(g.n - col < BN ? g.n - col : BN);
  const float* a = g.a + (TA ? row : row * g.a_stride);
  const float* b = g.b + (TB ? col * g.b_stride : col);
  LoadA next_a(a, g.a_stride, rows_left);
  LoadB next_b(b, g.b_stride, cols_left);
  next_a.load((int)g.k);
  next_b.load((int)g.k);
  int buffer = 0;
  for (int left_k = (int)g.k; left_k > 0; left_k -= BK) {
    const lb::Shared<float> tile_a = tiles_a.from(buffer * BK * LoadA::PITCH);
    const lb::Shared<float> tile_b = tiles_b.from(buffer * BK * LoadB::PITCH);
    // The other buffer may still be read; this one was, before the last barrier.
    next_a.store(tile_a);
    next_b.store(tile_b);
    __syncthreads();
    if (left_k > BK) {
      next_a.load(left_k - BK);
      next_b.load(left_k - BK);
    }
#pragma unroll
    for (int q = 0; q < BK; q++) {
      float left[TM];
      float right[TN];
#pragma unroll
      for (int i = 0; i < TM; i += 4) {
        const float4 v = tile_a.load4(q * LoadA::PITCH + place<BM, TM>(ty, i));
        left[i] = v.x, left[i + 1] = v.y, left[i + 2] = v.z, left[i + 3] = v.w;
      }
#pragma unroll
      for (int j = 0; j < TN; j += 4) {
        const float4 v = tile_b.load4(q * LoadB::PITCH + place<BN, TN>(tx, j));
        right[j] = v.x, right[j + 1] = v.y, right[j + 2] = v.z, right[j + 3] = v.w;
      }
#pragma unroll
      for (int i = 0; i < TM; i++) {
#pragma unroll
        for (int j = 0; j < TN; j++) {
          sums[i][j] += left[i] * right[j];
        }
      }
    }
    buffer ^= 1;
  }

  const lb::FloatOutput& out = g.out;
  const lb::FloatEpilogue write(out, row, col, cols_left);
  if (write.only_scales(BN) && rows_left >= BM) {
#pragma unroll
    for (int i = 0; i < TM; i++) {
#pragma unroll
      for (int j = 0; j < TN; j += 4) {
        write.scale(place<BM, TM>(ty, i), place<BN, TN>(tx, j),
                    make_float4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]));
      }
    }
    return;
  }
  float* tile = out.c + row * out.stride + col;
#pragma unroll
  for (int i = 0; i < TM; i++) {
    const int r = place<BM, TM>(ty, i);
#pragma unroll
    for (int j = 0; j < TN; j++) {
      const int c = place<BN, TN>(tx, j);
      if (r < rows_left && c < cols_left) {
        float v = out.scaled(sums[i][j]);
        if (out.beta != 0.0f) {
          v = out.with_previous(v, tile[r * out.stride + c]);
        }
        if (out.bias != nullptr) {
          v += out.bias[col + c];
        }
        tile[r * out.stride + c] = out.activation == lb::RELU ? lb::relu(v) : v;
      }
    }
  }
  if (out.activation == lb::GELU) {
    // Again over what this thread wrote: unrolled above, the function would be there TM TN times.
#pragma unroll 1
    for (int e = 0; e < TM * TN; e++) {
      const int r = place<BM, TM>(ty, e / TN);
      const int c = place<BN, TN>(tx, e % TN);
      if (r < rows_left && c < cols_left) {
        tile[r * out.stride + c] = lb::gelu_erf(tile[r * out.stride + c]);
      }
    }
  }
}

/** y = x^T, x [rows, cols]: a block a tile of 32 x 32, of which a thread has four elements. */
LB_DEVICE void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t cols) {
  constexpr int TILE = 32;
  constexpr int DOWN = TRANSPOSE_THREADS / TILE;
  constexpr int EACH = TILE / DOWN;
  LB_SHARED(float, tile, TILE * (TILE + 1));
  const int64_t across = (cols + TILE - 1) / TILE;
  const int64_t row = blockIdx.x / across * TILE;
  const int64_t col = blockIdx.x % across * TILE;
  const int down = (int)threadIdx.x / TILE;
  const int lane = (int)threadIdx.x % TILE;
  float v[EACH];
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    const int r = down + DOWN * i;
    v[i] = row + r < rows && col + lane < cols ? x[(row + r) * x_stride + col + lane] : 0.0f;
  }
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    tile[(down + DOWN * i) * (TILE + 1) + lane] = v[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    const int c = down + DOWN * i;
    if (col + c < cols && row + lane < rows) {
      y[(col + c) * y_stride + row + lane] = tile[lane * (TILE + 1) + c];
    }
  }
}

}  // namespace

#define LB_GEMM(variant, BM, BN, BK, TM, TN, TA, TB)                                                      \
  LB_FLOAT_PRODUCT(lb_gemm_f32_##variant##_kernel, float, TA, TB, (BM / TM) * (BN / TN), TM == 8 ? 2 : 4, \
                   multiply<BM, BN, BK, TM, TN, TA, TB>)

LB_GEMM(nn_large, 128, 128, 8, 8, 8, false, false);
LB_GEMM(nt_large, 128, 128, 8, 8, 8, false, true);
LB_GEMM(tn_large, 128, 128, 8, 8, 8, true, false);
LB_GEMM(tt_large, 128, 128, 8, 8, 8, true, true);
LB_GEMM(nn_small, 32, 32, 16, 4, 4, false, false);
LB_GEMM(nt_small, 32, 32, 16, 4, 4, false, true);
LB_GEMM(tn_small, 32, 32, 16, 4, 4, true, false);
LB_GEMM(tt_small, 32, 32, 16, 4, 4, true, true);

LB_TILED_PRODUCTS(lb_gemm_f32_nn_tf32, lb::Tf32Factors, false, false);
LB_TILED_PRODUCTS(lb_gemm_f32_nt_tf32, lb::Tf32Factors, false, true);
LB_TILED_PRODUCTS(lb_gemm_f32_tn_tf32, lb::Tf32Factors, true, false);
LB_TILED_PRODUCTS(lb_gemm_f32_tt_tf32, lb::Tf32Factors, true, true);

LB_WIDE_PRODUCT(lb_gemm_f32_nt_tf32_wide_kernel, lb::Tf32Factors, false, true);

extern "C" __global__ void __launch_bounds__(TRANSPOSE_THREADS) lb_gemm_f32_transpose_kernel(
    const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t cols) {
  transpose(x, x_stride, y, y_stride, rows, cols);
}
LB_KERNEL(lb_gemm_f32_transpose_kernel);

LB_ADD_SLICES(gemm_f32);
