// SPDX-License-Identifier: Apache-2.0
#include "gemm_i8.h"

#define I8_DISPATCH(tier, name, arguments) LB_DISPATCH_FEATURE(tier, VNNI, avx512vnni, name, arguments)

int64_t lb_gemm_i8_per_word(int32_t tier) { return lb_has(tier, LB_FEATURE_VNNI) ? 4 : 2; }

int32_t lb_gemm_i8_pack_a(int32_t tier, const int8_t *restrict a, int64_t a_at, int64_t lda, void *restrict packed,
                          int64_t from, int64_t to, int64_t depth) {
  if (!lb_range_ok(from, to, LB_GEMM_ROWS) || depth < 0) {
    return LB_BAD_SIZE;
  }
  return I8_DISPATCH(tier, lb_gemm_i8_pack_a, (a + a_at, lda, packed, from, to, depth));
}

int32_t lb_gemm_i8_pack_b(int32_t tier, int32_t options, const int8_t *restrict b, int64_t b_at, int64_t ldb,
                          void *restrict packed, int64_t packed_at, int64_t from, int64_t to, int64_t depth) {
  if (!lb_range_ok(from, to, LB_GEMM_COLS) || depth < 0) {
    return LB_BAD_SIZE;
  }
  void *target = (char *)packed + packed_at;
  return I8_DISPATCH(tier, lb_gemm_i8_pack_b, (options, b + b_at, ldb, target, from, to, depth));
}

int32_t lb_gemm_i8(int32_t tier, const void *restrict packed_a, const void *restrict packed_b, int64_t packed_b_at,
                   void *restrict c, int64_t c_at, int64_t ldc, const float *restrict row_scale, int64_t row_scale_at,
                   const float *restrict col_scale, const float *restrict bias, int64_t col_at, int64_t from, int64_t to,
                   int64_t col_from, int64_t col_to, int64_t k_from, int64_t k_to, int64_t k) {
  if (!lb_range_ok(from, to, LB_GEMM_ROWS) || !lb_range_ok(col_from, col_to, LB_GEMM_COLS) || !lb_rows_ok(k_from, k_to, k) ||
      k_to > k) {
    return LB_BAD_SIZE;
  }
  /* C holds int32_t or float: four bytes an element. */
  GemmI8 g = {(char *)c + 4 * c_at,
              ldc,
              row_scale ? row_scale + row_scale_at : NULL,
              col_scale ? col_scale + col_at : NULL,
              bias ? bias + col_at : NULL,
              k_from == 0,
              row_scale != NULL && k_to == k};
  const void *panels = (const char *)packed_b + packed_b_at;
  return I8_DISPATCH(tier, lb_gemm_i8, (&g, packed_a, panels, from, to, col_from, col_to, k_to - k_from));
}

int32_t lb_gemm_i8_few(int32_t tier, int32_t options, int64_t m, int64_t n, int64_t k, const int8_t *restrict a, int64_t a_at,
                       int64_t lda, const int8_t *restrict b, int64_t b_at, int64_t ldb, void *restrict c, int64_t c_at,
                       int64_t ldc, const float *restrict row_scale, const float *restrict col_scale,
                       const float *restrict bias, int64_t from, int64_t to, void *restrict scratch) {
  if (!few_ok(m, n, k, from, to)) {
    return LB_BAD_SIZE;
  }
  Few few = few_call(options & LB_GEMM_TRANS_B, m, n, k, a + a_at, lda, b + b_at, ldb, scratch);
  GemmI8 g = {(char *)c + 4 * c_at, ldc, row_scale, col_scale, bias, 1, row_scale != NULL};
  return I8_DISPATCH(tier, lb_gemm_i8_few, (&few, &g, from, to));
}
