// SPDX-License-Identifier: Apache-2.0
#include "dropout.h"

int32_t lb_dropout(int32_t tier, const float *x, int64_t x_stride, const float *residual, int64_t residual_stride, float *y,
                   int64_t y_stride, int64_t from, int64_t to, int64_t cols, int64_t seed, int64_t stream, uint32_t threshold,
                   float scale) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_dropout,
                     (x, x_stride, residual, residual_stride, y, y_stride, from, to, cols, seed, stream, threshold, scale));
}
