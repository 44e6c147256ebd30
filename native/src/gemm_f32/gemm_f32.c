// SPDX-License-Identifier: Apache-2.0
#include "gemm_f32.h"

int64_t lb_gemm_f32_scratch(int32_t tier, int64_t k) {
  (void)tier;
  /* Strips of the result; then panels of op(B) and a tile of op(A), or lines of the small operand. */
  int64_t strips = GEMM_DOT_LINES * GEMM_STRIP + GEMM_STRIP;
  int64_t tiles = GEMM_PANELS + GEMM_HIGHEST * GEMM_COPY_LINE(GEMM_DEPTH);
  return (strips + lb_max(tiles, GEMM_DOT_COPIED * GEMM_LINE(k))) * (int64_t)sizeof(float);
}

int32_t lb_gemm_f32(int32_t tier, int32_t options, int64_t m, int64_t n, int64_t k, float alpha, const float *restrict a,
                    int64_t a_at, int64_t lda, const float *restrict b, int64_t b_at, int64_t ldb, float beta,
                    float *restrict c, int64_t c_at, int64_t ldc, const float *restrict bias, int64_t row_from,
                    int64_t row_to, int64_t col_from, int64_t col_to, void *restrict scratch) {
  if (k < 0 || !lb_rows_ok(row_from, row_to, n) || !lb_rows_ok(col_from, col_to, m) || row_to > m || col_to > n) {
    return LB_BAD_SIZE;
  }
  if (row_from == row_to || col_from == col_to) {
    return LB_OK;
  }
  GemmF32 g = {options, m, n, k, alpha, beta, a + a_at, lda, b + b_at, ldb, c + c_at, ldc, bias, scratch};
  return LB_DISPATCH(tier, lb_gemm_f32, (&g, row_from, row_to, col_from, col_to));
}
