// SPDX-License-Identifier: Apache-2.0
/*
 * Functions of lanes over the rows [from, to) of matrices: whole vectors, then a masked one. For bodies, after the vector
 * layer. The output may be an input with the same stride. Rows that lie one after another are done as one.
 */
#ifndef LB_SIMD_ROWS_H
#define LB_SIMD_ROWS_H

/*
 * How far ahead of two operands are fetched, in floats. The processor itself fetches one stream fast enough, beside a second one
 * and an output not.
 */
#define LB_AHEAD 768

/* y = f(x), of `most` vectors at a time, 1 or LB_AT_ONCE; f puts its values where it gets the arguments. */
LB_INLINE void lb_rows_1(const int most, void (*f)(const int n, vf32 *x), const float *x, int64_t x_stride, float *y,
                         int64_t y_stride, int64_t from, int64_t to, int64_t cols) {
  int64_t count = to - from;
  x += from * x_stride;
  y += from * y_stride;
  if (x_stride == cols && y_stride == cols) {
    cols *= count;
    count = lb_min(count, 1);
  }
  for (int64_t r = 0; r < count; r++, x += x_stride, y += y_stride) {
    vf32 v[LB_AT_ONCE];
    int64_t i = 0;
    for (; i + most * LB_W <= cols; i += most * LB_W) {
      LB_EACH(most) { v[k] = vf32_load(x + i + k * LB_W); }
      f(most, v);
      LB_EACH(most) { vf32_store(y + i + k * LB_W, v[k]); }
    }
    for (; i < cols; i += LB_W) {
      int64_t n = lb_min(LB_W, cols - i);
      v[0] = vf32_load_n(x + i, n, vf32_zero());
      f(1, v);
      vf32_store_n(y + i, v[0], n);
    }
  }
}

/*
 * Fetches what is read later. Functions of a vector at a time do little else than wait for memory, and ask for more of it at
 * once where it goes into the second cache level; those of several compute meanwhile, and read faster from the first.
 */
LB_INLINE void lb_fetch_ahead(const int most, const float *at) {
  if (most == 1) {
    LB_PREFETCH_FAR(at + LB_AHEAD);
  } else {
    LB_PREFETCH(at + LB_AHEAD);
  }
}

/* y = f(a, b), likewise; f puts its values where it gets b. */
LB_INLINE void lb_rows_2(const int most, void (*f)(const int n, const vf32 *a, vf32 *b), const float *a, int64_t a_stride,
                         const float *b, int64_t b_stride, float *y, int64_t y_stride, int64_t from, int64_t to,
                         int64_t cols) {
  int64_t count = to - from;
  a += from * a_stride;
  b += from * b_stride;
  y += from * y_stride;
  if (a_stride == cols && b_stride == cols && y_stride == cols) {
    cols *= count;
    count = lb_min(count, 1);
  }
  for (int64_t r = 0; r < count; r++, a += a_stride, b += b_stride, y += y_stride) {
    vf32 va[LB_AT_ONCE];
    vf32 vb[LB_AT_ONCE];
    int64_t i = 0;
    for (; i + most * LB_W <= cols; i += most * LB_W) {
      LB_EACH(most) {
        lb_fetch_ahead(most, a + i + k * LB_W);
        va[k] = vf32_load(a + i + k * LB_W);
      }
      LB_EACH(most) {
        lb_fetch_ahead(most, b + i + k * LB_W);
        vb[k] = vf32_load(b + i + k * LB_W);
      }
      f(most, va, vb);
      LB_EACH(most) { vf32_store(y + i + k * LB_W, vb[k]); }
    }
    for (; i < cols; i += LB_W) {
      int64_t n = lb_min(LB_W, cols - i);
      va[0] = vf32_load_n(a + i, n, vf32_zero());
      vb[0] = vf32_load_n(b + i, n, vf32_zero());
      f(1, va, vb);
      vf32_store_n(y + i, vb[0], n);
    }
  }
}

/* b = a + b, for lb_rows_2. */
LB_INLINE void lb_sum_each(const int n, const vf32 *a, vf32 *b) {
  LB_EACH(n) { b[k] = vf32_add(a[k], b[k]); }
}

#endif
