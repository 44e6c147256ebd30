// SPDX-License-Identifier: Apache-2.0
/* softmax_kl: the soft cap of logits, and what it does to their gradients. */
#ifndef LB_SOFTMAX_KL_CAP_H
#define LB_SOFTMAX_KL_CAP_H

#include "softmax_kl_loops.h"

/*
 * The soft cap: to = cap tanh(x / cap), and its slope unless that is null. With e = exp(-2 |x| / cap) and m = e - 1, found
 * without a subtraction of close numbers, tanh is -m / (2 + m) and the slope 4 e / (2 + m)^2: both keep their digits near 0
 * and far out.
 */
static void kl_cap(const float *x, float *to, float *slope, int64_t cols, float cap) {
  vf32 sign = vf32_set1(-1);
  vf32 inverse = vf32_set1(1 / cap);
  vf32 one = vf32_set1(1);
  vf32 binary = vf32_set1(-2 * LB_LOG2E_HIGH);
  for (int64_t i = 0; i < cols; i += LB_W) {
    int64_t n = lb_min(LB_W, cols - i);
    LB_PREFETCH_FAR(x + i + KL_AHEAD);
    vf32 v = n == LB_W ? vf32_load(x + i) : vf32_load_n(x + i, n, vf32_zero());
    /* From here on tanh is 1. min gives its second argument for NaN: the slope is always finite. */
    vf32 t = vf32_min(vf32_mul(vf32_abs(v), inverse), vf32_set1(40));
    vf32 round = vf32_fma(t, binary, vf32_set1(LB_ROUND));
    vf32 f = vf32_fma(t, binary, vf32_sub(vf32_set1(LB_ROUND), round));
    vf32 scale = vi32_as_f32(vi32_add(vf32_as_i32(one), vi32_shl(vf32_as_i32(round), 23)));
    vf32 p = vf32_mul(f, vf32_exp2_slope(f));
    vf32 m = vf32_fma(scale, p, vf32_sub(scale, one));
    vf32 e = vf32_fma(scale, p, scale);
    vf32 r = vf32_div(one, vf32_add(vf32_set1(2), m));
    vf32 y = vf32_mul(vf32_mul(m, r), vf32_set1(cap));
    y = vf32_blend(vf32_lt(v, vf32_zero()), vf32_mul(y, sign), y);
    kl_store(to + i, vf32_blend(vf32_nan(v), y, v), n);
    if (slope) {
      kl_store(slope + i, vf32_mul(vf32_mul(vf32_set1(4), e), vf32_mul(r, r)), n);
    }
  }
}

/* g = g slope */
static void kl_steepen(float *g, const float *slope, int64_t cols) {
  for (int64_t i = 0; i < cols; i += LB_W) {
    int64_t n = lb_min(LB_W, cols - i);
    kl_store(g + i, vf32_mul(kl_load(g + i, n), kl_load(slope + i, n)), n);
  }
}

#endif
