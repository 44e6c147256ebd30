// SPDX-License-Identifier: Apache-2.0
/*
 * layer_norm. xhat = (x - mean) rstd, rstd = 1 / sqrt(mean((x - mean)^2) + epsilon), y = gamma xhat + beta. Backward,
 * g = gy gamma: gx = rstd (g - mean(g) - xhat mean(g xhat)); ggamma += sum over rows of gy xhat, gbeta += sum over rows of gy.
 *
 * x, y, gy, gx f32 [rows, cols], any row stride, 4-byte aligned; the others consecutive floats. y may be x, gx may be gy.
 * NaN or an infinity makes its row NaN, and its columns of ggamma and gbeta.
 * A row is shifted by its first element before anything else, so that a large common offset costs no digits. Sums along a row
 * in float lanes, of every 4096 columns reduced in halves, of these in double; sums over the rows of a call in float, one row
 * after the other; sums of the calls in float, one after the other.
 * A call does rows [from, to) on the calling thread. The bits of a row depend on that row alone, those of the sums of a call
 * on its range.
 * Several rows at a time. Forward 9 rows cols flops, three passes over them in the first cache levels, the second of which
 * fetches the next rows; reads and writes rows cols floats. Backward 14, two passes, which in long ranges fetch where
 * they write and the next rows; reads 2 rows cols, writes rows cols. Tails in masked vectors.
 */
#include "../simd/simd_rows.h"
#include "layer_norm.h"

#define NORM_BLOCK 4096
/* Rows that backward does at a time: the sums of a column are loaded and stored once for all of them. */
#define NORM_ROWS 4
/*
 * Callers split large matrices into a fixed number of ranges and others into ranges of about so many elements: in a larger range
 * backward takes x, gy and gx to lie beyond the caches, and fetches them. In the caches that costs time.
 */
#define NORM_NEAR 40000
/*
 * Rows that forward does at a time. A row is a chain of sums, a division, sums, a root and a division, and only those of
 * other rows fill the time that a link of it takes. Of plain C compilers make vectors for a single row only.
 */
#ifdef __AVX2__
#define NORM_FORWARD_ROWS 4
#else
#define NORM_FORWARD_ROWS 1
#endif

/* A row of forward. */
typedef struct {
  const float *x;
  float *y;
  double shift;
  double center; /* the mean of x - shift */
  double sum;
} NormLine;

/* x - shift, or of that minus the center the square, added to a sum; `all`, or only the first n lanes of it. */
LB_INLINE vf32 norm_add(const int squares, const int all, int64_t n, vf32 x, vf32 shift, vf32 center, vf32 sum) {
  vf32 d = vf32_sub(x, shift);
  if (!squares) {
    return vf32_add(sum, d);
  }
  d = vf32_sub(d, center);
  d = all ? d : vf32_blend(vm32_first(n), vf32_zero(), d);
  return vf32_fma(d, d, sum);
}

/* Sums x - shift, or its squared distance to the center, over each of R rows; the latter of several fetches `ahead`. */
LB_INLINE void norm_sums(const int R, const int squares, NormLine *line, int64_t cols, int64_t ahead) {
  const float *x[NORM_FORWARD_ROWS];
  vf32 shift[NORM_FORWARD_ROWS];
  vf32 center[NORM_FORWARD_ROWS];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    x[r] = line[r].x;
    shift[r] = vf32_set1((float)line[r].shift);
    center[r] = vf32_set1((float)line[r].center);
    line[r].sum = 0;
  }
  for (int64_t b = 0; b < cols; b += NORM_BLOCK) {
    int64_t end = lb_min(cols, b + NORM_BLOCK);
    vf32 s[NORM_FORWARD_ROWS][4];
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      s[r][0] = s[r][1] = s[r][2] = s[r][3] = vf32_zero();
    }
    int64_t i = b;
    for (; i + 4 * LB_W <= end; i += 4 * LB_W) {
      LB_UNROLL
      for (int r = 0; r < R; r++) {
        LB_UNROLL
        for (int k = 0; k < 4; k++) {
          const float *at = x[r] + i + k * LB_W;
          if (squares && R > 1) {
            LB_PREFETCH_FAR(at + ahead);
          }
          s[r][k] = norm_add(squares, 1, LB_W, vf32_load(at), shift[r], center[r], s[r][k]);
        }
      }
    }
    for (; i < end; i += LB_W) {
      int64_t n = lb_min(LB_W, end - i);
      LB_UNROLL
      for (int r = 0; r < R; r++) {
        s[r][0] = norm_add(squares, 0, n, vf32_load_n(x[r] + i, n, shift[r]), shift[r], center[r], s[r][0]);
      }
    }
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      line[r].sum += vf32_sum(vf32_add(vf32_add(s[r][0], s[r][1]), vf32_add(s[r][2], s[r][3])));
    }
  }
}

