// SPDX-License-Identifier: Apache-2.0
/* A call of softmax_kl, and the kernel for rows that are better done in double. */
#ifndef LB_SOFTMAX_KL_H
#define LB_SOFTMAX_KL_H

#include "../arch.h"

/* The arguments of limbeck.h, and what follows from them. */
typedef struct {
  int32_t mode;
  double temperature;
  double teacher_temperature;
  double w;
  double soft_weight;
  double scale;
  double hard_weight;
  double label_smoothing;
  double factor;
  const float *z;
  int64_t z_stride;
  const float *u;
  int64_t u_stride;
  const float *row_weight;
  const uint8_t *column_mask;
  const int64_t *labels;
  int64_t ignore_index;
  float *gz;
  int64_t gz_stride;
  float *gu;
  int64_t gu_stride;
  double *row_loss;
  double *losses;
  void *scratch;
  int64_t cols;
  int64_t kept; /* columns that the mask keeps */
} kl_call;

/* Columns that share the logit their exponentials are relative to: two rows of them and two of exponentials fit in L1. */
#define KL_BLOCK 2048

/* Lanes of the widest tier: what rows in scratch are padded to. */
#define KL_PAD 16

/* Floats of a row in scratch. No multiple of 4096 bytes: rows would take each other's places in the cache. */
LB_INLINE int64_t kl_line(int64_t cols) { return (cols + KL_PAD - 1) / KL_PAD * KL_PAD + 3 * KL_PAD; }

/* Blocks of a row. */
LB_INLINE int64_t kl_blocks(int64_t cols) { return (cols + KL_BLOCK - 1) / KL_BLOCK; }

/* Of the row r: whether the label counts. */
LB_INLINE int kl_hard(const kl_call *c, int64_t r) {
  return c->labels && c->hard_weight != 0 && c->labels[r] != c->ignore_index;
}

/* Does a row in double, outputs included: for NaN, infinities and factors that float does not bear. */
void kl_exact_row(const kl_call *c, int64_t r);

LB_DECLARE(lb_softmax_kl, (const kl_call *c, int64_t from, int64_t to));

#endif
