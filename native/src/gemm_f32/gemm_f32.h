// SPDX-License-Identifier: Apache-2.0
#ifndef LB_GEMM_F32_H
#define LB_GEMM_F32_H

#include "../arch.h"

/* The length of the partial sums: a panel of op(B) of that length fills two thirds of the first cache level. */
#define GEMM_DEPTH 256
/* Columns whose panels are packed at a time. */
#define GEMM_WIDTH 384
/* Rows of op(A) that are copied at a time, a multiple of the rows of a tile in every tier. */
#define GEMM_HEIGHT 192
/* The distance of copied rows: not a power of two, so that the rows of a tile do not share cache sets. */
#define GEMM_PITCH (GEMM_DEPTH + 16)

/* The distance of packed panels: their rows are written side by side, and must not share cache sets. */
#define GEMM_PANEL(depth, width) (((depth) + 1) * (width))

/* Up to these many rows or columns of C a product is not packed: as dot products, as sums of multiples of rows. */
#define GEMM_DOT_LINES 8
#define GEMM_SUM_LINES 4
/* The distance of copied lines, again without shared cache sets. */
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
enum { GEMM_TILES, GEMM_ROW_SUMS, GEMM_ROW_DOTS, GEMM_COLUMN_DOTS, GEMM_COLUMN_SUMS };

LB_INLINE int gemm_kind(const GemmF32 *g) {
  int trans_a = (g->options & LB_GEMM_TRANS_A) != 0;
  int trans_b = (g->options & LB_GEMM_TRANS_B) != 0;
  if (trans_b && g->m <= GEMM_DOT_LINES) {
    return GEMM_ROW_DOTS;
  }
  if (!trans_a && g->n <= GEMM_DOT_LINES) {
    return GEMM_COLUMN_DOTS;
  }
  if (!trans_b && g->m <= GEMM_SUM_LINES) {
    return GEMM_ROW_SUMS;
  }
  return trans_a && g->n <= GEMM_SUM_LINES ? GEMM_COLUMN_SUMS : GEMM_TILES;
}

LB_DECLARE(lb_gemm_f32, (const GemmF32 *g, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to));

#endif
