// SPDX-License-Identifier: Apache-2.0
//
// bert_adam: g' = g min(1, maxNorm / (|g| + 1e-6)), |g| over the whole tensor; m = beta1 m + (1 - beta1) g'; v = beta2 v + (1 -
// beta2) g'^2; w -= l (m / (sqrt(v) + epsilon) + weightDecay w).
//
// w, g, m, v  f32 [rows, cols], strides in elements, any alignment, apart from each other; w, m, v are updated.
// partial     f64 [blocks], scratch, the squares of tiles of g;  factor  f64 [1], scratch, what g is multiplied by
//
// NaN in g makes all of w, m and v NaN, unless the norm is not taken. Squares (exact) and sums in double: of a thread's elements,
// over a block's threads, then over the blocks in their order, which depends on the shape alone; the step in float, each update
// within 4 ulp of the larger of itself and w. 2 flops and 4 bytes an element for the norm, 12 flops, a root, a division and 28
// bytes for the step.

#include "../device/adam.h"
#include "../device/group.h"
#include "../device/total.h"

namespace {

constexpr int THREADS = 256;
constexpr int LOADS = 4;
constexpr int64_t TILE_COLS = 16384;

}  // namespace

/** Block (i, j): columns from 16384 i on, of so many rows from j times as many on. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_bert_adam_squares_kernel(const float* g, int64_t stride, int64_t rows, int64_t cols, int64_t tile_rows, double* partial) {
  const int64_t col = (int64_t)blockIdx.x * TILE_COLS;
  const int64_t from = (int64_t)blockIdx.y * tile_rows;
  const int64_t to = from + tile_rows < rows ? from + tile_rows : rows;
  const int64_t width = cols - col < TILE_COLS ? cols - col : TILE_COLS;
  double sum = 0.0;
  for (int64_t row = from; row < to; row++) {
    const lb::Quads<const float> quads(g + row * stride + col, width);
    for (int64_t q = threadIdx.x; q < quads.count(); q += LOADS * THREADS) {
      float4 v[LOADS];
      quads.load<LOADS, THREADS>(v, q, 0.0f);
#pragma unroll
      for (int i = 0; i < LOADS; i++) {
        sum += (double)v[i].x * v[i].x;
        sum += (double)v[i].y * v[i].y;
        sum += (double)v[i].z * v[i].z;
        sum += (double)v[i].w * v[i].w;
      }
    }
  }
  sum = lb::Block<THREADS>::sum(sum);
  if (threadIdx.x == 0) {
    partial[(int64_t)blockIdx.y * gridDim.x + blockIdx.x] = sum;
  }
}
LB_KERNEL(lb_bert_adam_squares_kernel);

/** One block. */
extern "C" __global__ void __launch_bounds__(lb::Total::THREADS)
    lb_bert_adam_clip_kernel(const double* partial, int64_t count, double max_norm, double* factor) {
  const double squares = lb::Total::sum(partial, nullptr, 0, count);
  if (threadIdx.x == 0) {
    const double f = max_norm / (sqrt(squares) + 1e-6);
    // NaN stays.
    *factor = f > 1.0 ? 1.0 : f;
  }
}
LB_KERNEL(lb_bert_adam_clip_kernel);

LB_ADAM_KERNEL(bert_adam);
