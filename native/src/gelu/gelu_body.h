// SPDX-License-Identifier: Apache-2.0
/*
 * gelu. The form erf: y = x P(x), P(x) = (1 + erf(x / sqrt 2)) / 2, dy/dx = P(x) + x p(x). The form tanh: y = x s,
 * s = 1 / (1 + exp(-2 u)), u = sqrt(2 / pi) (x + 0.044715 x^3), dy/dx = s + x s (1 - s) 2 du/dx.
 *
 * x, y, gy, gx f32 [rows, cols], any row stride, 4-byte aligned; y may be x, gx may be gy.
 * +infinity gives +infinity, -infinity 0 (slopes 1 and 0), NaN gives NaN.
 * Error of y below 1e-7 for negative x, below 1e-6 relative for positive x; no sums.
 * A call does rows [from, to) on the calling thread; the bits of an element depend on that element alone.
 * One pass, 35 flops an element (slope 46; tanh 35 with a division); reads rows cols (backward twice that), writes rows cols
 * floats. Tails in masked vectors.
 */
#include "../simd/simd_rows.h"
#include "gelu.h"

#define GELU_SCALE 1.5957691216f /* 2 sqrt(2 / pi) */
#define GELU_CUBIC 0.044715f
/* Bounds x, as 0 times infinity would be NaN. */
#define GELU_LIMIT 40.0f

LB_INLINE void gelu_erf_slopes(const int n, const vf32 *x, vf32 *gy) {
  vf32 slope[LB_AT_ONCE];
  vf32_gelu_slope_each(n, x, slope);
  LB_EACH(n) { gy[k] = vf32_mul(gy[k], slope[k]); }
}

/* exp(-2 |u|); of NaN NaN. */
LB_INLINE void gelu_exp_each(const int n, const vf32 *x, vf32 *e) {
  LB_EACH(n) {
    vf32 t = vf32_min(vf32_set1(GELU_LIMIT), vf32_abs(x[k]));
    vf32 scale = vf32_fma(vf32_mul(t, t), vf32_set1(-GELU_CUBIC * GELU_SCALE), vf32_set1(-GELU_SCALE));
    e[k] = vf32_mul(scale, t);
  }
  vf32_exp_negative_each(n, e);
}

/* s is 1 / (1 + e) or e / (1 + e). */
LB_INLINE void gelu_tanh_values(const int n, vf32 *x) {
  vf32 one = vf32_set1(1.0f);
  vf32 e[LB_AT_ONCE];
  gelu_exp_each(n, x, e);
  LB_EACH(n) {
    vf32 s = vf32_div(vf32_blend(vf32_lt(x[k], vf32_zero()), one, e[k]), vf32_add(one, e[k]));
    x[k] = vf32_mul(vf32_max(vf32_set1(-GELU_LIMIT), x[k]), s);
  }
}

LB_INLINE void gelu_tanh_slopes(const int n, const vf32 *x, vf32 *gy) {
  vf32 one = vf32_set1(1.0f);
  vf32 e[LB_AT_ONCE];
  gelu_exp_each(n, x, e);
  LB_EACH(n) {
    vf32 inverse = vf32_div(one, vf32_add(one, e[k]));
    vf32 s = vf32_mul(vf32_blend(vf32_lt(x[k], vf32_zero()), one, e[k]), inverse);
    vf32 b = vf32_max(vf32_set1(-GELU_LIMIT), vf32_min(vf32_set1(GELU_LIMIT), x[k]));
    vf32 du = vf32_fma(vf32_mul(b, b), vf32_set1(3 * GELU_CUBIC * GELU_SCALE), vf32_set1(GELU_SCALE));
    vf32 rest = vf32_mul(vf32_mul(vf32_mul(e[k], inverse), inverse), b);
    gy[k] = vf32_mul(gy[k], vf32_fma(rest, du, s));
  }
}

int32_t LB_TIER(lb_gelu_forward)(int32_t form, const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from,
                                 int64_t to, int64_t cols) {
  switch (form) {
    case LB_GELU_ERF:
      lb_rows_1(LB_AT_ONCE, vf32_gelu_each, x, x_stride, y, y_stride, from, to, cols);
      return LB_OK;
    case LB_GELU_TANH:
      lb_rows_1(LB_AT_ONCE, gelu_tanh_values, x, x_stride, y, y_stride, from, to, cols);
      return LB_OK;
    default:
      return LB_BAD_OPTION;
  }
}

int32_t LB_TIER(lb_gelu_backward)(int32_t form, const float *x, int64_t x_stride, const float *gy, int64_t gy_stride, float *gx,
                                  int64_t gx_stride, int64_t from, int64_t to, int64_t cols) {
  switch (form) {
    case LB_GELU_ERF:
      lb_rows_2(LB_AT_ONCE, gelu_erf_slopes, x, x_stride, gy, gy_stride, gx, gx_stride, from, to, cols);
      return LB_OK;
    case LB_GELU_TANH:
      lb_rows_2(LB_AT_ONCE, gelu_tanh_slopes, x, x_stride, gy, gy_stride, gx, gx_stride, from, to, cols);
      return LB_OK;
    default:
      return LB_BAD_OPTION;
  }
}
