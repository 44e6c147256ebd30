// SPDX-License-Identifier: Apache-2.0
/*
 * Products with few rows or columns, where packing would cost as much as the product: the large operand is read once, where
 * it lies. The lines are the few rows (or columns) of C.
 *
 * Dots: the large operand is stored along k; each element is a dot product, summed in lanes over blocks of k. Sums: it is
 * stored across k; lines are sums of multiples of its rows, which are read in order, or for more than a few columns tiles of
 * the transposed product. Either way a strip of all lines is summed in scratch, and then finished: alpha, beta, bias, act.
 * The sums of an element do not depend on where a strip begins.
 */

/* Lines that are multiplied at a time with four rows of the large operand. */
#if LB_W == 16
#define GEMM_DOT_GROUP 6
#elif defined(__AVX2__)
#define GEMM_DOT_GROUP 2
#else
#define GEMM_DOT_GROUP 1
#endif

/* What the dot products of some rows of the large operand with some lines are made of. */
typedef struct {
  const float *x;
  int64_t across;
  const float *rows;
  int64_t stride;
  int64_t depth;
  float *sums;
  /* Whether the sums are the first, or are added to those before. */
  int first;
} GemmDots;

/* The dot products of S rows with L lines. */
LB_INLINE void gemm_dots(const int S, const int L, const GemmDots *d, int64_t row, int64_t line) {
  const float *rows = d->rows + row * d->stride;
  const float *x = d->x + line * d->across;
  const int64_t stride = d->stride;
  const int64_t across = d->across;
  /* The rows after these are fetched by the first lines. */
  const float *next = line < 2 * GEMM_DOT_GROUP ? rows + S * stride : rows;
  vf32 acc[6][4];
  LB_UNROLL
  for (int l = 0; l < L; l++) {
    LB_UNROLL
    for (int s = 0; s < 4; s++) {
      acc[l][s] = vf32_zero();
    }
  }
  int64_t p = 0;
  for (; p + LB_W <= d->depth; p += LB_W) {
    if (LB_W < GEMM_CACHE_LINE) {
      /* Vectors are to be made of lanes, where those are plain C, not of turns of this loop. */
      LB_FORGET(p);
    }
    vf32 r[4];
    LB_UNROLL
    for (int s = 0; s < S; s++) {
      r[s] = vf32_load(rows + s * stride + p);
      /* Whole cache lines only, as these take the place of loads. */
      if (L > 1 && LB_W == GEMM_CACHE_LINE) {
        /* Not into the first level, which pieces of the lines and of these rows fill. */
        LB_PREFETCH_FAR(next + s * stride + p);
      }
    }
    LB_UNROLL
    for (int l = 0; l < L; l++) {
      vf32 xs = vf32_load(x + l * across + p);
      LB_UNROLL
      for (int s = 0; s < S; s++) {
        acc[l][s] = vf32_fma(r[s], xs, acc[l][s]);
      }
    }
  }
  if (p < d->depth) {
    int64_t n = d->depth - p;
    LB_UNROLL
    for (int l = 0; l < L; l++) {
      vf32 xs = vf32_load_n(x + l * across + p, n, vf32_zero());
      LB_UNROLL
      for (int s = 0; s < S; s++) {
        acc[l][s] = vf32_fma(vf32_load_n(rows + s * stride + p, n, vf32_zero()), xs, acc[l][s]);
      }
    }
  }
  LB_UNROLL
  for (int l = 0; l < L; l++) {
    float sums[4];
    vf32_sum4(acc[l][0], acc[l][1], acc[l][2], acc[l][3], sums);
    float *to = d->sums + (line + l) * GEMM_STRIP + row;
    LB_UNROLL
    for (int s = 0; s < S; s++) {
      to[s] = d->first ? sums[s] : to[s] + sums[s];
    }
  }
}

/* The dot products of rows [row, row + S) with L lines, S at most 4. */
LB_INLINE void gemm_dot_rows(const int L, const GemmDots *d, int64_t row, int64_t S, int64_t line) {
  if (S == 4) {
    gemm_dots(4, L, d, row, line);
    return;
  }
  for (int64_t r = row; r < row + S; r++) {
    gemm_dots(1, L, d, r, line);
  }
}

