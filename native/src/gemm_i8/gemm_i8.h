// SPDX-License-Identifier: Apache-2.0
#ifndef LB_GEMM_I8_H
#define LB_GEMM_I8_H

#include <stddef.h>
#include <string.h>

#include "../arch.h"
#include "../simd/few_call.h"

/* A call: what it is given, and whether it begins and ends the sums. */
typedef struct {
  char *c;
  int64_t ldc;
  const float *row_scale;
  const float *col_scale;
  const float *bias;
  int begins;
  int scales;
} GemmI8;

#define LB_DECLARE_I8(tier)                                                                                                 \
  int32_t lb_gemm_i8_pack_a_##tier(const int8_t *restrict a, int64_t lda, int32_t *restrict packed, int64_t from,           \
                                   int64_t to, int64_t depth);                                                              \
  int32_t lb_gemm_i8_pack_b_##tier(int32_t options, const int8_t *restrict b, int64_t ldb, int32_t *restrict packed,        \
                                   int64_t from, int64_t to, int64_t depth);                                                \
  int32_t lb_gemm_i8_##tier(const GemmI8 *g, const int32_t *packed_a, const int32_t *packed_b, int64_t from, int64_t to,    \
                            int64_t col_from, int64_t col_to, int64_t depth);                                               \
  int32_t lb_gemm_i8_few_##tier(const Few *few, const GemmI8 *g, int64_t from, int64_t to);

LB_DECLARE_I8(portable)
LB_DECLARE_I8(avx2)
LB_DECLARE_I8(avx512)
LB_DECLARE_I8(avx512vnni)

#endif
