// SPDX-License-Identifier: Apache-2.0
#include "layer_norm.h"

int32_t lb_layer_norm_forward(int32_t tier, const float *x, int64_t x_stride, const float *restrict gamma,
                              const float *restrict beta, float *y, int64_t y_stride, float *restrict mean,
                              float *restrict rstd, int64_t from, int64_t to, int64_t cols, double epsilon) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_layer_norm_forward,
                     (x, x_stride, gamma, beta, y, y_stride, mean, rstd, from, to, cols, epsilon));
}

int32_t lb_layer_norm_backward(int32_t tier, const float *restrict x, int64_t x_stride, const float *restrict gamma,
                               const float *restrict mean, const float *restrict rstd, const float *gy, int64_t gy_stride,
                               float *gx, int64_t gx_stride, float *restrict sums, int64_t from, int64_t to, int64_t cols) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_layer_norm_backward,
                     (x, x_stride, gamma, mean, rstd, gy, gy_stride, gx, gx_stride, sums, from, to, cols));
}

int32_t lb_layer_norm_parameters(int32_t tier, const float *restrict sums, int64_t chunks, float *restrict ggamma,
                                 float *restrict gbeta, int64_t cols) {
  if (!lb_rows_ok(0, chunks, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_layer_norm_parameters, (sums, chunks, ggamma, gbeta, cols));
}