LB_NOINLINE void gemm_dot_lines(int64_t lines, const GemmDots *d, int64_t row, int64_t S, int64_t line) {
  switch (lines) {
    case 1:
      gemm_dot_rows(1, d, row, S, line);
      break;
#if LB_W == 16
    case 3:
      gemm_dot_rows(3, d, row, S, line);
      break;
    case 4:
      gemm_dot_rows(4, d, row, S, line);
      break;
    case 5:
      gemm_dot_rows(5, d, row, S, line);
      break;
    case 6:
      gemm_dot_rows(6, d, row, S, line);
      break;
#endif
    default:
      gemm_dot_rows(2, d, row, S, line);
      break;
  }
}

/* Adds multiples of R rows of the large operand to L lines, in one vector of elements or what is left of it. */
LB_INLINE void gemm_add_vector(const int R, const int L, const int fetch, const int whole, int64_t n, vf32 xs[][4],
                               const float *rows, int64_t stride, float *sums) {
  vf32 row[4];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    row[r] = whole ? vf32_load(rows + r * stride) : vf32_load_n(rows + r * stride, n, vf32_zero());
    if (fetch) {
      LB_PREFETCH_FAR(rows + (r + R) * stride);
    }
  }
  LB_UNROLL
  for (int l = 0; l < L; l++) {
    /* Strips are whole vectors in scratch. */
    vf32 sum = vf32_load(sums + l * GEMM_STRIP);
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      sum = vf32_fma(xs[l][r], row[r], sum);
    }
    vf32_store(sums + l * GEMM_STRIP, sum);
  }
}

/* Adds multiples of R rows to L lines, every element in the order of the rows. fetch: the rows after these, too. */
LB_INLINE void gemm_add_rows(const int R, const int L, const int fetch, const float *x, int64_t along, int64_t across,
                             const float *rows, int64_t stride, int64_t count, float *sums) {
  vf32 xs[4][4];
  LB_UNROLL
  for (int l = 0; l < L; l++) {
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      xs[l][r] = vf32_set1(x[l * across + r * along]);
    }
  }
  int64_t i = 0;
  for (; i + LB_W <= count; i += LB_W) {
    gemm_add_vector(R, L, fetch, 1, LB_W, xs, rows + i, stride, sums + i);
  }
  if (i < count) {
    gemm_add_vector(R, L, fetch, 0, count - i, xs, rows + i, stride, sums + i);
  }
}

/* Sums of multiples of k rows for L lines. */
LB_INLINE void gemm_sum_lines(const int L, const int fetch, int64_t k, const float *x, int64_t along, int64_t across,
                              const float *rows, int64_t stride, int64_t count, float *sums) {
  memset(sums, 0, (size_t)(L * GEMM_STRIP) * sizeof(float));
  int64_t p = 0;
  for (; p + 4 <= k; p += 4) {
    gemm_add_rows(4, L, fetch, x + p * along, along, across, rows + p * stride, stride, count, sums);
  }
  for (; p < k; p++) {
    gemm_add_rows(1, L, fetch, x + p * along, along, across, rows + p * stride, stride, count, sums);
  }
}

