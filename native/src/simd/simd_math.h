// SPDX-License-Identifier: Apache-2.0
/* Functions over the vector layer, the same text for every tier. Included at the end of each simd_<tier>.h. */

/* log2(e) in two parts, and 1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits. */
#define LB_LOG2E_HIGH 1.44269502f
#define LB_LOG2E_LOW 1.92596299e-8f
#define LB_ROUND 12582912.0f
/* Below this exp is taken as 0; above LB_EXP_HIGHEST it is infinity. */
#define LB_EXP_LOWEST (-87.0f)
#define LB_EXP_HIGHEST 88.7228394f

/* (2^f - 1) / f for |f| <= 1/2, of the best polynomial of degree 6 for 2^f with 1 at 0, error 1.6e-8. */
LB_INLINE vf32 vf32_exp2_slope(vf32 f) {
  vf32 p = vf32_fma(f, vf32_set1(1.5353362e-4f), vf32_set1(1.3398875e-3f));
  p = vf32_fma(p, f, vf32_set1(9.61843692e-3f));
  p = vf32_fma(p, f, vf32_set1(5.55033237e-2f));
  p = vf32_fma(p, f, vf32_set1(0.240226477f));
  return vf32_fma(p, f, vf32_set1(0.693147182f));
}

/* 2^f for |f| <= 1/2. */
LB_INLINE vf32 vf32_exp2_fraction(vf32 f) { return vf32_fma(vf32_exp2_slope(f), f, vf32_set1(1.0f)); }

/* exp of values within [LB_EXP_LOWEST, 88]: 2^(n + f), n into the exponent bits. Error below 2 ulp. */
LB_INLINE vf32 vf32_exp_bounded(vf32 x) {
#if LB_FUSED
  vf32 n = vf32_fma(x, vf32_set1(LB_LOG2E_HIGH), vf32_set1(LB_ROUND));
  vf32 f = vf32_fma(x, vf32_set1(LB_LOG2E_HIGH), vf32_sub(vf32_set1(LB_ROUND), n));
  f = vf32_fma(x, vf32_set1(LB_LOG2E_LOW), f);
#else
  /* Products that are rounded would cost the digits of f: n ln(2) in two parts, the first product exact. */
  vf32 n = vf32_add(vf32_mul(x, vf32_set1(LB_LOG2E_HIGH)), vf32_set1(LB_ROUND));
  vf32 m = vf32_sub(n, vf32_set1(LB_ROUND));
  vf32 r = vf32_sub(x, vf32_mul(m, vf32_set1(0.693359375f)));
  vf32 f = vf32_mul(vf32_sub(r, vf32_mul(m, vf32_set1(-2.12194440e-4f))), vf32_set1(LB_LOG2E_HIGH));
#endif
  vf32 p = vf32_exp2_fraction(f);
  return vi32_as_f32(vi32_add(vf32_as_i32(p), vi32_shl(vf32_as_i32(n), 23)));
}

/* exp of x <= 0; 0 below LB_EXP_LOWEST, NaN for NaN. */
LB_INLINE vf32 vf32_exp_negative(vf32 x) {
  /* max gives its second argument for NaN, but the integer addition may lose it. */
  vf32 e = vf32_exp_bounded(vf32_max(vf32_set1(LB_EXP_LOWEST), x));
  e = vf32_blend(vf32_lt(x, vf32_set1(LB_EXP_LOWEST)), e, vf32_zero());
  return vf32_blend(vf32_nan(x), e, x);
}

/* exp; 0 below LB_EXP_LOWEST, infinity above LB_EXP_HIGHEST, NaN for NaN. */
LB_INLINE vf32 vf32_exp(vf32 x) {
  vf32 low = vf32_set1(LB_EXP_LOWEST);
  vf32 high = vf32_set1(LB_EXP_HIGHEST);
  /* Near the limit 2^n would be 2^128: half the result, then twice that. */
  vf32 t = vf32_max(low, vf32_min(high, x));
  vf32 over = vf32_sub(t, vf32_set1(0.693147182f));
  vf32 e = vf32_exp_bounded(vf32_blend(vf32_lt(vf32_set1(88.0f), t), t, over));
  e = vf32_blend(vf32_lt(vf32_set1(88.0f), t), e, vf32_add(e, e));
  e = vf32_blend(vf32_lt(x, low), e, vf32_zero());
  e = vf32_blend(vf32_lt(high, x), e, vf32_set1(INFINITY));
  return vf32_blend(vf32_nan(x), e, x);
}

/* gelu in the erf form is x P(x); returns P(x): with t = |x|, 1 - P(t) = exp(-t^2 / 2) R(t). */
#define LB_GELU_VALUE (-0.3989416957f)
/* The same with R(t) - t / sqrt(2 pi) in place of R: the derivative of gelu. */
#define LB_GELU_SLOPE (-0.7978839761f)

/*
 * P(x) or gelu'(x) by the linear coefficient. R is the polynomial of least error in t exp(-t^2 / 2) R(t), 9e-9, exact at
 * 0. From |x| = 13 on 1 - P(|x|), below 1e-37, is taken as 0. NaN gives NaN.
 */
LB_INLINE vf32 vf32_gelu_factor(vf32 x, float linear) {
  vf32 t = vf32_abs(x);
  /* The bound keeps the exponential normal; min gives its second argument for NaN. */
  vf32 b = vf32_min(vf32_set1(13.0f), t);
  vf32 e = vf32_exp_bounded(vf32_mul(vf32_mul(b, b), vf32_set1(-0.5f)));
  vf32 r = vf32_fma(t, vf32_set1(4.615484172632023e-08f), vf32_set1(-1.3246194612293039e-06f));
  r = vf32_fma(r, t, vf32_set1(1.719164356472902e-05f));
  r = vf32_fma(r, t, vf32_set1(-0.00013506150571629405f));
  r = vf32_fma(r, t, vf32_set1(0.000729811261408031f));
  r = vf32_fma(r, t, vf32_set1(-0.0029464326798915863f));
  r = vf32_fma(r, t, vf32_set1(0.009505243971943855f));
  r = vf32_fma(r, t, vf32_set1(-0.025929313153028488f));
  r = vf32_fma(r, t, vf32_set1(0.06218541041016579f));
  r = vf32_fma(r, t, vf32_set1(-0.1328934282064438f));
  r = vf32_fma(r, t, vf32_set1(0.24998785555362701f));
  r = vf32_fma(r, t, vf32_set1(linear));
  r = vf32_mul(vf32_fma(r, t, vf32_set1(0.5f)), e);
  r = vf32_blend(vf32_le(vf32_set1(13.0f), t), r, vf32_zero());
  return vf32_blend(vf32_lt(x, vf32_zero()), vf32_sub(vf32_set1(1.0f), r), r);
}

/* gelu in the erf form; +infinity gives +infinity, -infinity 0, NaN NaN. */
LB_INLINE vf32 vf32_gelu(vf32 x) {
  /* Bounded below, as 0 times infinity would be NaN. */
  return vf32_mul(vf32_max(vf32_set1(-40.0f), x), vf32_gelu_factor(x, LB_GELU_VALUE));
}
