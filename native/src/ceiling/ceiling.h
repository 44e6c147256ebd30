// SPDX-License-Identifier: Apache-2.0
#ifndef LB_CEILING_H
#define LB_CEILING_H

#include "../arch.h"

/* A word of 4 bytes of each factor; a sum of products of each kind. */
LB_DECLARE(lb_ceiling_i8, (int32_t a, int32_t b, int64_t rounds, double *sum));
LB_DECLARE(lb_ceiling_bf16, (int32_t a, int32_t b, int64_t rounds, double *sum));
int32_t lb_ceiling_i8_avx512vnni(int32_t a, int32_t b, int64_t rounds, double *sum);
int32_t lb_ceiling_bf16_avx512bf16(int32_t a, int32_t b, int64_t rounds, double *sum);

#endif
