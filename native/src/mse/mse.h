// SPDX-License-Identifier: Apache-2.0
#ifndef LB_MSE_H
#define LB_MSE_H

#include "../arch.h"

LB_DECLARE(lb_mse, (const float *student, int64_t student_stride, const float *restrict teacher, int64_t teacher_stride,
                    const float *restrict weights, float *grad, int64_t grad_stride, double *restrict losses, int64_t from,
                    int64_t to, int64_t cols, float floor, double factor));

#endif
