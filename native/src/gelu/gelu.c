// SPDX-License-Identifier: Apache-2.0
#include "gelu.h"

int32_t lb_gelu_forward(int32_t tier, int32_t form, const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from,
                        int64_t to, int64_t cols) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_gelu_forward, (form, x, x_stride, y, y_stride, from, to, cols));
}

int32_t lb_gelu_backward(int32_t tier, int32_t form, const float *x, int64_t x_stride, const float *gy, int64_t gy_stride,
                         float *gx, int64_t gx_stride, int64_t from, int64_t to, int64_t cols) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_gelu_backward, (form, x, x_stride, gy, gy_stride, gx, gx_stride, from, to, cols));
}
