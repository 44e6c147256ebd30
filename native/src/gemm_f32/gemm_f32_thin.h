// SPDX-License-Identifier: Apache-2.0
/*
 * Products with few rows or columns, where packing would cost as much as the product: the large operand is read once, where
 * it lies. The lines are the few rows (or columns) of C; the small operand is copied line by line.
 *
 * Dots: the large operand is stored along k; each element is a dot product, summed in lanes. Sums: it is stored across k;
 * lines are sums of multiples of its rows. Either way elements of up to GEMM_STRIP positions of all lines are summed in
 * scratch, and then finished: alpha, beta, bias, act. The sums of an element do not depend on where a strip begins.
 */

#define GEMM_DOT_SUMS (LB_W == 16 ? 16 : 8)

/* acc[s][line] for S rows of the large operand, read at the same time. */
LB_INLINE void gemm_dots(const int S, const int lines, int64_t k, const float *x, const float *rows, int64_t stride,
                         float *sums) {
  vf32 acc[4][GEMM_DOT_LINES];
  LB_UNROLL
  for (int s = 0; s < S; s++) {
    LB_UNROLL
    for (int l = 0; l < lines; l++) {
      acc[s][l] = vf32_zero();
    }
  }
  int64_t p = 0;
  for (; p + LB_W <= k; p += LB_W) {
    vf32 xs[GEMM_DOT_LINES];
    LB_UNROLL
    for (int l = 0; l < lines; l++) {
      xs[l] = vf32_load(x + l * GEMM_LINE(k) + p);
    }
    LB_UNROLL
    for (int s = 0; s < S; s++) {
      vf32 row = vf32_load(rows + s * stride + p);
      LB_UNROLL
      for (int l = 0; l < lines; l++) {
        acc[s][l] = vf32_fma(row, xs[l], acc[s][l]);
      }
    }
  }
  if (p < k) {
    LB_UNROLL
    for (int s = 0; s < S; s++) {
      vf32 row = vf32_load_n(rows + s * stride + p, k - p, vf32_zero());
      LB_UNROLL
      for (int l = 0; l < lines; l++) {
        acc[s][l] = vf32_fma(row, vf32_load_n(x + l * GEMM_LINE(k) + p, k - p, vf32_zero()), acc[s][l]);
      }
    }
  }
  LB_UNROLL
  for (int s = 0; s < S; s++) {
    LB_UNROLL
    for (int l = 0; l < lines; l++) {
      sums[l * GEMM_STRIP + s] = vf32_sum(acc[s][l]);
    }
  }
}

/* Dot products of each of `count` rows with each line. */
LB_INLINE void gemm_dot_strip(const int lines, int64_t k, const float *x, const float *rows, int64_t stride, int64_t count,
                              float *sums) {
  /* As many rows at a time as there are registers for their sums. */
  const int group = lines * 4 <= GEMM_DOT_SUMS ? 4 : lines * 2 <= GEMM_DOT_SUMS ? 2 : 1;
  int64_t i = 0;
  for (; i + group <= count; i += group) {
    gemm_dots(group, lines, k, x, rows + i * stride, stride, sums + i);
  }
  for (; i < count; i++) {
    gemm_dots(1, lines, k, x, rows + i * stride, stride, sums + i);
  }
}

LB_NOINLINE void gemm_dot_lines(int64_t lines, int64_t k, const float *x, const float *rows, int64_t stride, int64_t count,
                                float *sums) {
  switch (lines) {
    case 1:
      gemm_dot_strip(1, k, x, rows, stride, count, sums);
      break;
    case 2:
      gemm_dot_strip(2, k, x, rows, stride, count, sums);
      break;
    case 3:
      gemm_dot_strip(3, k, x, rows, stride, count, sums);
      break;
    case 4:
      gemm_dot_strip(4, k, x, rows, stride, count, sums);
      break;
    case 5:
      gemm_dot_strip(5, k, x, rows, stride, count, sums);
      break;
    case 6:
      gemm_dot_strip(6, k, x, rows, stride, count, sums);
      break;
    case 7:
      gemm_dot_strip(7, k, x, rows, stride, count, sums);
      break;
    default:
      gemm_dot_strip(8, k, x, rows, stride, count, sums);
      break;
  }
}

/* Adds multiples of four rows, or of fewer, to a line; every element in the order of the rows. */
LB_INLINE void gemm_add_rows(const int R, const float *x, const float *rows, int64_t stride, int64_t count, float *sums) {
  vf32 xs[4];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    xs[r] = vf32_set1(x[r]);
  }
  int64_t i = 0;
  for (; i + LB_W <= count; i += LB_W) {
    vf32 s = vf32_load(sums + i);
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      s = vf32_fma(xs[r], vf32_load(rows + r * stride + i), s);
    }
    vf32_store(sums + i, s);
  }
  if (i < count) {
    vf32 s = vf32_load_n(sums + i, count - i, vf32_zero());
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      s = vf32_fma(xs[r], vf32_load_n(rows + r * stride + i, count - i, vf32_zero()), s);
    }
    vf32_store_n(sums + i, s, count - i);
  }
}

