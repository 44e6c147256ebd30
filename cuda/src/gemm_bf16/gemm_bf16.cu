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
// at multiples of 16 bytes (`gathered`). Grid: tiles in x, matrices in y, from `first` on. Large products of whole lines on sm_90:
// tiles of 128 x 256 by wgmma (`wide`, see wide.h), whose sums may be rounded otherwise; the choice looks at one matrix alone.
// 2 m n k flops; reads 2 m k ceil(n / BN) + 2 k n ceil(m / BM) bytes, most of them from the L2 cache, and writes 4 m n.

#include "../device/device.h"
#include "../device/product.h"
#include "../device/tile_product.h"
#include "epilogue.h"
#include "wide.h"

namespace {

struct Product {
  const uint16_t* a;
  int64_t a_stride;
  const uint16_t* b;
  int64_t b_stride;
  Output out;
  int64_t m, n, k;
};

template <int SIZE, int WARP_SIZE, int K_BYTES, bool TA, bool TB, bool VECTOR>
LB_DEVICE void multiply(const Product& g) {
  using Tiles = lb::TileProduct<lb::Bf16Factors, SIZE, SIZE, WARP_SIZE, WARP_SIZE, K_BYTES, 4, TA, TB, VECTOR>;
  static_assert(Tiles::SHARED_BYTES == (SIZE == 128 ? 73728 : 65536), "what CudaGemmBf16 gives");
  const lb::TileOrder order(blockIdx.x, (g.m + SIZE - 1) / SIZE, (g.n + SIZE - 1) / SIZE);
  const int64_t row = order.down * SIZE;
  const int64_t col = order.across * SIZE;
  // Sizes are ints by contract but for n, offsets are not.
  const int rows_left = (int)(g.m - row);
  const int cols_left = (int)(g.n - col < SIZE ? g.n - col : SIZE);
  Tiles::run(g.a + (TA ? row : row * g.a_stride), g.a_stride, g.b + (TB ? col * g.b_stride : col), g.b_stride, rows_left, cols_left,
             (int)g.k, Epilogue(g.out, row, col, cols_left));
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
                       {c + lb::batch_offset(i, inner_count, c_outer, c_inner), c_stride, bias, alpha, beta, activation},       \
                       m,                                                                                                       \
                       n,                                                                                                       \
                       k};                                                                                                      \
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

#define LB_WIDE(variant, TA, TB)                                                                                                \
  extern "C" __global__ void __launch_bounds__(384, 1) lb_gemm_bf16_##variant##_wide_kernel(                                    \
      const __grid_constant__ lb::TensorMap a, const __grid_constant__ lb::TensorMap b, float* c, int64_t c_stride,             \
      int64_t c_outer, int64_t c_inner, const float* bias, int64_t m, int64_t n, int64_t k, int64_t inner_count, int64_t count, \
      float alpha, float beta, int activation, int a_steps, int b_steps) {                                                      \
    const WideProduct g = {{c, c_stride, bias, alpha, beta, activation}, c_outer, c_inner, m, n, k, inner_count, count,         \
                           a_steps, b_steps};                                                                                   \
    multiply_wide<TA, TB>(a, b, g);                                                                                             \
  }                                                                                                                             \
  LB_KERNEL(lb_gemm_bf16_##variant##_wide_kernel)

LB_WIDE(nn, false, false);
LB_WIDE(nt, false, true);
LB_WIDE(tn, true, false);
LB_WIDE(tt, true, true);
