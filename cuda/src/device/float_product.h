// SPDX-License-Identifier: Apache-2.0
//
// Batched products of floats, C = act(alpha op(A) op(B) + beta C + bias): what their kernels take, how sums become elements of C,
// and the kernels with the tiles of tile_product.h.

#pragma once

#include "cut.h"
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

  // Which product joins a sum is said here: a compiler that chose would do so differently for lines that are aligned and lines
  // that are not.
  LB_DEVICE float scaled(float sum) const { return __fmul_rn(alpha, sum); }
  LB_DEVICE float with_previous(float v, float previous) const { return fmaf(beta, previous, v); }
};

/** The epilogue of a tile, for four columns of a row at a time. */
class FloatEpilogue {
  const FloatOutput& out;
  float* tile;
  const float* bias;
  int cols_left;
  bool aligned, bias_aligned;

 public:
  LB_DEVICE FloatEpilogue(const FloatOutput& o, int64_t row, int64_t col, int left)
      : out(o),
        tile(o.c + row * o.stride + col),
        bias(o.bias == nullptr ? nullptr : o.bias + col),
        cols_left(left),
        aligned((reinterpret_cast<uintptr_t>(o.c) | (uintptr_t)o.stride * sizeof(float)) % 16 == 0),
        bias_aligned(reinterpret_cast<uintptr_t>(bias) % 16 == 0) {}

  /** Whether the tile has a column. */
  LB_DEVICE bool has(int col) const { return col < cols_left; }

  /** Whether `scale` does for the rows of a tile of so many columns. */
  LB_DEVICE bool only_scales(int cols) const {
    return aligned && cols <= cols_left && out.beta == 0.0f && bias == nullptr && out.activation == NONE;
  }
  LB_DEVICE void scale(int row, int col, const float4& sums) const {
    const float v[4] = {out.scaled(sums.x), out.scaled(sums.y), out.scaled(sums.z), out.scaled(sums.w)};
    store_quad(tile + row * out.stride + col, 4, true, v);
  }

  LB_DEVICE void operator()(int row, int col, const float4& sums) const {
    float* c = tile + row * out.stride + col;
    const int count = min(cols_left - col, 4);
    float v[4] = {out.scaled(sums.x), out.scaled(sums.y), out.scaled(sums.z), out.scaled(sums.w)};
    float other[4];
    if (out.beta != 0.0f) {
      load_quad(c, count, aligned, other);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        v[e] = out.with_previous(v[e], other[e]);
      }
    }
    if (bias != nullptr) {
      load_quad(bias + col, count, bias_aligned, other);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        v[e] += other[e];
      }
    }
    if (out.activation == RELU) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        v[e] = relu(v[e]);
      }
    }
    if (out.activation == GELU) {
      // Two at a time: four would push sums of the callers out of registers.
#pragma unroll 1
      for (int i = 0; i < 2; i++) {
        const float first = gelu_erf(v[0]);
        const float second = gelu_erf(v[1]);
        v[0] = v[2], v[1] = v[3];
        v[2] = first, v[3] = second;
      }
    }
    store_quad(c, count, aligned, v);
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
  static_assert(Tiles::THREADS == 128 && Tiles::SHARED_BYTES <= 73728, "what TiledProducts gives");
  const TileOrder order((int)blockIdx.x, (int)((g.m + SIZE - 1) / SIZE), (int)((g.n + SIZE - 1) / SIZE));
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