/* Sums of multiples of k rows, of `count` elements each. */
LB_NOINLINE void gemm_sum_lines(int64_t lines, int64_t k, const float *x, const float *rows, int64_t stride, int64_t count,
                                float *sums) {
  for (int64_t l = 0; l < lines; l++) {
    memset(sums + l * GEMM_STRIP, 0, (size_t)count * sizeof(float));
  }
  int64_t p = 0;
  for (; p + 4 <= k; p += 4) {
    for (int64_t l = 0; l < lines; l++) {
      gemm_add_rows(4, x + l * GEMM_LINE(k) + p, rows + p * stride, stride, count, sums + l * GEMM_STRIP);
    }
  }
  for (; p < k; p++) {
    for (int64_t l = 0; l < lines; l++) {
      gemm_add_rows(1, x + l * GEMM_LINE(k) + p, rows + p * stride, stride, count, sums + l * GEMM_STRIP);
    }
  }
}

/*
 * Finishes a strip of a line: elements `step` apart in C; bias by element, or one for all. old is scratch for the strip.
 */
static void gemm_finish_line(const GemmF32 *g, const float *sums, int64_t count, float *c, int64_t step, const float *bias,
                             int one_bias, float *old) {
  if (g->beta != 0) {
    for (int64_t i = 0; i < count; i++) {
      old[i] = c[i * step];
    }
  }
  for (int64_t i = 0; i < count; i += LB_W) {
    int64_t n = lb_min(LB_W, count - i);
    vf32 v = vf32_load_n(sums + i, n, vf32_zero());
    vf32 factor = vf32_set1(g->alpha);
    v = g->beta == 0 ? vf32_mul(factor, v)
                     : vf32_fma(factor, v, vf32_mul(vf32_set1(g->beta), vf32_load_n(old + i, n, vf32_zero())));
    if (g->options >= LB_GEMM_BIAS) {
      v = gemm_act(g->options, v, one_bias ? vf32_set1(bias[0]) : vf32_load_n(bias + i, n, vf32_zero()));
    }
    if (step == 1) {
      vf32_store_n(c + i, v, n);
    } else {
      vf32_store_n(old + i, v, n);
    }
  }
  if (step != 1) {
    for (int64_t i = 0; i < count; i++) {
      c[i * step] = old[i];
    }
  }
}

static void gemm_thin(const GemmF32 *g, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to) {
  int kind = gemm_kind(g);
  int few_rows = kind == GEMM_ROW_SUMS || kind == GEMM_ROW_DOTS;
  int dots = kind == GEMM_ROW_DOTS || kind == GEMM_COLUMN_DOTS;
  int64_t line_from = few_rows ? row_from : col_from;
  int64_t lines = (few_rows ? row_to : col_to) - line_from;
  int64_t from = few_rows ? col_from : row_from;
  int64_t to = few_rows ? col_to : row_to;
  /* The small operand: a line's elements are `along` apart, lines `across`. */
  const float *small = few_rows ? g->a : g->b;
  int64_t ld = few_rows ? g->lda : g->ldb;
  int by_line = few_rows ? !(g->options & LB_GEMM_TRANS_A) : (g->options & LB_GEMM_TRANS_B) != 0;
  int64_t along = by_line ? 1 : ld;
  int64_t across = by_line ? ld : 1;
  const float *large = few_rows ? g->b : g->a;
  int64_t stride = few_rows ? g->ldb : g->lda;
  float *sums = g->scratch;
  float *old = sums + GEMM_DOT_LINES * GEMM_STRIP;
  float *x = old + GEMM_STRIP;
  for (int64_t l = 0; l < lines; l++) {
    for (int64_t p = 0; p < g->k; p++) {
      x[l * GEMM_LINE(g->k) + p] = small[(line_from + l) * across + p * along];
    }
  }
  for (int64_t i = from; i < to; i += GEMM_STRIP) {
    int64_t count = lb_min(GEMM_STRIP, to - i);
    if (dots) {
      gemm_dot_lines(lines, g->k, x, large + i * stride, stride, count, sums);
    } else {
      gemm_sum_lines(lines, g->k, x, large + i, stride, count, sums);
    }
    for (int64_t l = 0; l < lines; l++) {
      int64_t line = line_from + l;
      float *c = few_rows ? g->c + line * g->ldc + i : g->c + i * g->ldc + line;
      const float *bias = g->options >= LB_GEMM_BIAS ? g->bias + (few_rows ? i : line) : NULL;
      gemm_finish_line(g, sums + l * GEMM_STRIP, count, c, few_rows ? 1 : g->ldc, bias, !few_rows, old);
    }
  }
}
