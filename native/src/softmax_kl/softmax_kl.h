// SPDX-License-Identifier: Apache-2.0
/* A call of softmax_kl, the kernel for rows that are better done in double, and the columns of a top-k teacher. */
#ifndef LB_SOFTMAX_KL_H
#define LB_SOFTMAX_KL_H

#include "../arch.h"

/* Logits of type bf16, which a row is widened from, and gradients, which it is rounded to. */
typedef struct {
  const uint16_t *z;
  int64_t z_stride;
  const uint16_t *u;
  int64_t u_stride;
  uint16_t *gz;
  int64_t gz_stride;
  uint16_t *gu;
  int64_t gu_stride;
} kl_bf16;

/* The arguments of limbeck.h, and what follows from them. */
typedef struct {
  int32_t mode;
  double temperature;
  double teacher_temperature;
  double w;
  double soft_cap; /* 0 for none */
  double soft_weight;
  double scale;
  double hard_weight;
  double label_smoothing;
  double factor;
  const float *z;
  int64_t z_stride;
  const float *u;
  int64_t u_stride;
  int32_t teacher; /* KL_DENSE, or how the columns K of a top-k teacher count; then u is null */
  const int64_t *ids;
  int64_t ids_stride;
  const float *p;
  int64_t p_stride;
  int64_t k;
  const float *row_weight;
  const uint8_t *column_mask;
  const int64_t *labels;
  int64_t ignore_index;
  float *gz;
  int64_t gz_stride;
  float *gu;
  int64_t gu_stride;
  int32_t stream; /* whether gz goes past the caches */
  double *row_loss;
  double *losses;
  void *scratch;
  int64_t cols;
  int64_t kept; /* columns that the mask keeps */
  kl_bf16 bf16; /* if its z is not null, z, u, gz and gu above are the same rows in scratch for every r */
} kl_call;

/* Beside the constants LB_TOP_K_*. */
#define KL_DENSE 0

/* Columns that share the logit their exponentials are relative to: two rows of them and two of exponentials fit in L1. */
#define KL_BLOCK 2048

/* Blocks of rows and exponentials that go into half of a second cache level of 1 MiB. */
#define KL_LONG 16

/* Lanes of the widest tier: what rows in scratch are padded to. */
#define KL_PAD 16

/* Rows in scratch with a float for each column, and with one for each block; behind them the rows that bf16 is widened to. */
#define KL_LINES 7
#define KL_TOPS 3
#define KL_WIDENED 2

/* Floats of a row in scratch. No multiple of 4096 bytes: rows would take each other's places in the cache. */
LB_INLINE int64_t kl_line(int64_t cols) { return (cols + KL_PAD - 1) / KL_PAD * KL_PAD + 3 * KL_PAD; }

/* Blocks of a row. */
LB_INLINE int64_t kl_blocks(int64_t cols) { return (cols + KL_BLOCK - 1) / KL_BLOCK; }

/* Floats of scratch before the widened rows. */
LB_INLINE int64_t kl_scratch(int64_t cols) { return KL_LINES * kl_line(cols) + KL_TOPS * kl_line(kl_blocks(cols)); }

/* Of the row r: whether the label counts. */
LB_INLINE int kl_hard(const kl_call *c, int64_t r) {
  return c->labels && c->hard_weight != 0 && c->labels[r] != c->ignore_index;
}

/* Whether the divergence may count, as far as weights tell. */
LB_INLINE int kl_weighs(const kl_call *c, int64_t r) {
  return (!c->row_weight || c->row_weight[r] != 0) && c->soft_weight != 0;
}

LB_INLINE int kl_unmasked(const kl_call *c, int64_t i) { return !c->column_mask || c->column_mask[i]; }

/* Does a row in double, outputs included: for NaN, infinities and factors that float does not bear. */
void kl_exact_row(const kl_call *c, int64_t r);

/* An element's part of the divergence, and its h = q dD/dq and k = p dD/dp but for a multiple of q and of p. */
typedef struct {
  double loss;
  double h;
  double k;
} kl_term;

kl_term kl_term_of(const kl_call *c, double log_p, double log_q);

/* What a row has on the columns K of its teacher. Removed columns have no part. */
typedef struct {
  double mass;   /* of the probabilities */
  int64_t count; /* of the columns */
  /* log q = (logit - top) inverse - log_sum */
  double top;
  double inverse;
  double log_sum;
  double loss;
  double sum_h;
  double rest; /* off K the gradient is rest q */
} kl_top_k;

/* Finds mass and count; returns whether there is anything to compare. */
int kl_top_k_begin(const kl_call *c, int64_t r, kl_top_k *t);

/* The softmax of the student's logits z over K alone. */
void kl_top_k_own_softmax(const kl_call *c, int64_t r, const float *z, kl_top_k *t);

/* The loss and the rest; `off` is the sum of q off K. parts [k] receives what the gradients are made of. */
void kl_top_k_terms(const kl_call *c, int64_t r, const float *z, double off, double *parts, kl_top_k *t);

/* Turns parts into the gradients on K. */
void kl_top_k_gradients(const kl_call *c, int64_t r, const float *z, double by, double *parts, const kl_top_k *t);

LB_DECLARE(lb_softmax_kl, (const kl_call *c, int64_t from, int64_t to));

#endif
