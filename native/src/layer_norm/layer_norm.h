// SPDX-License-Identifier: Apache-2.0
#ifndef LB_LAYER_NORM_H
#define LB_LAYER_NORM_H

#include "../arch.h"

LB_DECLARE(lb_layer_norm_forward, (const float *x, int64_t x_stride, const float *restrict gamma, const float *restrict beta,
                                   float *y, int64_t y_stride, float *restrict mean, float *restrict rstd, int64_t from,
                                   int64_t to, int64_t cols, double epsilon));
LB_DECLARE(lb_layer_norm_backward, (const float *restrict x, int64_t x_stride, const float *restrict gamma,
                                    const float *restrict mean, const float *restrict rstd, const float *gy, int64_t gy_stride,
                                    float *gx, int64_t gx_stride, float *restrict sums, int64_t from, int64_t to,
                                    int64_t cols));
LB_DECLARE(lb_layer_norm_parameters, (const float *restrict sums, int64_t chunks, float *restrict ggamma,
                                      float *restrict gbeta, int64_t cols));

#endif
