// SPDX-License-Identifier: Apache-2.0
/* The entries of each tier, how groups are cut, and what their statistics add up to. */
#ifndef LB_FAKE_QUANT_H
#define LB_FAKE_QUANT_H

#include "../arch.h"

/* The most elements of a piece; the pieces of three tensors stay in the second cache level. */
#define FQ_PIECE 32768

/* The statistics that schemes take, each a pair of doubles. */
typedef enum {
  FQ_ABS_SUM, /* the sum of |x'|, 0 */
  FQ_KEPT,    /* the sum and the number of those |x'| above a threshold */
  FQ_ABS_MAX, /* 0, the largest |x| */
  FQ_RANGE    /* the smallest and the largest x, -0 below +0 */
} fq_kind;

/* A block of rows by cols elements, its first one at row, col of the matrix. */
typedef struct {
  int64_t group;
  int64_t row;
  int64_t col;
  int64_t rows;
  int64_t cols;
} fq_block;

/* Where there are several pieces side by side or below each other, they are a multiple of this: as many for each thread. */
#define FQ_BALANCED 4

/* Lines of pieces begin at cache lines where the first one does. */
#define FQ_LINE 16

/* Groups of rows by cols elements and their cut: lines of at most FQ_PIECE elements, several of them where they are short. */
typedef struct {
  int64_t rows;
  int64_t cols;
  int64_t across;
  int64_t line;      /* columns of a piece, all but the last one of a line */
  int64_t per_line;  /* pieces of a line */
  int64_t lines;     /* rows of a piece, all but the last ones of a group */
  int64_t pieces;    /* of a group */
} fq_cut;

/* Returns the length of about equal parts of at most `most`, in steps. */
LB_INLINE int64_t fq_part(int64_t length, int64_t most, int64_t step) {
  if (length <= most) {
    return length;
  }
  int64_t parts = ((length + most - 1) / most + FQ_BALANCED - 1) / FQ_BALANCED * FQ_BALANCED;
  return (length + parts * step - 1) / (parts * step) * step;
}

LB_INLINE fq_cut fq_cut_of(int64_t rows, int64_t cols, int64_t across) {
  fq_cut c = {rows, cols, across, fq_part(cols, FQ_PIECE, FQ_LINE), 0, 0, 0};
  c.per_line = (cols + c.line - 1) / c.line;
  c.lines = c.per_line > 1 ? 1 : fq_part(rows, FQ_PIECE / cols, 1);
  c.pieces = (rows + c.lines - 1) / c.lines * c.per_line;
  return c;
}

LB_INLINE fq_block fq_group_of(const fq_cut *c, int64_t group) {
  int64_t band = c->across == 1 ? group : group / c->across;
  fq_block b = {group, band * c->rows, (group - band * c->across) * c->cols, c->rows, c->cols};
  return b;
}

LB_INLINE fq_block fq_unit_of(const fq_cut *c, int64_t unit) {
  if (c->pieces == 1) {
    return fq_group_of(c, unit);
  }
  fq_block b = fq_group_of(c, unit / c->pieces);
  int64_t piece = unit % c->pieces;
  int64_t row = piece / c->per_line * c->lines;
  int64_t col = piece % c->per_line * c->line;
  b.row += row;
  b.col += col;
  b.rows = lb_min(c->lines, c->rows - row);
  b.cols = lb_min(c->line, c->cols - col);
  return b;
}

/* Returns the statistics of a scheme's first reduction. */
fq_kind fq_first_kind(int32_t scheme);
/* Sets a pair to that of no elements. */
void fq_clear(fq_kind kind, double pair[2]);
/* Adds a pair to another. */
void fq_merge(fq_kind kind, double pair[2], const double other[2]);
/* Turns the pair of a group of n elements into parameters, and describes the group. */
void fq_parameters(int32_t scheme, int32_t bits, float clip, float step, const double pair[2], int64_t n, float *parameters,
                   float *scale, float *zero);
/* The same for the second pair of ternary. */
void fq_ternary_parameters(const double pair[2], float *parameters, float *scale);

LB_DECLARE(lb_fake_quant_forward, (int32_t scheme, int32_t bits, float clip, float step, const float *x, int64_t x_stride,
                                   float *y, int64_t y_stride, void *codes, int64_t codes_stride, float *scale, float *zero,
                                   int64_t from, int64_t to, int64_t group_rows, int64_t group_cols, int64_t across));
LB_DECLARE(lb_fake_quant_reduce, (int32_t scheme, float clip, const float *parameters, const float *x, int64_t x_stride,
                                  double *partials, int64_t from, int64_t to, int64_t group_rows, int64_t group_cols,
                                  int64_t across));
LB_DECLARE(lb_fake_quant_apply, (int32_t scheme, int32_t bits, float clip, const float *parameters, const float *x,
                                 int64_t x_stride, float *y, int64_t y_stride, void *codes, int64_t codes_stride,
                                 int64_t from, int64_t to, int64_t group_rows, int64_t group_cols, int64_t across));
LB_DECLARE(lb_fake_quant_backward, (float clip, const float *x, int64_t x_stride, const float *scale, const float *gy,
                                    int64_t gy_stride, float *gx, int64_t gx_stride, int64_t from, int64_t to,
                                    int64_t group_rows, int64_t group_cols, int64_t across));
LB_DECLARE(lb_fake_quant_backward_step, (int32_t bits, int32_t plain, float step, const float *x, int64_t x_stride,
                                         const float *gy, int64_t gy_stride, float *gx, int64_t gx_stride, double *partials,
                                         int64_t from, int64_t to, int64_t group_rows, int64_t group_cols, int64_t across));

#endif