LB_INLINE vf32 norm_scale(vf32 x, vf32 shift, vf32 center, vf32 factor, vf32 gamma, vf32 beta) {
  return vf32_fma(vf32_mul(vf32_sub(vf32_sub(x, shift), center), factor), gamma, beta);
}

/* Forward of R rows. */
LB_INLINE void norm_forward(const int R, NormLine *line, const float *restrict gamma, const float *restrict beta,
                            float *restrict mean, float *restrict rstd, int64_t cols, double epsilon, int64_t ahead) {
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    float first = line[r].x[0];
    line[r].shift = isfinite(first) ? first : 0;
    line[r].center = 0;
  }
  norm_sums(R, 0, line, cols, ahead);
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    line[r].center = line[r].sum / (double)cols;
  }
  norm_sums(R, 1, line, cols, ahead);
  const float *x[NORM_FORWARD_ROWS];
  float *y[NORM_FORWARD_ROWS];
  vf32 shift[NORM_FORWARD_ROWS];
  vf32 center[NORM_FORWARD_ROWS];
  vf32 factor[NORM_FORWARD_ROWS];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    double inverse = 1 / sqrt(line[r].sum / (double)cols + epsilon);
    mean[r] = (float)(line[r].shift + line[r].center);
    rstd[r] = (float)inverse;
    x[r] = line[r].x;
    y[r] = line[r].y;
    shift[r] = vf32_set1((float)line[r].shift);
    center[r] = vf32_set1((float)line[r].center);
    factor[r] = vf32_set1((float)inverse);
  }
  int64_t i = 0;
  for (; i + LB_W <= cols; i += LB_W) {
    vf32 g = vf32_load(gamma + i);
    vf32 b = vf32_load(beta + i);
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      vf32_store(y[r] + i, norm_scale(vf32_load(x[r] + i), shift[r], center[r], factor[r], g, b));
    }
  }
  if (i < cols) {
    int64_t n = cols - i;
    vf32 g = vf32_load_n(gamma + i, n, vf32_zero());
    vf32 b = vf32_load_n(beta + i, n, vf32_zero());
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      vf32_store_n(y[r] + i, norm_scale(vf32_load_n(x[r] + i, n, shift[r]), shift[r], center[r], factor[r], g, b), n);
    }
  }
}

int32_t LB_TIER(lb_layer_norm_forward)(const float *x, int64_t x_stride, const float *restrict gamma,
                                       const float *restrict beta, float *y, int64_t y_stride, float *restrict mean,
                                       float *restrict rstd, int64_t from, int64_t to, int64_t cols, double epsilon) {
  if (cols == 0) {
    return LB_OK;
  }
  for (int64_t r = from; r < to;) {
    int rows = to - r >= NORM_FORWARD_ROWS ? NORM_FORWARD_ROWS : 1;
    NormLine line[NORM_FORWARD_ROWS];
    for (int k = 0; k < rows; k++) {
      line[k].x = x + (r + k) * x_stride;
      line[k].y = y + (r + k) * y_stride;
    }
    /* The number of rows as a constant: their sums then stay in registers. */
    if (rows == NORM_FORWARD_ROWS) {
      norm_forward(NORM_FORWARD_ROWS, line, gamma, beta, mean + r, rstd + r, cols, epsilon, NORM_FORWARD_ROWS * x_stride);
    } else {
      norm_forward(1, line, gamma, beta, mean + r, rstd + r, cols, epsilon, NORM_FORWARD_ROWS * x_stride);
    }
    r += rows;
  }
  return LB_OK;
}

