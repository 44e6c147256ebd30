// SPDX-License-Identifier: Apache-2.0
/*
 * relu. y = max(x, 0); gx = gy where x is above 0, and 0 elsewhere.
 *
 * x, y, gy, gx f32 [rows, cols], any row stride, 4-byte aligned; y may be x, gx may be gy.
 * -0 gives +0; NaN gives NaN and passes no gradient. Exact.
 * A call does rows [from, to) on the calling thread; the bits of an element depend on that element alone.
 * One pass; reads rows cols (backward twice that), writes rows cols floats. Tails in masked vectors.
 */
#include "../simd/simd_rows.h"
#include "relu.h"

LB_INLINE void relu_values(const int n, vf32 *x) {
  LB_EACH(n) { x[k] = vf32_blend(vf32_le(x[k], vf32_zero()), x[k], vf32_zero()); }
}

LB_INLINE void relu_slopes(const int n, const vf32 *x, vf32 *gy) {
  LB_EACH(n) { gy[k] = vf32_blend(vf32_lt(vf32_zero(), x[k]), vf32_zero(), gy[k]); }
}

int32_t LB_TIER(lb_relu_forward)(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from, int64_t to,
                                 int64_t cols) {
  lb_rows_1(1, relu_values, x, x_stride, y, y_stride, from, to, cols);
  return LB_OK;
}

int32_t LB_TIER(lb_relu_backward)(const float *restrict x, int64_t x_stride, const float *gy, int64_t gy_stride, float *gx,
                                  int64_t gx_stride, int64_t from, int64_t to, int64_t cols) {
  lb_rows_2(1, relu_slopes, x, x_stride, gy, gy_stride, gx, gx_stride, from, to, cols);
  return LB_OK;
}
