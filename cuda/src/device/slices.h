// SPDX-License-Identifier: Apache-2.0
//
// Products with too few tiles for a device, whose sums are cut along k: kernels of float_product.h and wide_product.h leave the
// sums of slices in scratch [matrix, slice, m, pitch], and one of these adds them in the order of the slices and makes elements of
// C of them, as the kernels of whole sums do. Slices.java chooses the slices, by the sizes of one matrix alone, and launches both.

#pragma once

#include "cut.h"
#include "device.h"
#include "float_product.h"
#include "product.h"

namespace lb {

struct Slices {
  static constexpr int THREADS = 256;

  /** Four columns of a row a thread. */
  LB_DEVICE static void add(const float* sums, int64_t pitch, int64_t slices, const FloatOutput& out, int64_t m, int64_t n) {
    const int64_t quad = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    const int64_t row = quad / (pitch / 4);
    const int64_t col = quad % (pitch / 4) * 4;
    if (row < m) {
      const int count = n - col < 4 ? (int)(n - col) : 4;
      float total[4];
      load_quad(sums + quad * 4, count, true, total);
#pragma unroll 4
      for (int64_t s = 1; s < slices; s++) {
        float v[4];
        load_quad(sums + s * m * pitch + quad * 4, count, true, v);
        total[0] += v[0], total[1] += v[1], total[2] += v[2], total[3] += v[3];
      }
      // Few tiles have few rows and columns.
      const FloatEpilogue write(out, 0, 0, (int)n);
      write((int)row, (int)col, make_float4(total[0], total[1], total[2], total[3]));
    }
  }
};

}  // namespace lb

/** Adds slices; pitch: n, rounded up to a multiple of 4. Grid: a thread for four columns in x, matrices in y, from `first` on. */
#define LB_ADD_SLICES(stem)                                                                                                 \
  extern "C" __global__ void __launch_bounds__(lb::Slices::THREADS) lb_##stem##_add_slices_kernel(                          \
      const float* sums, int64_t pitch, int64_t slices, float* c, int64_t c_stride, int64_t c_outer, int64_t c_inner,       \
      const float* bias, int64_t m, int64_t n, int64_t inner_count, float alpha, float beta, int activation,                \
      int64_t first) {                                                                                                      \
    const int64_t c_offset = lb::batch_offset(first + blockIdx.y, inner_count, c_outer, c_inner);                           \
    lb::Slices::add(sums + blockIdx.y * slices * m * pitch, pitch, slices,                                                  \
                    {c + c_offset, c_stride, bias, alpha, beta, activation}, m, n);                                         \
  }                                                                                                                         \
  LB_KERNEL(lb_##stem##_add_slices_kernel)
