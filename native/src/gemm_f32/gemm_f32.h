// SPDX-License-Identifier: Apache-2.0
#ifndef LB_GEMM_F32_H
#define LB_GEMM_F32_H

#include "../arch.h"

/* The longest partial sums; and where A is copied tile by tile, or few rows read B where it lies. */
#define GEMM_DEPTH 768
#define GEMM_SHORT_DEPTH 512
/* Elements of packed panels, 384 KiB: less than half of a second cache level of 1 MiB, as others take from it too. */
#define GEMM_PANELS 98304
/* Rows of a transposed A that are fetched at a time: whole tiles in every tier, and whole cache lines. */
#define GEMM_FETCHED 48
/* Rows up to which B is read where it lies each time. */
#define GEMM_DIRECT_ROWS 48
/* Rows of the highest tile of all tiers. */
#define GEMM_HIGHEST 12
/* Elements of a cache line. */
#define GEMM_CACHE_LINE 16
/*
 * Rows a multiple of so many elements apart, or up to so many more or less, begin in the same one or two sets of the first
 * cache level, 8 or 12 lines each.
 */
#define GEMM_ALIAS 1024
#define GEMM_ALIAS_SLACK 2
/* The distance of copied rows of a tile: whole cache lines, an odd number of them, so that no two rows share sets. */
#define GEMM_COPY_LINE(depth) ((((depth) + GEMM_CACHE_LINE - 1) / GEMM_CACHE_LINE | 1) * GEMM_CACHE_LINE)

/* Products of at most these many rows, where op(B) is transposed, are dot products; fewer, where A has to be copied. */
#define GEMM_DOT_LINES 32
#define GEMM_DOT_COPIED 8
/* Products of at most these many rows, or columns where op(A) is transposed, are sums of multiples of rows. */
#define GEMM_SUM_LINES 4
/* Elements of a large operand that may come from the caches, 12 MiB. */
#define GEMM_SUM_CACHED 3145728
/* Products of a transposed A of at most these many columns are done transposed. */
#define GEMM_TILE_LINES 12
/* The longest partial sums of dot products with a line. */
#define GEMM_DOT_DEPTH 4096
/* The distance of copied lines: rows do not share cache sets. */
#define GEMM_LINE(k) ((k) + 16)
/* Elements of a line of C that are summed at a time. */
#define GEMM_STRIP 1024

/* A call: what it is given, and where it stands. */
typedef struct {
  int32_t options;
  int64_t m, n, k;
  float alpha, beta;
  const float *a;
  int64_t lda;
  const float *b;
  int64_t ldb;
  float *c;
  int64_t ldc;
  const float *bias;
  float *scratch;
} GemmF32;

/* How a product with few rows or columns is done; see gemm_f32_thin.h. */
enum { GEMM_TILES, GEMM_ROW_DOTS, GEMM_COLUMN_DOTS, GEMM_ROW_SUMS, GEMM_COLUMN_SUMS, GEMM_COLUMN_TILES };

LB_INLINE int gemm_kind(const GemmF32 *g) {
  int trans_a = (g->options & LB_GEMM_TRANS_A) != 0;
  int trans_b = (g->options & LB_GEMM_TRANS_B) != 0;
  if (trans_b && g->m <= (trans_a ? GEMM_DOT_COPIED : GEMM_DOT_LINES)) {
    return GEMM_ROW_DOTS;
  }
  if (!trans_a && g->n <= GEMM_DOT_COPIED) {
    return GEMM_COLUMN_DOTS;
  }
  if (!trans_b && g->m <= GEMM_SUM_LINES) {
    return GEMM_ROW_SUMS;
  }
  if (trans_a && g->n <= GEMM_TILE_LINES) {
    return g->n <= GEMM_SUM_LINES ? GEMM_COLUMN_SUMS : GEMM_COLUMN_TILES;
  }
  return GEMM_TILES;
}

/* Returns the length of equal parts of at most `most`, a multiple of `step` but for the last. */
LB_INLINE int64_t gemm_equal(int64_t length, int64_t most, int64_t step) {
  int64_t parts = lb_max(1, (length + most - 1) / most);
  return (length + parts * step - 1) / (parts * step) * step;
}

LB_DECLARE(lb_gemm_f32, (const GemmF32 *g, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to));

#endif
