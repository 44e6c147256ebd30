// SPDX-License-Identifier: Apache-2.0
#include "gemm_bf16.h"

#define BF16_DISPATCH(tier, name, arguments) LB_DISPATCH_FEATURE(tier, BF16, avx512bf16, name, arguments)

int64_t lb_gemm_bf16_per_word(int32_t tier) { return lb_has(tier, LB_FEATURE_BF16) ? 2 : 1; }

int32_t lb_gemm_bf16_pack_a(int32_t tier, int32_t options, const uint16_t *restrict a, int64_t a_at, int64_t lda,
                            void *restrict packed, int64_t from, int64_t to, int64_t depth) {
  if (!lb_range_ok(from, to, LB_GEMM_ROWS) || depth < 0) {
    return LB_BAD_SIZE;
  }
  int turn = (options & LB_GEMM_TRANS_A) == 0;
  return BF16_DISPATCH(tier, lb_gemm_bf16_pack, (1, turn, a + a_at, lda, packed, from, to, depth));
}

int32_t lb_gemm_bf16_pack_b(int32_t tier, int32_t options, const uint16_t *restrict b, int64_t b_at, int64_t ldb,
                            void *restrict packed, int64_t packed_at, int64_t from, int64_t to, int64_t depth) {
  if (!lb_range_ok(from, to, LB_GEMM_COLS) || depth < 0) {
    return LB_BAD_SIZE;
  }
  int turn = (options & LB_GEMM_TRANS_B) != 0;
  void *target = (char *)packed + packed_at;
  return BF16_DISPATCH(tier, lb_gemm_bf16_pack, (0, turn, b + b_at, ldb, target, from, to, depth));
}

int32_t lb_gemm_bf16(int32_t tier, int32_t options, float alpha, const void *restrict packed_a, const void *restrict packed_b,
                     int64_t packed_b_at, float beta, float *restrict c, int64_t c_at, int64_t ldc, const float *restrict bias,
                     int64_t bias_at, int64_t from, int64_t to, int64_t col_from, int64_t col_to, int64_t k_from,
                     int64_t k_to, int64_t k) {
  if (!lb_range_ok(from, to, LB_GEMM_ROWS) || !lb_range_ok(col_from, col_to, LB_GEMM_COLS) || !lb_rows_ok(k_from, k_to, k) ||
      k_to > k) {
    return LB_BAD_SIZE;
  }
  GemmBf16 g = {options, alpha, beta, c + c_at, ldc, bias ? bias + bias_at : NULL, k_from == 0, k_to == k};
  const void *panels = (const char *)packed_b + packed_b_at;
  return BF16_DISPATCH(tier, lb_gemm_bf16, (&g, packed_a, panels, from, to, col_from, col_to, k_to - k_from));
}

int32_t lb_gemm_bf16_few(int32_t tier, int32_t options, int64_t m, int64_t n, int64_t k, float alpha,
                         const uint16_t *restrict a, int64_t a_at, int64_t lda, const uint16_t *restrict b, int64_t b_at,
                         int64_t ldb, float beta, float *restrict c, int64_t c_at, int64_t ldc, const float *restrict bias,
                         int64_t from, int64_t to, void *restrict scratch) {
  if (!few_ok(m, n, k, from, to)) {
    return LB_BAD_SIZE;
  }
  Few few = few_call(options, m, n, k, a + a_at, lda, b + b_at, ldb, scratch);
  GemmBf16 g = {options, alpha, beta, c + c_at, ldc, bias, 1, 1};
  return BF16_DISPATCH(tier, lb_gemm_bf16_few, (&few, &g, from, to));
}
