// SPDX-License-Identifier: Apache-2.0
#ifndef LB_ADAM_STEP_H
#define LB_ADAM_STEP_H

#include "../arch.h"

LB_DECLARE(lb_adam_step, (float *restrict w, int64_t w_stride, const float *restrict g, int64_t g_stride, float *restrict m,
                          int64_t m_stride, float *restrict v, int64_t v_stride, int64_t from, int64_t to, int64_t cols,
                          float beta1, float rest1, float beta2, float rest2, float epsilon, float factor, float decay,
                          float size, float root));
LB_DECLARE(lb_adam_squares, (const float *restrict g, int64_t g_stride, double *restrict sum, int64_t from, int64_t to,
                             int64_t cols));

#endif
