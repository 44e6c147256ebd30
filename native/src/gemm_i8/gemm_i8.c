// SPDX-License-Identifier: Apache-2.0
#include "gemm_i8.h"

#define I8_DISPATCH(tier, name, arguments) LB_DISPATCH_FEATURE(tier, VNNI, avx512vnni, name, arguments)

int64_t lb_gemm_i8_per_word(int32_t tier) { return lb_has(tier, LB_FEATURE_VNNI) ? 4 : 2; }

int32_t lb_gemm_i8_pack_a(int32_t tier, const int8_t *restrict a, int64_t lda, void *restrict packed, int64_t from,
                          int64_t to, int64_t depth) {
  if (!lb_range_ok(from, to, LB_GEMM_ROWS) || depth < 0) {
    return LB_BAD_SIZE;
  }
  return I8_DISPATCH(tier, lb_gemm_i8_pack_a, (a, lda, packed, from, to, depth));
}

int32_t lb_gemm_i8_pack_b(int32_t tier, int32_t options, const int8_t *restrict b, int64_t ldb, void *restrict packed,
                          int64_t from, int64_t to, int64_t depth) {
  if (!lb_range_ok(from, to, LB_GEMM_COLS) || depth < 0) {
    return LB_BAD_SIZE;
  }
  return I8_DISPATCH(tier, lb_gemm_i8_pack_b, (options, b, ldb, packed, from, to, depth));
}

int32_t lb_gemm_i8(int32_t tier, const void *restrict packed_a, const void *restrict packed_b, void *restrict c, int64_t ldc,
                   const float *restrict row_scale, const float *restrict col_scale, const float *restrict bias, int64_t from,
                   int64_t to, int64_t col_from, int64_t col_to, int64_t k_from, int64_t k_to, int64_t k) {
  if (!lb_range_ok(from, to, LB_GEMM_ROWS) || !lb_range_ok(col_from, col_to, LB_GEMM_COLS) || !lb_rows_ok(k_from, k_to, k) ||
      k_to > k) {
    return LB_BAD_SIZE;
  }
  GemmI8 g = {c, ldc, row_scale, col_scale, bias, k_from == 0, row_scale != NULL && k_to == k};
  return I8_DISPATCH(tier, lb_gemm_i8, (&g, packed_a, packed_b, from, to, col_from, col_to, k_to - k_from));
}
