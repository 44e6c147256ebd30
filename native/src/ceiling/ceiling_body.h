// SPDX-License-Identifier: Apache-2.0
/*
 * ceiling. The instructions that gemm_i8 and gemm_bf16 sum with, on registers alone: as many sums as hide their latency, and
 * no load or store between them.
 *
 * Factors are 1, so that the sum of all lanes is the number of products; both come from the caller, and one is hidden from the
 * compiler anew for each instruction, so that it computes nothing before the loop. Sums are exact up to LB_CEILING_ROUNDS.
 */
#include "../simd/simd_bytes.h"
#include "ceiling.h"

/* See simd_bytes.h. */
LB_PLAIN_LOOPS

#define CHAINS 12
#define HIDE(v) __asm__("" : "+v"(v))

#ifndef __AVX512BF16__
LB_INLINE vi32 ceiling_dot_i8(vi32 sum, vi32 a, vi32 b) {
#ifdef __AVX512VNNI__
  return vi32_dot(sum, a, b);
#else
  return vi32_madd(sum, a, b);
#endif
}

int32_t LB_TIER(lb_ceiling_i8)(int32_t a, int32_t b, int64_t rounds, double *sum) {
  vi32 as = vi32_set1(a);
  vi32 bs = vi32_set1(b);
  vi32 sums[CHAINS];
  LB_UNROLL
  for (int i = 0; i < CHAINS; i++) {
    sums[i] = vi32_set1(0);
  }
  for (int64_t round = 0; round < rounds; round++) {
    LB_UNROLL
    for (int i = 0; i < CHAINS; i++) {
      HIDE(as);
      sums[i] = ceiling_dot_i8(sums[i], as, bs);
    }
  }
  double all = 0;
  LB_UNROLL
  for (int i = 0; i < CHAINS; i++) {
    int32_t lanes[LB_W];
    vi32_store_n(lanes, sums[i], LB_W);
    for (int l = 0; l < LB_W; l++) {
      all += lanes[l];
    }
  }
  *sum = all;
  return LB_OK;
}
#endif

#ifndef __AVX512VNNI__
LB_INLINE vf32 ceiling_dot_bf16(vf32 sum, vi32 a, vi32 b) {
#ifdef __AVX512BF16__
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#else
  return vf32_fma(vi32_as_f32(a), vi32_as_f32(b), sum);
#endif
}

int32_t LB_TIER(lb_ceiling_bf16)(int32_t a, int32_t b, int64_t rounds, double *sum) {
  vi32 as = vi32_set1(a);
  vi32 bs = vi32_set1(b);
  vf32 sums[CHAINS];
  LB_UNROLL
  for (int i = 0; i < CHAINS; i++) {
    sums[i] = vf32_zero();
  }
  for (int64_t round = 0; round < rounds; round++) {
    LB_UNROLL
    for (int i = 0; i < CHAINS; i++) {
      HIDE(as);
      sums[i] = ceiling_dot_bf16(sums[i], as, bs);
    }
  }
  double all = 0;
  LB_UNROLL
  for (int i = 0; i < CHAINS; i++) {
    float lanes[LB_W];
    vf32_store_n(lanes, sums[i], LB_W);
    for (int l = 0; l < LB_W; l++) {
      all += lanes[l];
    }
  }
  *sum = all;
  return LB_OK;
}
#endif
