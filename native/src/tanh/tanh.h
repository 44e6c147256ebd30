// SPDX-License-Identifier: Apache-2.0
#ifndef LB_TANH_H
#define LB_TANH_H

#include "../arch.h"

LB_DECLARE(lb_tanh_forward, (const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from, int64_t to,
                             int64_t cols));
LB_DECLARE(lb_tanh_backward, (const float *restrict y, int64_t y_stride, const float *gy, int64_t gy_stride, float *gx,
                              int64_t gx_stride, int64_t from, int64_t to, int64_t cols));

#endif
