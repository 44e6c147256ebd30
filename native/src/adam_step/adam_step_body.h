// SPDX-License-Identifier: Apache-2.0
/*
 * The step of adamw and bert_adam: g' = factor g; m = beta1 m + rest1 g'; v = beta2 v + rest2 g'^2;
 * w = decay w - size m / (root sqrt(v) + epsilon). And the sum of the squares of g, for its norm.
 *
 * w, g, m, v f32 [rows, cols], any row stride, 4-byte aligned, apart from each other; w, m, v are updated.
 * NaN stays in its element. The step in float; squares (exact) and their sum in double, two sums a lane.
 * A call does rows [from, to) on the calling thread; the bits of an element depend on that element alone, those of a sum on
 * its range.
 * One pass, 12 flops, a root and a division an element; reads 4 rows cols, writes 3 rows cols floats. The sum one pass,
 * 2 flops an element. Tails in masked vectors.
 */
#include "adam_step.h"

typedef struct {
  vf32 beta1;
  vf32 rest1;
  vf32 beta2;
  vf32 rest2;
  vf32 epsilon;
  vf32 factor;
  vf32 decay;
  vf32 size;
  vf32 root;
} AdamStep;

/* Replaces w, m and v. */
LB_INLINE void adam_update(const AdamStep *s, vf32 *w, vf32 gradient, vf32 *m, vf32 *v) {
  vf32 g = vf32_mul(gradient, s->factor);
  *m = vf32_fma(*m, s->beta1, vf32_mul(g, s->rest1));
  /* Not (g g) rest2: that overflows for gradients whose share of v is still a float. */
  *v = vf32_fma(*v, s->beta2, vf32_mul(vf32_mul(g, s->rest2), g));
  vf32 quotient = vf32_div(*m, vf32_fma(vf32_sqrt(*v), s->root, s->epsilon));
  *w = vf32_fnma(quotient, s->size, vf32_mul(*w, s->decay));
}

int32_t LB_TIER(lb_adam_step)(float *restrict w, int64_t w_stride, const float *restrict g, int64_t g_stride, float *restrict m,
                              int64_t m_stride, float *restrict v, int64_t v_stride, int64_t from, int64_t to, int64_t cols,
                              float beta1, float rest1, float beta2, float rest2, float epsilon, float factor, float decay,
                              float size, float root) {
  const AdamStep step = {vf32_set1(beta1),  vf32_set1(rest1), vf32_set1(beta2), vf32_set1(rest2), vf32_set1(epsilon),
                         vf32_set1(factor), vf32_set1(decay), vf32_set1(size),  vf32_set1(root)};
  for (int64_t r = from; r < to; r++) {
    float *wr = w + r * w_stride;
    const float *gr = g + r * g_stride;
    float *mr = m + r * m_stride;
    float *vr = v + r * v_stride;
    int64_t i = 0;
    for (; i + LB_W <= cols; i += LB_W) {
      vf32 wi = vf32_load(wr + i);
      vf32 mi = vf32_load(mr + i);
      vf32 vi = vf32_load(vr + i);
      adam_update(&step, &wi, vf32_load(gr + i), &mi, &vi);
      vf32_store(wr + i, wi);
      vf32_store(mr + i, mi);
      vf32_store(vr + i, vi);
    }
    if (i < cols) {
      int64_t n = cols - i;
      vf32 zero = vf32_zero();
      vf32 wi = vf32_load_n(wr + i, n, zero);
      vf32 mi = vf32_load_n(mr + i, n, zero);
      vf32 vi = vf32_load_n(vr + i, n, zero);
      adam_update(&step, &wi, vf32_load_n(gr + i, n, zero), &mi, &vi);
      vf32_store_n(wr + i, wi, n);
      vf32_store_n(mr + i, mi, n);
      vf32_store_n(vr + i, vi, n);
    }
  }
  return LB_OK;
}

int32_t LB_TIER(lb_adam_squares)(const float *restrict g, int64_t g_stride, double *restrict sum, int64_t from, int64_t to,
                                 int64_t cols) {
  double total = 0;
  for (int64_t r = from; r < to; r++) {
    const float *gr = g + r * g_stride;
    vf64 low = vf64_set1(0);
    vf64 high = low;
    for (int64_t i = 0; i < cols; i += LB_W) {
      vf32 x = i + LB_W <= cols ? vf32_load(gr + i) : vf32_load_n(gr + i, cols - i, vf32_zero());
      low = vf64_fma(vf64_low(x), vf64_low(x), low);
      high = vf64_fma(vf64_high(x), vf64_high(x), high);
    }
    total += vf64_sum(vf64_add(low, high));
  }
  *sum = total;
  return LB_OK;
}
