// SPDX-License-Identifier: Apache-2.0
/* Functions over the vector layer, the same text for every tier. Included at the end of each simd_<tier>.h. */

/* log2(e) in two parts, and 1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits. */
#define LB_LOG2E_HIGH 1.44269502f
#define LB_LOG2E_LOW 1.92596299e-8f
#define LB_ROUND 12582912.0f
/* Below this exp is taken as 0; above LB_EXP_HIGHEST it is infinity. */
#define LB_EXP_LOWEST (-87.0f)
#define LB_EXP_HIGHEST 88.7228394f

/*
 * The functions _each take n vectors, a constant, and do a step for all of them before the next step. A function of one vector
 * is a chain of steps that wait for each other, and the instructions of several such chains, one chain after another, are more
 * than a processor looks ahead. LB_AT_ONCE vectors fit into the registers.
 */
#define LB_EACH(n) LB_UNROLL for (int k = 0; k < (n); k++)

/* p = p x + c */
LB_INLINE void vf32_horner_each(const int n, vf32 *p, const vf32 *x, const float c) {
  LB_EACH(n) { p[k] = vf32_fma(p[k], x[k], vf32_set1(c)); }
}

/* p = a x + b, and p = p s + q: what polynomials are made of in pairs of terms, where half as many steps wait for each other. */
LB_INLINE void vf32_line_each(const int n, const vf32 *x, const float a, const float b, vf32 *p) {
  LB_EACH(n) { p[k] = vf32_fma(x[k], vf32_set1(a), vf32_set1(b)); }
}
LB_INLINE void vf32_join_each(const int n, vf32 *p, const vf32 *s, const vf32 *q) {
  LB_EACH(n) { p[k] = vf32_fma(p[k], s[k], q[k]); }
}

/* (2^f - 1) / f for |f| <= 1/2, of the best polynomial of degree 6 for 2^f with 1 at 0, error 1.6e-8. */
LB_INLINE void vf32_exp2_slope_each(const int n, const vf32 *f, vf32 *p) {
  vf32_line_each(n, f, 1.5353362e-4f, 1.3398875e-3f, p);
  vf32_horner_each(n, p, f, 9.61843692e-3f);
  vf32_horner_each(n, p, f, 5.55033237e-2f);
  vf32_horner_each(n, p, f, 0.240226477f);
  vf32_horner_each(n, p, f, 0.693147182f);
}

LB_INLINE vf32 vf32_exp2_slope(vf32 f) {
  vf32 p;
  vf32_exp2_slope_each(1, &f, &p);
  return p;
}

/* 2^f for |f| <= 1/2. */
LB_INLINE vf32 vf32_exp2_fraction(vf32 f) { return vf32_fma(vf32_exp2_slope(f), f, vf32_set1(1.0f)); }

/* 2^(m + f), the integer m plus LB_ROUND, |f| <= 1/2: m is added to the exponent bits. */
LB_INLINE void vf32_exp2_each(const int n, const vf32 *f, const vf32 *m, vf32 *e) {
  vf32_exp2_slope_each(n, f, e);
  vf32_horner_each(n, e, f, 1.0f);
  LB_EACH(n) { e[k] = vi32_as_f32(vi32_add(vf32_as_i32(e[k]), vi32_shl(vf32_as_i32(m[k]), 23))); }
}

/*
 * exp of `factor` x, of values within [LB_EXP_LOWEST, 88]. Error below 2 ulp. The factor is a power of two or minus one: its
 * products are exact.
 */
LB_INLINE void vf32_exp_scaled_each(const int n, const float factor, const vf32 *x, vf32 *e) {
  vf32 m[LB_AT_ONCE];
  vf32 f[LB_AT_ONCE];
#if LB_FUSED
  LB_EACH(n) { m[k] = vf32_fma(x[k], vf32_set1(factor * LB_LOG2E_HIGH), vf32_set1(LB_ROUND)); }
  LB_EACH(n) { f[k] = vf32_sub(vf32_set1(LB_ROUND), m[k]); }
  LB_EACH(n) { f[k] = vf32_fma(x[k], vf32_set1(factor * LB_LOG2E_HIGH), f[k]); }
  LB_EACH(n) { f[k] = vf32_fma(x[k], vf32_set1(factor * LB_LOG2E_LOW), f[k]); }
#else
  /* Products that are rounded would cost the digits of f: m ln(2) in two parts, the first product exact. */
  LB_EACH(n) {
    vf32 s = vf32_mul(x[k], vf32_set1(factor));
    m[k] = vf32_add(vf32_mul(s, vf32_set1(LB_LOG2E_HIGH)), vf32_set1(LB_ROUND));
    vf32 i = vf32_sub(m[k], vf32_set1(LB_ROUND));
    vf32 r = vf32_sub(s, vf32_mul(i, vf32_set1(0.693359375f)));
    f[k] = vf32_mul(vf32_sub(r, vf32_mul(i, vf32_set1(-2.12194440e-4f))), vf32_set1(LB_LOG2E_HIGH));
  }
#endif
  vf32_exp2_each(n, f, m, e);
}

LB_INLINE vf32 vf32_exp_bounded(vf32 x) {
  vf32 e;
  vf32_exp_scaled_each(1, 1.0f, &x, &e);
  return e;
}

