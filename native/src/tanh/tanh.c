// SPDX-License-Identifier: Apache-2.0
#include "tanh.h"

int32_t lb_tanh_forward(int32_t tier, const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from, int64_t to,
                        int64_t cols) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_tanh_forward, (x, x_stride, y, y_stride, from, to, cols));
}

int32_t lb_tanh_backward(int32_t tier, const float *restrict y, int64_t y_stride, const float *gy, int64_t gy_stride,
                         float *gx, int64_t gx_stride, int64_t from, int64_t to, int64_t cols) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_tanh_backward, (y, y_stride, gy, gy_stride, gx, gx_stride, from, to, cols));
}
