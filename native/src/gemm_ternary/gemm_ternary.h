// SPDX-License-Identifier: Apache-2.0
#ifndef LB_GEMM_TERNARY_H
#define LB_GEMM_TERNARY_H

#include <stddef.h>

#include "../arch.h"

/* The layout planes64-v1: a block of columns, its bytes, and the columns that share two bits of these. */
#define TERNARY_BLOCK 256
#define TERNARY_BYTES 64
#define TERNARY_PLANES 4

/* Sums of codes times 127, and of those of a plane that lies 4 times too large, stay in int32_t. */
#define TERNARY_MAX_K 524288

/* What stands before the codes of a quantized row. */
#define TERNARY_HEAD 64
typedef struct {
  int32_t sum;
  float step;
} TernaryHead;

/* A call: what it is given; x or quantized. */
typedef struct {
  const float *x;
  int64_t x_stride;
  const char *quantized;
  const uint8_t *weights;
  const float *scale;
  int64_t scale_step;
  const float *bias;
  float *y;
  int64_t y_stride;
  int32_t *acc;
  int64_t acc_stride;
  int64_t k;
} Ternary;

LB_INLINE int64_t ternary_blocks(int64_t k) { return (k + TERNARY_BLOCK - 1) / TERNARY_BLOCK; }

/* The distance of quantized rows in bytes: not a power of two, so that the rows of a tile do not share cache sets. */
LB_INLINE int64_t ternary_row(int64_t k) { return TERNARY_HEAD + ternary_blocks(k) * TERNARY_BLOCK; }

/* The next number of rows of `left` ones, in tiles of up to `most`: heights that differ by one, none of one row at the end. */
LB_INLINE int64_t ternary_next(int64_t left, int64_t most) {
  int64_t tiles = (left + most - 1) / most;
  return (left + tiles - 1) / tiles;
}

/* y = sum scale + bias of an element. */
LB_INLINE void ternary_finish(const Ternary *t, int64_t i, int64_t j, float sum) {
  float value = sum * t->scale[j * t->scale_step];
  t->y[i * t->y_stride + j] = t->bias == NULL ? value : value + t->bias[j];
}

LB_DECLARE(lb_gemm_ternary_f32, (const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to));
LB_DECLARE(lb_gemm_ternary_i8, (const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to));
LB_DECLARE(lb_gemm_ternary_quantize, (const float *restrict x, int64_t x_stride, char *restrict quantized, int64_t from,
                                      int64_t to, int64_t k));
int32_t lb_gemm_ternary_i8_avx512vnni(const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to);

#endif