typedef struct {
  const float *x;
  const float *gy;
  float *gx;
  vf32 mean;
  vf32 rstd;
  vf32 sum;        /* of g in the block, then the mean of all */
  vf32 dot;        /* of g xhat, likewise */
  double sum_rows; /* over the blocks */
  double dot_rows;
} NormRow;

/* Does one vector of `rows` rows, of which the first n lanes count, in the pass of sums. */
LB_INLINE void norm_accumulate(NormRow *row, int rows, const int fetch, const float *gamma, float *ggamma, float *gbeta,
                               int64_t i, int64_t n) {
  int whole = n == LB_W;
  vf32 zero = vf32_zero();
  vf32 scale = whole ? vf32_load(gamma + i) : vf32_load_n(gamma + i, n, zero);
  vf32 products = whole ? vf32_load(ggamma + i) : vf32_load_n(ggamma + i, n, zero);
  vf32 plain = whole ? vf32_load(gbeta + i) : vf32_load_n(gbeta + i, n, zero);
  for (int k = 0; k < rows; k++) {
    vf32 x = whole ? vf32_load(row[k].x + i) : vf32_load_n(row[k].x + i, n, zero);
    vf32 gy = whole ? vf32_load(row[k].gy + i) : vf32_load_n(row[k].gy + i, n, zero);
    vf32 xhat = vf32_mul(vf32_sub(x, row[k].mean), row[k].rstd);
    vf32 g = vf32_mul(gy, scale);
    if (fetch) {
      LB_PREFETCH_WRITE(row[k].gx + i);
    }
    products = vf32_fma(gy, xhat, products);
    plain = vf32_add(gy, plain);
    if (!whole) {
      /* Beyond the columns g is 0, but xhat may be infinite. */
      xhat = vf32_blend(vm32_first(n), zero, xhat);
    }
    row[k].sum = vf32_add(row[k].sum, g);
    row[k].dot = vf32_fma(g, xhat, row[k].dot);
  }
  if (whole) {
    vf32_store(ggamma + i, products);
    vf32_store(gbeta + i, plain);
  } else {
    vf32_store_n(ggamma + i, products, n);
    vf32_store_n(gbeta + i, plain, n);
  }
}

LB_INLINE vf32 norm_chain(const NormRow *row, vf32 x, vf32 gy, vf32 gamma) {
  vf32 xhat = vf32_mul(vf32_sub(x, row->mean), row->rstd);
  vf32 g = vf32_sub(vf32_mul(gy, gamma), row->sum);
  return vf32_mul(vf32_fnma(xhat, row->dot, g), row->rstd);
}

