// SPDX-License-Identifier: Apache-2.0
//
// Batched products of floats, C = act(alpha op(A) op(B) + beta C + bias): what their kernels take, how sums become elements of C,
// and the kernels with the tiles of tile_product.h.

#pragma once

#include "device.h"
#include "product.h"
#include "tile_product.h"

namespace lb {

/** Where the product goes, and what is done to it on the way. */
struct FloatOutput {
  float* c;
  int64_t stride;
  const float* bias;
  float alpha, beta;
  int activation;

  /**
   * An element but for its function. Which product joins a sum is said here: a compiler that chose would do so differently for
   * lines that are aligned and lines that are not.
   */
  LB_DEVICE float scaled(float sum, float previous, const float* of_bias) const {
    float v = __fmul_rn(alpha, sum);
    if (beta != 0.0f) {
      v = fmaf(beta, previous, v);
    }
    return of_bias == nullptr ? v : v + *of_bias;
  }
};

/** The epilogue of a tile, for four columns of a row at a time. */
class FloatEpilogue {
  const FloatOutput& out;
  float* tile;
  const float* bias;
  int cols_left;
  bool aligned;

  LB_DEVICE float finish(float sum, float previous, int col) const {
    const float v = out.scaled(sum, previous, bias == nullptr ? nullptr : bias + col);
    return out.activation == GELU ? gelu_erf(v) : out.activation == RELU ? relu(v) : v;
  }

 public:
  LB_DEVICE FloatEpilogue(const FloatOutput& o, int64_t row, int64_t col, int left)
      : out(o),
        tile(o.c + row * o.stride + col),
        bias(o.bias == nullptr ? nullptr : o.bias + col),
        cols_left(left),
        aligned((reinterpret_cast<uintptr_t>(o.c) | (uintptr_t)o.stride * sizeof(float)) % 16 == 0) {}

  LB_DEVICE void operator()(int row, int col, const float4& sums) const {
    float* c = tile + row * out.stride + col;
    float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (aligned && col + 4 <= cols_left) {
      if (out.beta != 0.0f) {
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
          c[e] = finish(all[e], out.beta != 0.0f ? c[e] : 0.0f, col + e);
        }
      }
    }
  }
};

/** One matrix of a batch, or a slice of its sums. */
template <class T>
struct FloatProduct {
  const T* a;
  int64_t a_stride;
  const T* b;
  int64_t b_stride;
  FloatOutput out;
  int64_t m, n, k;
};

/** Computes the tile of a block of 128 threads. */
template <class F, int SIZE, int WARP_SIZE, int K_BYTES, bool TA, bool TB, bool VECTOR>
LB_DEVICE void multiply_tile(const FloatProduct<typename F::Element>& g) {
  using Tiles = TileProduct<F, SIZE, SIZE, WARP_SIZE, WARP_SIZE, K_BYTES, 4, TA, TB, VECTOR>;
  static_assert(Tiles::THREADS == 128 && Tiles::SHARED_BYTES == (SIZE == 128 ? 73728 : 65536), "what TiledProducts gives");
  const TileOrder order(blockIdx.x, (g.m + SIZE - 1) / SIZE, (g.n + SIZE - 1) / SIZE);
  const int64_t row = order.down * SIZE;
  const int64_t col = order.across * SIZE;
  // Sizes are ints by contract but for n, offsets are not.
  const int rows_left = (int)(g.m - row);
  const int cols_left = (int)(g.n - col < SIZE ? g.n - col : SIZE);
  Tiles::run(g.a + (TA ? row : row * g.a_stride), g.a_stride, g.b + (TB ? col * g.b_stride : col), g.b_stride, rows_left, cols_left,
             (int)g.k, FloatEpilogue(g.out, row, col, cols_left));
}

}  // namespace lb

/**
 * A kernel over a batch; grid: tiles in x, matrices in y, from `first` on, slices of so many terms in z. Of several slices each
 * leaves its sums in scratch, c [matrix, slice, m, c_stride]. What follows is called with the FloatProduct.
 */
#define LB_FLOAT_PRODUCT(name, Element, TA, TB, THREADS, BLOCKS, ...)                                                            \
  extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) name(                                                            \
      const Element* a, int64_t a_stride, int64_t a_outer, int64_t a_inner, const Element* b, int64_t b_stride, int64_t b_outer, \
      int64_t b_inner, float* c, int64_t c_stride, int64_t c_outer, int64_t c_inner, const float* bias, int64_t m, int64_t n,    \
      int64_t k, int64_t inner_count, float alpha, float beta, int activation, int64_t first, int64_t slice_terms) {             \
    const int64_t i = first + blockIdx.y;                                                                                        \
    const lb::Slice slice(blockIdx.z, slice_terms, k);                                                                           \
    const int64_t c_offset = gridDim.z == 1 ? lb::batch_offset(i, inner_count, c_outer, c_inner)                                 \
                                            : ((int64_t)blockIdx.y * gridDim.z + blockIdx.z) * m * c_stride;                     \
    const lb::FloatProduct<Element> g = {                                                                                        \
        a + lb::batch_offset(i, inner_count, a_outer, a_inner) + slice.from * (TA ? a_stride : 1),                               \
        a_stride,                                                                                                                \
        b + lb::batch_offset(i, inner_count, b_outer, b_inner) + slice.from * (TB ? 1 : b_stride),                               \
        b_stride,                                                                                                                \
        {c + c_offset, c_stride, bias, alpha, beta, activation},                                                                 \
        m,                                                                                                                       \
        n,                                                                                                                       \
        slice.count};                                                                                                            \
    __VA_ARGS__(g);                                                                                                              \
  }                                                                                                                              \
  LB_KERNEL(name)

/** The three kernels of factors F in a transposition: tiles of 128 x 128, of 64 x 64, and those for lines of any alignment. */
#define LB_TILED_PRODUCTS(prefix, F, TA, TB)                                                                            \
  LB_FLOAT_PRODUCT(prefix##_large_kernel, F::Element, TA, TB, 128, 2, lb::multiply_tile<F, 128, 64, 64, TA, TB, true>); \
  LB_FLOAT_PRODUCT(prefix##_small_kernel, F::Element, TA, TB, 128, 2, lb::multiply_tile<F, 64, 32, 128, TA, TB, true>); \
  LB_FLOAT_PRODUCT(prefix##_gathered_kernel, F::Element, TA, TB, 128, 2, lb::multiply_tile<F, 64, 32, 128, TA, TB, false>)
