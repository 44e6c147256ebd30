// SPDX-License-Identifier: Apache-2.0
#ifndef LB_GEMM_BF16_H
#define LB_GEMM_BF16_H

#include <string.h>

#include "../arch.h"
#include "../simd/few_call.h"

/* A call: what it is given, and whether it begins and ends the sums. */
typedef struct {
  int32_t options;
  float alpha;
  float beta;
  float *c;
  int64_t ldc;
  const float *bias;
  int begins;
  int ends;
} GemmBf16;

#define LB_DECLARE_BF16(tier)                                                                                               \
  int32_t lb_gemm_bf16_pack_##tier(int by_rows, int turn, const uint16_t *restrict x, int64_t stride,                       \
                                   int32_t *restrict packed, int64_t from, int64_t to, int64_t depth);                      \
  int32_t lb_gemm_bf16_##tier(const GemmBf16 *g, const int32_t *packed_a, const int32_t *packed_b, int64_t from, int64_t to, \
                              int64_t col_from, int64_t col_to, int64_t depth);                                             \
  int32_t lb_gemm_bf16_few_##tier(const Few *few, const GemmBf16 *g, int64_t from, int64_t to);

LB_DECLARE_BF16(portable)
LB_DECLARE_BF16(avx2)
LB_DECLARE_BF16(avx512)
LB_DECLARE_BF16(avx512bf16)

#endif
