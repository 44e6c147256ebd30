// SPDX-License-Identifier: Apache-2.0
/*
 * mse. l = sum_j (f(s_j) - f(t_j))^2 / cols with f(x) = 0 at or below the floor and x above it;
 * ds_j = 2 factor w (f(s_j) - f(t_j)) / cols above the floor, 0 at or below it, w the weight of the row.
 *
 * student, teacher, grad f32 [rows, cols], any row stride, 4-byte aligned; grad may be student or null; weights f32 [rows] or
 * null; losses f64 [rows].
 * NaN is never at or below the floor: it makes its row loss NaN. A row of weight 0 is not read.
 * Differences in float, squares (exact) and sums in double, two sums a double lane; gradients within 2 ulp.
 * A call does rows [from, to) on the calling thread; the bits of a row depend on that row alone.
 * One pass over a row, 5 flops an element; reads 2 rows cols, writes rows cols floats. Tails in masked vectors of zeros.
 */
#include "mse.h"

typedef struct {
  vf64 low;
  vf64 high;
} MseSum;

/* Adds the squares of the differences of one vector, and returns the gradient. */
LB_INLINE vf32 mse_vector(vf32 s, vf32 t, vf32 floor, vf32 slope, MseSum *sum) {
  vm32 none = vf32_le(s, floor);
  t = vf32_blend(vf32_le(t, floor), t, vf32_zero());
  vf32 d = vf32_sub(vf32_blend(none, s, vf32_zero()), t);
  sum->low = vf64_fma(vf64_low(d), vf64_low(d), sum->low);
  sum->high = vf64_fma(vf64_high(d), vf64_high(d), sum->high);
  return vf32_blend(none, vf32_mul(d, slope), vf32_zero());
}

static double mse_row(const float *s, const float *t, float *g, int64_t cols, float floor, float factor) {
  vf32 lowest = vf32_set1(floor);
  vf32 slope = vf32_set1(factor);
  MseSum sum = {vf64_set1(0), vf64_set1(0)};
  int64_t i = 0;
  for (; i + LB_W <= cols; i += LB_W) {
    vf32 grad = mse_vector(vf32_load(s + i), vf32_load(t + i), lowest, slope, &sum);
    if (g != NULL) {
      vf32_store(g + i, grad);
    }
  }
  if (i < cols) {
    int64_t n = cols - i;
    vf32 grad = mse_vector(vf32_load_n(s + i, n, vf32_zero()), vf32_load_n(t + i, n, vf32_zero()), lowest, slope, &sum);
    if (g != NULL) {
      vf32_store_n(g + i, grad, n);
    }
  }
  return vf64_sum(vf64_add(sum.low, sum.high));
}

int32_t LB_TIER(lb_mse)(const float *student, int64_t student_stride, const float *restrict teacher, int64_t teacher_stride,
                        const float *restrict weights, float *grad, int64_t grad_stride, double *restrict losses, int64_t from,
                        int64_t to, int64_t cols, float floor, double factor) {
  for (int64_t r = from; r < to; r++) {
    float *g = grad == NULL ? NULL : grad + r * grad_stride;
    double weight = weights == NULL ? 1 : weights[r];
    int zero = weight == 0 || factor == 0;
    losses[r] = 0;
    if (weight != 0) {
      losses[r] = mse_row(student + r * student_stride, teacher + r * teacher_stride, zero ? NULL : g, cols, floor,
                          (float)(2 * weight * factor / (double)cols)) /
                  (double)cols;
    }
    for (int64_t i = 0; zero && g != NULL && i < cols; i++) {
      g[i] = 0;
    }
  }
  return LB_OK;
}