LB_NOINLINE void gemm_sum_strip(int64_t lines, int64_t k, const float *x, int64_t along, int64_t across, const float *rows,
                                int64_t stride, int64_t count, float *sums) {
  switch (lines) {
    case 1:
      /* A single line has little to do beside, and pays only where the rows come from memory. */
      if (k * stride > GEMM_SUM_CACHED) {
        gemm_sum_lines(1, 1, k, x, along, across, rows, stride, count, sums);
      } else {
        gemm_sum_lines(1, 0, k, x, along, across, rows, stride, count, sums);
      }
      break;
    case 2:
      gemm_sum_lines(2, 1, k, x, along, across, rows, stride, count, sums);
      break;
    case 3:
      gemm_sum_lines(3, 1, k, x, along, across, rows, stride, count, sums);
      break;
    default:
      gemm_sum_lines(4, 1, k, x, along, across, rows, stride, count, sums);
      break;
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
      gemm_act_each(1, g->options, one_bias ? vf32_set1(bias[0]) : vf32_load_n(bias + i, n, vf32_zero()), &v);
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

/* Sums a strip of dot products: `lines` lines of `all` and rows [0, count) of the large operand. */
static void gemm_dot_strip(int64_t lines, int64_t all, int64_t k, const float *x, int64_t across, const float *rows,
                           int64_t stride, int64_t count, float *sums) {
  int64_t group = gemm_equal(lines, GEMM_DOT_GROUP, 1);
  int64_t depth = gemm_equal(k, GEMM_DOT_DEPTH / lb_min(all, 4), LB_W);
  int64_t p = 0;
  do {
    GemmDots d = {x + p, across, rows + p, stride, lb_min(depth, k - p), sums, p == 0};
    for (int64_t i = 0; i < count; i += 4) {
      for (int64_t l = 0; l < lines; l += group) {
        gemm_dot_lines(lb_min(group, lines - l), &d, i, lb_min(4, count - i), l);
      }
    }
    p += depth;
  } while (p < k);
}

/* Sums a strip of the transposed product by tiles: lines [line, line + lines) and columns [i, i + count) of op(A). */
static void gemm_tile_strip(const GemmF32 *g, int64_t line, int64_t lines, int64_t i, int64_t count, float *sums,
                            float *scratch) {
  int by_line = (g->options & LB_GEMM_TRANS_B) != 0;
  GemmF32 turned = {by_line ? 0 : LB_GEMM_TRANS_A, lines, count, g->k, 1, 0, g->b + line * (by_line ? g->ldb : 1), g->ldb,
                    g->a + i, g->lda, sums, GEMM_STRIP, NULL, scratch};
  gemm_tiles(&turned, 0, lines, 0, count);
}

static void gemm_thin(const GemmF32 *g, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to) {
  int kind = gemm_kind(g);
  int few_rows = kind == GEMM_ROW_DOTS || kind == GEMM_ROW_SUMS;
  int dots = kind == GEMM_ROW_DOTS || kind == GEMM_COLUMN_DOTS;
  int64_t line_from = few_rows ? row_from : col_from;
  int64_t lines = (few_rows ? row_to : col_to) - line_from;
  int64_t from = few_rows ? col_from : row_from;
  int64_t to = few_rows ? col_to : row_to;
  /* The small operand: a line's elements are `along` apart, lines `across`. */
  const float *x = few_rows ? g->a : g->b;
  int64_t ld = few_rows ? g->lda : g->ldb;
  int by_line = few_rows ? !(g->options & LB_GEMM_TRANS_A) : (g->options & LB_GEMM_TRANS_B) != 0;
  int64_t along = by_line ? 1 : ld;
  int64_t across = by_line ? ld : 1;
  const float *large = few_rows ? g->b : g->a;
  int64_t stride = few_rows ? g->ldb : g->lda;
  float *sums = g->scratch;
  float *old = sums + GEMM_DOT_LINES * GEMM_STRIP;
  float *rest = old + GEMM_STRIP;
  x += line_from * across;
  if (dots && !by_line) {
    for (int64_t p = 0; p < g->k; p++) {
      for (int64_t l = 0; l < lines; l++) {
        rest[l * GEMM_LINE(g->k) + p] = x[l + p * along];
      }
    }
    x = rest;
    across = GEMM_LINE(g->k);
  }
  for (int64_t i = from; i < to; i += GEMM_STRIP) {
    int64_t count = lb_min(GEMM_STRIP, to - i);
    if (dots) {
      gemm_dot_strip(lines, few_rows ? g->m : g->n, g->k, x, across, large + i * stride, stride, count, sums);
    } else if (kind == GEMM_COLUMN_TILES) {
      gemm_tile_strip(g, line_from, lines, i, count, sums, rest);
    } else {
      gemm_sum_strip(lines, g->k, x, along, across, large + i, stride, count, sums);
    }
    for (int64_t l = 0; l < lines; l++) {
      int64_t line = line_from + l;
      float *c = few_rows ? g->c + line * g->ldc + i : g->c + i * g->ldc + line;
      const float *bias = g->options >= LB_GEMM_BIAS ? g->bias + (few_rows ? i : line) : NULL;
      gemm_finish_line(g, sums + l * GEMM_STRIP, count, c, few_rows ? 1 : g->ldc, bias, !few_rows, old);
    }
  }
}
