// SPDX-License-Identifier: Apache-2.0
//
// Functions of one element, applied to all of a matrix. Grid: blocks of THREADS * ITEMS columns in x, rows in y; a row for each
// y, and again from the first on where there are more rows than a grid may have. A thread has ITEMS neighbours.

#pragma once

#include "device.h"
#include "quads.h"

namespace lb {

struct Elementwise {
  static constexpr int ITEMS = 4;

  /** y = f(x); y may be x. */
  template <class F>
  LB_DEVICE static void unary(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t cols, F f) {
    const int64_t q = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
      const float4 v = Quads<const float>(x + row * x_stride, cols).load(q);
      Quads<float>(y + row * y_stride, cols).store(q, map4(v, f));
    }
  }

  /** z = f(x, y); z may be one of them. */
  template <class F>
  LB_DEVICE static void binary(const float* x, int64_t x_stride, const float* y, int64_t y_stride, float* z, int64_t z_stride,
                               int64_t rows, int64_t cols, F f) {
    const int64_t q = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
      const float4 v = Quads<const float>(x + row * x_stride, cols).load(q);
      const float4 w = Quads<const float>(y + row * y_stride, cols).load(q);
      Quads<float>(z + row * z_stride, cols).store(q, map4(v, w, f));
    }
  }
};

}  // namespace lb
