// SPDX-License-Identifier: Apache-2.0
/*
 * softmax. y_j = exp(x_j - max x) / sum_k exp(x_k - max x); dx_j = y_j (dy_j - sum_k dy_k y_k).
 *
 * x, y, gy, gx f32 [rows, cols], any row stride, 4-byte aligned; y may be x, gx may be gy.
 * A row of -infinity gives 0; NaN or +infinity makes its row NaN.
 * Each probability within 4 ulp plus 2^-24 times the distance of its logit from the maximum; sums in float lanes, of a
 * block reduced in halves, of blocks in double.
 * A call does rows [from, to) on the calling thread; the bits of a row depend on that row alone.
 * 3 rows cols flops and an exp each; reads rows cols and writes rows cols floats from and to memory: a row is passed over
 * three times, out of the first cache levels. Tails in masked vectors.
 */
#include "softmax.h"

#define SOFTMAX_BLOCK 512

/*
 * Short rows take each step together, so that the next row has work while one waits for its maximum, its sum or their
 * quotient: at most so many, and of so many elements that they stay in the first cache level.
 */
#define SOFTMAX_ROWS 8
#define SOFTMAX_TOGETHER 4096

static float softmax_max(const float *x, int64_t cols) {
  vf32 m0 = vf32_set1(-INFINITY);
  vf32 m1 = m0;
  int64_t i = 0;
  for (; i + 2 * LB_W <= cols; i += 2 * LB_W) {
    m0 = vf32_max(m0, vf32_load(x + i));
    m1 = vf32_max(m1, vf32_load(x + i + LB_W));
  }
  for (; i < cols; i += LB_W) {
    m0 = vf32_max(m0, vf32_load_n(x + i, lb_min(LB_W, cols - i), vf32_set1(-INFINITY)));
  }
  /* A NaN may be lost here: it comes back in the sum. */
  return vf32_max_lane(vf32_max(m0, m1));
}

/* Stores exp(x - max) and returns the sum; both NaN where x is. */
static double softmax_exp(const float *x, float *y, int64_t cols, float max) {
  vf32 shift = vf32_set1(max);
  double sum = 0;
  for (int64_t b = 0; b < cols; b += SOFTMAX_BLOCK) {
    int64_t end = lb_min(cols, b + SOFTMAX_BLOCK);
    vf32 s0 = vf32_zero();
    vf32 s1 = s0;
    int64_t i = b;
    for (; i + 2 * LB_W <= end; i += 2 * LB_W) {
      vf32 e0 = vf32_exp_negative(vf32_sub(vf32_load(x + i), shift));
      vf32 e1 = vf32_exp_negative(vf32_sub(vf32_load(x + i + LB_W), shift));
      vf32_store(y + i, e0);
      vf32_store(y + i + LB_W, e1);
      s0 = vf32_add(s0, e0);
      s1 = vf32_add(s1, e1);
    }
    for (; i < end; i += LB_W) {
      int64_t n = lb_min(LB_W, end - i);
      vf32 e = vf32_exp_negative(vf32_sub(vf32_load_n(x + i, n, vf32_set1(-INFINITY)), shift));
      vf32_store_n(y + i, e, n);
      s0 = vf32_add(s0, e);
    }
    sum += vf32_sum(vf32_add(s0, s1));
  }
  return sum;
}

static void softmax_scale(float *y, int64_t cols, float factor) {
  vf32 f = vf32_set1(factor);
  int64_t i = 0;
  for (; i + LB_W <= cols; i += LB_W) {
    vf32_store(y + i, vf32_mul(vf32_load(y + i), f));
  }
  if (i < cols) {
    vf32_store_n(y + i, vf32_mul(vf32_load_n(y + i, cols - i, f), f), cols - i);
  }
}

static int softmax_has_nan(const float *x, int64_t cols) {
  int found = 0;
  for (int64_t i = 0; i < cols; i++) {
    found |= x[i] != x[i];
  }
  return found;
}

/* A row of -infinity, or with NaN or +infinity. */
static void softmax_fill(const float *x, float *y, int64_t cols, float max) {
  float fill = max < 0 && !softmax_has_nan(x, cols) ? 0.0f : NAN;
  for (int64_t i = 0; i < cols; i++) {
    y[i] = fill;
  }
}

int32_t LB_TIER(lb_softmax_forward)(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from, int64_t to,
                                    int64_t cols) {
  float max[SOFTMAX_ROWS];
  double sum[SOFTMAX_ROWS];
  int64_t rows = lb_max(1, lb_min(SOFTMAX_ROWS, SOFTMAX_TOGETHER / lb_max(1, cols)));
  for (int64_t r = from; r < to; r += rows) {
    int64_t n = lb_min(rows, to - r);
    const float *xs = x + r * x_stride;
    float *ys = y + r * y_stride;
    for (int64_t i = 0; i < n; i++) {
      max[i] = softmax_max(xs + i * x_stride, cols);
    }
    for (int64_t i = 0; i < n; i++) {
      sum[i] = 0;
      if (LB_LIKELY(max[i] > -INFINITY && max[i] < INFINITY)) {
        sum[i] = softmax_exp(xs + i * x_stride, ys + i * y_stride, cols, max[i]);
      } else {
        softmax_fill(xs + i * x_stride, ys + i * y_stride, cols, max[i]);
      }
    }
    for (int64_t i = 0; i < n; i++) {
      if (LB_LIKELY(sum[i] != 0)) {
        softmax_scale(ys + i * y_stride, cols, (float)(1 / sum[i]));
      }
    }
  }
  return LB_OK;
}

static float softmax_dot(const float *restrict y, const float *gy, int64_t cols) {
  vf32 s0 = vf32_zero();
  vf32 s1 = s0;
  int64_t i = 0;
  for (; i + 2 * LB_W <= cols; i += 2 * LB_W) {
    s0 = vf32_fma(vf32_load(y + i), vf32_load(gy + i), s0);
    s1 = vf32_fma(vf32_load(y + i + LB_W), vf32_load(gy + i + LB_W), s1);
  }
  for (; i < cols; i += LB_W) {
    int64_t n = lb_min(LB_W, cols - i);
    s0 = vf32_fma(vf32_load_n(y + i, n, vf32_zero()), vf32_load_n(gy + i, n, vf32_zero()), s0);
  }
  return vf32_sum(vf32_add(s0, s1));
}

int32_t LB_TIER(lb_softmax_backward)(const float *restrict y, int64_t y_stride, const float *gy, int64_t gy_stride, float *gx,
                                     int64_t gx_stride, int64_t from, int64_t to, int64_t cols) {
  for (int64_t r = from; r < to; r++) {
    const float *yr = y + r * y_stride;
    const float *gyr = gy + r * gy_stride;
    float *gxr = gx + r * gx_stride;
    vf32 dot = vf32_set1(softmax_dot(yr, gyr, cols));
    int64_t i = 0;
    for (; i + LB_W <= cols; i += LB_W) {
      vf32_store(gxr + i, vf32_mul(vf32_load(yr + i), vf32_sub(vf32_load(gyr + i), dot)));
    }
    if (i < cols) {
      int64_t n = cols - i;
      vf32 g = vf32_sub(vf32_load_n(gyr + i, n, vf32_zero()), dot);
      vf32_store_n(gxr + i, vf32_mul(vf32_load_n(yr + i, n, vf32_zero()), g), n);
    }
  }
  return LB_OK;
}
