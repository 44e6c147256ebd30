// SPDX-License-Identifier: Apache-2.0
#include "gemm_ternary.h"

int32_t lb_gemm_ternary_f32(int32_t tier, const float *restrict x, int64_t x_stride, const uint8_t *restrict weights,
                            const float *restrict scale, int64_t scale_step, const float *restrict bias, float *restrict y,
                            int64_t y_stride, int64_t from, int64_t to, int64_t col_from, int64_t col_to, int64_t k) {
  if (!lb_rows_ok(from, to, k) || !lb_rows_ok(col_from, col_to, k)) {
    return LB_BAD_SIZE;
  }
  Ternary t = {x, x_stride, NULL, weights, scale, scale_step, bias, y, y_stride, NULL, 0, k};
  return LB_DISPATCH(tier, lb_gemm_ternary_f32, (&t, from, to, col_from, col_to));
}

int32_t lb_gemm_ternary_i8(int32_t tier, const void *restrict quantized, const uint8_t *restrict weights,
                           const float *restrict scale, int64_t scale_step, const float *restrict bias, float *restrict y,
                           int64_t y_at, int64_t y_stride, int32_t *restrict acc, int64_t acc_at, int64_t acc_stride,
                           int64_t from, int64_t to, int64_t col_from, int64_t col_to, int64_t k) {
  if (!lb_rows_ok(from, to, k) || !lb_rows_ok(col_from, col_to, k) || k > TERNARY_MAX_K) {
    return LB_BAD_SIZE;
  }
  int32_t *sums = acc ? acc + acc_at : NULL;
  Ternary t = {NULL, 0, quantized, weights, scale, scale_step, bias, y + y_at, y_stride, sums, acc_stride, k};
  return LB_DISPATCH_FEATURE(tier, VNNI, avx512vnni, lb_gemm_ternary_i8, (&t, from, to, col_from, col_to));
}

int32_t lb_gemm_ternary_quantize(int32_t tier, const float *restrict x, int64_t x_at, int64_t x_stride,
                                 void *restrict quantized, int64_t from, int64_t to, int64_t k) {
  if (!lb_rows_ok(from, to, k) || k > TERNARY_MAX_K) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_gemm_ternary_quantize, (x + x_at, x_stride, quantized, from, to, k));
}
