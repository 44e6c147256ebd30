// SPDX-License-Identifier: Apache-2.0
#include "mse.h"

int32_t lb_mse(int32_t tier, const float *student, int64_t student_stride, const float *restrict teacher,
               int64_t teacher_stride, const float *restrict weights, float *grad, int64_t grad_stride,
               double *restrict losses, int64_t from, int64_t to, int64_t cols, float floor, double factor) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_mse,
                     (student, student_stride, teacher, teacher_stride, weights, grad, grad_stride, losses, from, to, cols,
                      floor, factor));
}
