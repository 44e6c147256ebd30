// SPDX-License-Identifier: Apache-2.0
#ifndef LB_ATTENTION_KL_H
#define LB_ATTENTION_KL_H

#include "../arch.h"

LB_DECLARE(lb_attention_kl, (const float *student, int64_t student_stride, const float *restrict teacher,
                             int64_t teacher_stride, const int32_t *restrict lengths, const uint8_t *restrict mask,
                             int64_t mask_stride, float *grad, int64_t grad_stride, double *restrict losses,
                             float *restrict scratch, int64_t from, int64_t to, int64_t heads, int64_t queries, int64_t keys,
                             int32_t causal, double temperature, double clamp, double factor));

#endif
