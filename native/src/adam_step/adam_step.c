// SPDX-License-Identifier: Apache-2.0
#include "adam_step.h"

int32_t lb_adam_step(int32_t tier, float *restrict w, int64_t w_stride, const float *restrict g, int64_t g_stride,
                     float *restrict m, int64_t m_stride, float *restrict v, int64_t v_stride, int64_t from, int64_t to,
                     int64_t cols, float beta1, float rest1, float beta2, float rest2, float epsilon, float factor,
                     float decay, float size, float root) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_adam_step,
                     (w, w_stride, g, g_stride, m, m_stride, v, v_stride, from, to, cols, beta1, rest1, beta2, rest2, epsilon,
                      factor, decay, size, root));
}

int32_t lb_adam_squares(int32_t tier, const float *restrict g, int64_t g_stride, double *restrict sum, int64_t from,
                        int64_t to, int64_t cols) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_adam_squares, (g, g_stride, sum, from, to, cols));
}
