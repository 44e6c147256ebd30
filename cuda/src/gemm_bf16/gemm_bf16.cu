// SPDX-License-Identifier: Apache-2.0
//
// gemm_bf16: C = act(alpha op(A) op(B) + beta C + bias). The gradients are products of this stem, too (see gemm_f32).
//
// A bf16 [m, k] or [k, m] (TA), B bf16 [k, n] or [n, k] (TB), C f32 [m, n], bias f32 [n] or null; strides in elements, any
// alignment; C separate memory. Batch: matrix (i, j) begins i * outer + j * inner elements behind the first.
//
// beta = 0 does not read C; k = 0 makes the product 0. NaN and infinities spread by the rules of arithmetic. Products are exact,
// sums f32 in groups of 16 terms, in the order of k whatever the tile and the batch, so that a choice of tile changes no bit.
// A block a tile of C: 128 x 128 or 64 x 64, by four warps (see tile_product.h); the small ones also for lines that do not begin
// at multiples of 16 bytes (`gathered`). Grid: tiles in x, matrices in y, from `first` on. 2 m n k flops; reads
// 2 m k ceil(n / BN) + 2 k n ceil(m / BM) bytes, most of them from the L2 cache, and writes 4 m n.

#include "../device/device.h"
#include "../device/product.h"
#include "../device/tile_product.h"

namespace {

struct Product {
  const uint16_t* a;
  int64_t a_stride;
  const uint16_t* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
  const float* bias;
  int64_t m, n, k;
  float alpha, beta;
  int activation;
};

/** The epilogue for four columns of a row. */
struct Epilogue {
  const Product& g;
  float* tile;
  const float* bias;
  int cols_left;
  bool aligned;

  LB_DEVICE float finish(float sum, float previous, int col) const {
    float v = g.alpha * sum;
    if (g.beta != 0.0f) {
      v += g.beta * previous;
    }
    if (bias != nullptr) {
      v += bias[col];
    }
    return g.activation == lb::GELU ? lb::gelu_erf(v) : g.activation == lb::RELU ? lb::relu(v) : v;
  }

  LB_DEVICE void operator()(int row, int col, const float4& sums) const {
    float* c = tile + row * g.c_stride + col;
    float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (aligned && col + 4 <= cols_left) {
      if (g.beta != 0.0f) {
        v = *reinterpret_cast<const float4*>(c);
      }
      v.x = finish(sums.x, v.x, col), v.y = finish(sums.y, v.y, col + 1);
      v.z = finish(sums.z, v.z, col + 2), v.w = finish(sums.w, v.w, col + 3);
      *reinterpret_cast<float4*>(c) = v;
    } else {
      const float all[4] = {sums.x, sums.y, sums.z, sums.w};
#pragma unroll
      for (int e = 0; e < 4; e++) {
        if (col + e < cols_left) {
          c[e] = finish(all[e], g.beta != 0.0f ? c[e] : 0.0f, col + e);
        }
      }
    }
  }
};

template <int SIZE, int WARP_SIZE, int K_BYTES, bool TA, bool TB, bool VECTOR>
LB_DEVICE void multiply(const Product& g) {
  using Tiles = lb::TileProduct<lb::Bf16Factors, SIZE, SIZE, WARP_SIZE, WARP_SIZE, K_BYTES, 4, TA, TB, VECTOR>;
  const lb::TileOrder order(blockIdx.x, (g.m + SIZE - 1) / SIZE, (g.n + SIZE - 1) / SIZE);
  const int64_t row = order.down * SIZE;
  const int64_t col = order.across * SIZE;
  // Sizes are ints by contract but for n, offsets are not.
  const int rows_left = (int)(g.m - row);
  const int cols_left = (int)(g.n - col < SIZE ? g.n - col : SIZE);
  float* tile = g.c + row * g.c_stride + col;
  const bool aligned = (reinterpret_cast<uintptr_t>(g.c) | (uintptr_t)g.c_stride * sizeof(float)) % 16 == 0;
  const Epilogue epilogue = {g, tile, g.bias == nullptr ? nullptr : g.bias + col, cols_left, aligned};
  Tiles::run(g.a + (TA ? row : row * g.a_stride), g.a_stride, g.b + (TB ? col * g.b_stride : col), g.b_stride, rows_left, cols_left,
             (int)g.k, epilogue);
}

}  // namespace

#define LB_GEMM(variant, SIZE, WARP_SIZE, K_BYTES, BLOCKS, TA, TB, VECTOR)                                                      \
  extern "C" __global__ void __launch_bounds__(128, BLOCKS) lb_gemm_bf16_##variant##_kernel(                                    \
      const uint16_t* a, int64_t a_stride, int64_t a_outer, int64_t a_inner, const uint16_t* b, int64_t b_stride,               \
      int64_t b_outer, int64_t b_inner, float* c, int64_t c_stride, int64_t c_outer, int64_t c_inner, const float* bias,        \
      int64_t m, int64_t n, int64_t k, int64_t inner_count, float alpha, float beta, int activation, int64_t first) {           \
    const int64_t i = first + blockIdx.y;                                                                                       \
    const Product g = {a + lb::batch_offset(i, inner_count, a_outer, a_inner),                                                  \
                       a_stride,                                                                                                \
                       b + lb::batch_offset(i, inner_count, b_outer, b_inner),                                                  \
                       b_stride,                                                                                                \
                       c + lb::batch_offset(i, inner_count, c_outer, c_inner),                                                  \
                       c_stride,                                                                                                \
                       bias,                                                                                                    \
                       m,                                                                                                       \
                       n,                                                                                                       \
                       k,                                                                                                       \
                       alpha,                                                                                                   \
                       beta,                                                                                                    \
                       activation};                                                                                             \
    multiply<SIZE, WARP_SIZE, K_BYTES, TA, TB, VECTOR>(g);                                                                      \
  }                                                                                                                             \
  LB_KERNEL(lb_gemm_bf16_##variant##_kernel)

LB_GEMM(nn_large, 128, 64, 64, 2, false, false, true);
LB_GEMM(nt_large, 128, 64, 64, 2, false, true, true);
LB_GEMM(tn_large, 128, 64, 64, 2, true, false, true);
LB_GEMM(tt_large, 128, 64, 64, 2, true, true, true);
LB_GEMM(nn_small, 64, 32, 128, 2, false, false, true);
LB_GEMM(nt_small, 64, 32, 128, 2, false, true, true);
LB_GEMM(tn_small, 64, 32, 128, 2, true, false, true);
LB_GEMM(tt_small, 64, 32, 128, 2, true, true, true);
LB_GEMM(nn_gathered, 64, 32, 128, 2, false, false, false);
LB_GEMM(nt_gathered, 64, 32, 128, 2, false, true, false);
LB_GEMM(tn_gathered, 64, 32, 128, 2, true, false, false);
LB_GEMM(tt_gathered, 64, 32, 128, 2, true, true, false);
