// SPDX-License-Identifier: Apache-2.0
#ifndef LB_DROPOUT_H
#define LB_DROPOUT_H

#include "../arch.h"

LB_DECLARE(lb_dropout, (const float *x, int64_t x_stride, const float *residual, int64_t residual_stride, float *y,
                        int64_t y_stride, int64_t from, int64_t to, int64_t cols, int64_t seed, int64_t stream,
                        uint32_t threshold, float scale));

#endif