/* Backward of some rows; may fetch the rows that come next, `x_ahead` and `gy_ahead` elements further. */
LB_INLINE void norm_backward(NormRow *row, int rows, const int fetch, const float *gamma, float *ggamma, float *gbeta,
                             int64_t cols, int64_t x_ahead, int64_t gy_ahead) {
  for (int k = 0; k < rows; k++) {
    row[k].sum_rows = 0;
    row[k].dot_rows = 0;
  }
  for (int64_t b = 0; b < cols; b += NORM_BLOCK) {
    int64_t end = lb_min(cols, b + NORM_BLOCK);
    for (int k = 0; k < rows; k++) {
      row[k].sum = vf32_zero();
      row[k].dot = vf32_zero();
    }
    int64_t i = b;
    for (; i + LB_W <= end; i += LB_W) {
      norm_accumulate(row, rows, fetch, gamma, ggamma, gbeta, i, LB_W);
    }
    if (i < end) {
      norm_accumulate(row, rows, fetch, gamma, ggamma, gbeta, i, end - i);
    }
    for (int k = 0; k < rows; k++) {
      row[k].sum_rows += vf32_sum(row[k].sum);
      row[k].dot_rows += vf32_sum(row[k].dot);
    }
  }
  for (int k = 0; k < rows; k++) {
    row[k].sum = vf32_set1((float)(row[k].sum_rows / (double)cols));
    row[k].dot = vf32_set1((float)(row[k].dot_rows / (double)cols));
    int64_t i = 0;
    for (; i + LB_W <= cols; i += LB_W) {
      if (fetch) {
        LB_PREFETCH_FAR(row[k].x + i + x_ahead);
        LB_PREFETCH_FAR(row[k].gy + i + gy_ahead);
      }
      vf32_store(row[k].gx + i,
                 norm_chain(&row[k], vf32_load(row[k].x + i), vf32_load(row[k].gy + i), vf32_load(gamma + i)));
    }
    if (i < cols) {
      int64_t n = cols - i;
      vf32 zero = vf32_zero();
      vf32 g = norm_chain(&row[k], vf32_load_n(row[k].x + i, n, zero), vf32_load_n(row[k].gy + i, n, zero),
                          vf32_load_n(gamma + i, n, zero));
      vf32_store_n(row[k].gx + i, g, n);
    }
  }
}

int32_t LB_TIER(lb_layer_norm_backward)(const float *restrict x, int64_t x_stride, const float *restrict gamma,
                                        const float *restrict mean, const float *restrict rstd, const float *gy,
                                        int64_t gy_stride, float *gx, int64_t gx_stride, float *restrict sums, int64_t from,
                                        int64_t to, int64_t cols) {
  float *ggamma = sums;
  float *gbeta = sums + cols;
  for (int64_t i = 0; i < 2 * cols; i++) {
    sums[i] = 0;
  }
  NormRow row[NORM_ROWS];
  int64_t r = from;
  while (r < to) {
    int rows = to - r >= NORM_ROWS ? NORM_ROWS : 1;
    for (int k = 0; k < rows; k++) {
      row[k].x = x + (r + k) * x_stride;
      row[k].gy = gy + (r + k) * gy_stride;
      row[k].gx = gx + (r + k) * gx_stride;
      row[k].mean = vf32_set1(mean[r + k]);
      row[k].rstd = vf32_set1(rstd[r + k]);
    }
    /* The number of rows as a constant: their sums then stay in registers. */
    if (rows == 1) {
      norm_backward(row, 1, 0, gamma, ggamma, gbeta, cols, 0, 0);
    } else if ((to - from) * cols > NORM_NEAR) {
      norm_backward(row, NORM_ROWS, 1, gamma, ggamma, gbeta, cols, NORM_ROWS * x_stride, NORM_ROWS * gy_stride);
    } else {
      norm_backward(row, NORM_ROWS, 0, gamma, ggamma, gbeta, cols, 0, 0);
    }
    r += rows;
  }
  return LB_OK;
}

int32_t LB_TIER(lb_layer_norm_parameters)(const float *restrict sums, int64_t chunks, float *restrict ggamma,
                                          float *restrict gbeta, int64_t cols) {
  for (int64_t c = 0; c < chunks; c++) {
    const float *s = sums + c * 2 * cols;
    lb_rows_2(1, lb_sum_each, ggamma, cols, s, cols, ggamma, cols, 0, 1, cols);
    lb_rows_2(1, lb_sum_each, gbeta, cols, s + cols, cols, gbeta, cols, 0, 1, cols);
  }
  return LB_OK;
}
