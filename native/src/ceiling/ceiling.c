// SPDX-License-Identifier: Apache-2.0
#include "ceiling.h"

/* What plain C becomes is the compiler's choice: there is no peak to speak of. */
int32_t lb_ceiling_i8_portable(int32_t a, int32_t b, int64_t rounds, double *sum) {
  (void)a, (void)b, (void)rounds, (void)sum;
  return LB_BAD_OPTION;
}

int32_t lb_ceiling_bf16_portable(int32_t a, int32_t b, int64_t rounds, double *sum) {
  return lb_ceiling_i8_portable(a, b, rounds, sum);
}

int32_t lb_ceiling_i8(int32_t tier, int64_t rounds, double *LB_RESTRICT sum) {
  if (rounds < 0 || rounds > LB_CEILING_ROUNDS) {
    return LB_BAD_SIZE;
  }
  /* Bytes of 1, or halves of 1. */
  int32_t one = lb_has(tier, LB_FEATURE_VNNI) ? 0x01010101 : 0x00010001;
  return LB_DISPATCH_FEATURE(tier, VNNI, avx512vnni, lb_ceiling_i8, (one, one, rounds, sum));
}

int32_t lb_ceiling_bf16(int32_t tier, int64_t rounds, double *LB_RESTRICT sum) {
  if (rounds < 0 || rounds > LB_CEILING_ROUNDS) {
    return LB_BAD_SIZE;
  }
  /* Two bfloat16 of 1, or a float of 1. */
  int32_t one = lb_has(tier, LB_FEATURE_BF16) ? 0x3F803F80 : 0x3F800000;
  return LB_DISPATCH_FEATURE(tier, BF16, avx512bf16, lb_ceiling_bf16, (one, one, rounds, sum));
}
