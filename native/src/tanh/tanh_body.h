// SPDX-License-Identifier: Apache-2.0
/*
 * tanh. Of t = |x|: below 0.625 the odd polynomial t + t^3 p(t^2) (Cephes), which loses no digit near 0; from there on
 * 1 - 2 e / (1 + e), e = exp(-2 t); then the sign of x. gx = gy (1 - y) (1 + y), from the outputs.
 *
 * x, y, gy, gx f32 [rows, cols], any row stride, 4-byte aligned; y of the forward function may be x, gx may be gy.
 * +-infinity gives +-1 with slope 0, NaN gives NaN, -0 gives -0; tanh(-x) is -tanh(x) to the bit.
 * Error of y below 2e-7 relative, of gx four roundings; no sums.
 * A call does rows [from, to) on the calling thread; the bits of an element depend on that element alone.
 * One pass, 40 flops an element, one of them a division (backward four); reads rows cols (backward twice that), writes rows
 * cols floats. Tails in masked vectors.
 */
#include "../simd/simd_rows.h"
#include "tanh.h"

LB_INLINE void tanh_values(const int n, vf32 *x) {
  vf32 one = vf32_set1(1.0f);
  vf32 t[LB_AT_ONCE];
  vf32 s[LB_AT_ONCE];
  vf32 small[LB_AT_ONCE];
  vf32 e[LB_AT_ONCE];
  LB_EACH(n) { t[k] = vf32_abs(x[k]); }
  /* From there on e is too small to count. */
  LB_EACH(n) { e[k] = vf32_min(vf32_set1(LB_EXP_LOWEST / -2), t[k]); }
  vf32_exp_scaled_each(n, -2.0f, e, e);
  LB_EACH(n) { s[k] = vf32_mul(t[k], t[k]); }
  vf32_line_each(n, s, -5.70498872745e-3f, 2.06390887954e-2f, small);
  vf32_horner_each(n, small, s, -5.37397155531e-2f);
  vf32_horner_each(n, small, s, 1.33314422036e-1f);
  vf32_horner_each(n, small, s, -3.33332819422e-1f);
  LB_EACH(n) { small[k] = vf32_fma(vf32_mul(small[k], s[k]), t[k], t[k]); }
  LB_EACH(n) { e[k] = vf32_sub(one, vf32_div(vf32_add(e[k], e[k]), vf32_add(e[k], one))); }
  LB_EACH(n) {
    /* NaN is not above the limit, and stays NaN in the polynomial. */
    vf32 y = vf32_blend(vf32_le(vf32_set1(0.625f), t[k]), small[k], e[k]);
    vi32 sign = vi32_and(vf32_as_i32(x[k]), vi32_set1(INT32_MIN));
    x[k] = vi32_as_f32(vi32_or(sign, vf32_as_i32(y)));
  }
}

LB_INLINE void tanh_slopes(const int n, const vf32 *y, vf32 *gy) {
  vf32 one = vf32_set1(1.0f);
  LB_EACH(n) { gy[k] = vf32_mul(vf32_mul(vf32_sub(one, y[k]), vf32_add(one, y[k])), gy[k]); }
}

int32_t LB_TIER(lb_tanh_forward)(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from, int64_t to,
                                 int64_t cols) {
  lb_rows_1(LB_AT_ONCE, tanh_values, x, x_stride, y, y_stride, from, to, cols);
  return LB_OK;
}

int32_t LB_TIER(lb_tanh_backward)(const float *restrict y, int64_t y_stride, const float *gy, int64_t gy_stride, float *gx,
                                  int64_t gx_stride, int64_t from, int64_t to, int64_t cols) {
  lb_rows_2(1, tanh_slopes, y, y_stride, gy, gy_stride, gx, gx_stride, from, to, cols);
  return LB_OK;
}
