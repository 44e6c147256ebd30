// SPDX-License-Identifier: Apache-2.0
/*
 * Functions of lanes over the rows [from, to) of matrices: whole vectors, then a masked one. For bodies, after the vector
 * layer. The output may be an input with the same stride. Rows that lie one after another are done as one.
 */
#ifndef LB_SIMD_ROWS_H
#define LB_SIMD_ROWS_H

/* y = f(x) */
LB_INLINE void lb_rows_1(vf32 (*f)(vf32), const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from,
                         int64_t to, int64_t cols) {
  int64_t count = to - from;
  x += from * x_stride;
  y += from * y_stride;
  if (x_stride == cols && y_stride == cols) {
    cols *= count;
    count = lb_min(count, 1);
  }
  for (int64_t r = 0; r < count; r++, x += x_stride, y += y_stride) {
    int64_t i = 0;
    for (; i + LB_W <= cols; i += LB_W) {
      vf32_store(y + i, f(vf32_load(x + i)));
    }
    if (i < cols) {
      vf32_store_n(y + i, f(vf32_load_n(x + i, cols - i, vf32_zero())), cols - i);
    }
  }
}

/* y = f(a, b) */
LB_INLINE void lb_rows_2(vf32 (*f)(vf32, vf32), const float *a, int64_t a_stride, const float *b, int64_t b_stride, float *y,
                         int64_t y_stride, int64_t from, int64_t to, int64_t cols) {
  int64_t count = to - from;
  a += from * a_stride;
  b += from * b_stride;
  y += from * y_stride;
  if (a_stride == cols && b_stride == cols && y_stride == cols) {
    cols *= count;
    count = lb_min(count, 1);
  }
  for (int64_t r = 0; r < count; r++, a += a_stride, b += b_stride, y += y_stride) {
    int64_t i = 0;
    for (; i + LB_W <= cols; i += LB_W) {
      vf32_store(y + i, f(vf32_load(a + i), vf32_load(b + i)));
    }
    if (i < cols) {
      int64_t n = cols - i;
      vf32_store_n(y + i, f(vf32_load_n(a + i, n, vf32_zero()), vf32_load_n(b + i, n, vf32_zero())), n);
    }
  }
}

#endif
