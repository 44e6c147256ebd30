// SPDX-License-Identifier: Apache-2.0
//
// gemm_i8: C = A op(B) in int32, or C = sum rowScale colScale + bias in f32.
//
// A i8 [m, k], B i8 [k, n] or [n, k] (TB), C i32 or f32 [m, n], rowScale f32 [m] and colScale f32 [n] (both null: C is i32), bias
// f32 [n] or null; strides in elements, any alignment; C separate memory.
//
// Sums are exact: k leaves no room for overflow. k = 0 makes them 0. Scales that are not finite spread by the rules of arithmetic.
// A block a tile of C: 128 x 128 or 64 x 64, by four warps (see tile_product.h); the small ones also for lines that do not begin
// at multiples of 16 bytes (`gathered`). 2 m n k operations; reads m k ceil(n / BN) + k n ceil(m / BM) bytes, most of them from
// the L2 cache, and writes 4 m n.

#include "../device/device.h"
#include "../device/product.h"
#include "../device/tile_product.h"

namespace {

/** What becomes of four columns of a row; row_scale null: they are the sums themselves. */
struct Epilogue {
  float* tile;
  int64_t stride;
  const float* row_scale;
  const float* col_scale;
  const float* bias;
  int cols_left;
  bool aligned;

  LB_DEVICE float finish(float sum, float scale, int col) const {
    if (row_scale == nullptr) {
      return sum;
    }
    const float v = (float)__float_as_int(sum) * scale * col_scale[col];
    return bias == nullptr ? v : v + bias[col];
  }

  LB_DEVICE void operator()(int row, int col, const float4& sums) const {
    float* c = tile + row * stride + col;
    const float scale = row_scale == nullptr ? 0.0f : row_scale[row];
    if (aligned && col + 4 <= cols_left) {
      *reinterpret_cast<float4*>(c) = make_float4(finish(sums.x, scale, col), finish(sums.y, scale, col + 1),
                                                  finish(sums.z, scale, col + 2), finish(sums.w, scale, col + 3));
    } else {
      const float all[4] = {sums.x, sums.y, sums.z, sums.w};
#pragma unroll
      for (int e = 0; e < 4; e++) {
        if (col + e < cols_left) {
          c[e] = finish(all[e], scale, col + e);
        }
      }
    }
  }
};

}  // namespace

/** c holds ints where there are no scales: their bits are moved as those of floats. */
#define LB_GEMM(variant, SIZE, WARP_SIZE, K_BYTES, BLOCKS, TB, VECTOR)                                                          \
  extern "C" __global__ void __launch_bounds__(128, BLOCKS) lb_gemm_i8_##variant##_kernel(                                      \
      const uint8_t* a, int64_t a_stride, const uint8_t* b, int64_t b_stride, float* c, int64_t c_stride,                       \
      const float* row_scale, const float* col_scale, const float* bias, int64_t m, int64_t n, int64_t k) {                     \
    using Tiles = lb::TileProduct<lb::Int8Factors, SIZE, SIZE, WARP_SIZE, WARP_SIZE, K_BYTES, 4, false, TB, VECTOR>;            \
    static_assert(Tiles::SHARED_BYTES == (SIZE == 128 ? 73728 : 65536), "what CudaGemmI8 gives");                               \
    const lb::TileOrder order((int)blockIdx.x, (int)((m + SIZE - 1) / SIZE), (int)((n + SIZE - 1) / SIZE));                     \
    const int64_t row = order.down * SIZE;                                                                                      \
    const int64_t col = order.across * SIZE;                                                                                    \
    const int cols_left = (int)(n - col < SIZE ? n - col : SIZE);                                                               \
    const bool aligned = (reinterpret_cast<uintptr_t>(c) | (uintptr_t)c_stride * sizeof(float)) % 16 == 0;                      \
    const Epilogue epilogue = {c + row * c_stride + col,                                                                        \
                               c_stride,                                                                                        \
                               row_scale == nullptr ? nullptr : row_scale + row,                                                \
                               col_scale == nullptr ? nullptr : col_scale + col,                                                \
                               bias == nullptr ? nullptr : bias + col,                                                          \
                               cols_left,                                                                                       \
                               aligned};                                                                                        \
    Tiles::run(a + row * a_stride, a_stride, b + (TB ? col * b_stride : col), b_stride, (int)(m - row), cols_left, (int)k,      \
               epilogue);                                                                                                       \
  }                                                                                                                             \
  LB_KERNEL(lb_gemm_i8_##variant##_kernel)

LB_GEMM(n_large, 128, 64, 64, 2, false, true);
LB_GEMM(t_large, 128, 64, 64, 2, true, true);
LB_GEMM(n_small, 64, 32, 128, 2, false, true);
LB_GEMM(t_small, 64, 32, 128, 2, true, true);
LB_GEMM(n_gathered, 64, 32, 128, 2, false, false);
LB_GEMM(t_gathered, 64, 32, 128, 2, true, false);
