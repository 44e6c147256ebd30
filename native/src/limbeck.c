// SPDX-License-Identifier: Apache-2.0
/* The number of the interface, what the processor can do, and what stems share. */
#include "arch.h"
#include "simd/few_call.h"

int32_t lb_abi(void) { return LB_ABI; }

/* The compiler's test covers the operating system too: whether it saves the wide registers. */
int32_t lb_best_tier(void) {
  int32_t tier = LB_TIER_PORTABLE;
#if LB_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    tier = LB_TIER_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      tier = LB_TIER_AVX512;
      if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi")) {
        tier |= LB_FEATURE_VNNI;
      }
      if (__builtin_cpu_supports("avx512bf16")) {
        tier |= LB_FEATURE_BF16;
      }
    }
  }
#endif
  return tier;
}

int64_t lb_gemm_few_scratch(int32_t tier, int64_t k) {
  (void)tier;
  /* An element may take a word. */
  return (FEW_STARTS + FEW_SUMS + LB_GEMM_FEW * few_pitch(k)) * (int64_t)sizeof(int32_t);
}