/* exp of x <= 0; 0 below LB_EXP_LOWEST, NaN for NaN. */
LB_INLINE void vf32_exp_negative_each(const int n, vf32 *x) {
  vf32 e[LB_AT_ONCE];
  /* max gives its second argument for NaN, but the integer addition may lose it. */
  LB_EACH(n) { e[k] = vf32_max(vf32_set1(LB_EXP_LOWEST), x[k]); }
  vf32_exp_scaled_each(n, 1.0f, e, e);
  LB_EACH(n) { e[k] = vf32_blend(vf32_lt(x[k], vf32_set1(LB_EXP_LOWEST)), e[k], vf32_zero()); }
  LB_EACH(n) { x[k] = vf32_blend(vf32_nan(x[k]), e[k], x[k]); }
}

LB_INLINE vf32 vf32_exp_negative(vf32 x) {
  vf32_exp_negative_each(1, &x);
  return x;
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

/*
 * gelu in the erf form, x P(x), P(x) = (1 + erf(x / sqrt 2)) / 2, as max(x, 0) - t (1 - P(t)) with t = |x|. 1 - P(t) is 2 to the
 * power of the polynomial of least error in t (1 - P(t)), 6e-9, which is -1 at 0; of rounding 4e-8. From 6.2 on 1 - P(t), below
 * 3e-10, is taken as 0. +infinity gives +infinity, -infinity 0, NaN NaN.
 */
LB_INLINE void vf32_gelu_each(const int n, vf32 *x) {
  vf32 t[LB_AT_ONCE];
  vf32 s[LB_AT_ONCE];
  vf32 q[LB_AT_ONCE];
  vf32 p[LB_AT_ONCE];
  vf32 m[LB_AT_ONCE];
  vf32 f[LB_AT_ONCE];
  /* Bounded, as 0 times infinity would be NaN. NaN may be lost here, but not in the maximum: it is the second argument. */
  LB_EACH(n) { t[k] = vf32_min(vf32_set1(6.2f), vf32_abs(x[k])); }
  LB_EACH(n) { s[k] = vf32_mul(t[k], t[k]); }
  vf32_line_each(n, t, 2.0813917e-07f, -4.884038e-06f, q);
  vf32_line_each(n, t, 4.5642351e-05f, -0.00018681998f, p);
  vf32_join_each(n, q, s, p);
  vf32_line_each(n, t, -0.00017132882f, 0.007138093f, p);
  vf32_join_each(n, q, s, p);
  vf32_line_each(n, t, -0.052563284f, -0.45918155f, p);
  vf32_join_each(n, q, s, p);
  vf32_line_each(n, t, -1.1511089f, -1.0f, p);
  vf32_join_each(n, q, s, p);
  LB_EACH(n) { m[k] = vf32_add(q[k], vf32_set1(LB_ROUND)); }
  LB_EACH(n) { f[k] = vf32_sub(q[k], vf32_sub(m[k], vf32_set1(LB_ROUND))); }
  vf32_exp2_each(n, f, m, q);
  LB_EACH(n) { q[k] = vf32_blend(vf32_lt(t[k], vf32_set1(6.2f)), vf32_zero(), q[k]); }
  LB_EACH(n) { x[k] = vf32_fnma(t[k], q[k], vf32_max(vf32_zero(), x[k])); }
}

/*
 * The derivative of gelu. With t = |x|, 1 - gelu'(t) = exp(-t^2 / 2) (R(t) - t / sqrt(2 pi)), R(t) that of 1 - P(t): the
 * polynomial of least error in t exp(-t^2 / 2) R(t), 9e-9, exact at 0. From 13 on it, below 1e-36, is taken as 0. NaN gives NaN.
 */
LB_INLINE void vf32_gelu_slope_each(const int n, const vf32 *x, vf32 *r) {
  vf32 t[LB_AT_ONCE];
  vf32 e[LB_AT_ONCE];
  LB_EACH(n) { t[k] = vf32_abs(x[k]); }
  /* The bound keeps the exponential normal; min gives its second argument for NaN. */
  LB_EACH(n) { e[k] = vf32_min(vf32_set1(13.0f), t[k]); }
  LB_EACH(n) { e[k] = vf32_mul(e[k], e[k]); }
  vf32_exp_scaled_each(n, -0.5f, e, e);
  vf32_line_each(n, t, 4.615484172632023e-08f, -1.3246194612293039e-06f, r);
  vf32_horner_each(n, r, t, 1.719164356472902e-05f);
  vf32_horner_each(n, r, t, -0.00013506150571629405f);
  vf32_horner_each(n, r, t, 0.000729811261408031f);
  vf32_horner_each(n, r, t, -0.0029464326798915863f);
  vf32_horner_each(n, r, t, 0.009505243971943855f);
  vf32_horner_each(n, r, t, -0.025929313153028488f);
  vf32_horner_each(n, r, t, 0.06218541041016579f);
  vf32_horner_each(n, r, t, -0.1328934282064438f);
  vf32_horner_each(n, r, t, 0.24998785555362701f);
  vf32_horner_each(n, r, t, -0.7978839761f);
  vf32_horner_each(n, r, t, 0.5f);
  LB_EACH(n) { r[k] = vf32_mul(r[k], e[k]); }
  LB_EACH(n) { r[k] = vf32_blend(vf32_le(vf32_set1(13.0f), t[k]), r[k], vf32_zero()); }
  LB_EACH(n) { r[k] = vf32_blend(vf32_lt(x[k], vf32_zero()), vf32_sub(vf32_set1(1.0f), r[k]), r[k]); }
}
