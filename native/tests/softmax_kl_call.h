// SPDX-License-Identifier: Apache-2.0
/* A call of softmax_kl, for its tests. */
#ifndef LB_SOFTMAX_KL_CALL_H
#define LB_SOFTMAX_KL_CALL_H

#include "check.h"

enum { FORWARD, REVERSE, SYMMETRIC, JS, SKEW_FORWARD, SKEW_REVERSE, SOFT_CE, VARIATION, SQUARES, MODES };
enum { ROWS = 3, IGNORED = -7 };

/* A call on ROWS rows that lie back to back. */
typedef struct {
  int32_t type; /* with LB_TYPE_BF16 z, u, gz and gu point to that */
  int mode;
  double t;
  double tt;
  double w;
  double hard;
  double smoothing;
  double factor;
  double cap;
  int32_t stream;
  int64_t cols;
  float *z;
  float *u;
  /* Of a top-k teacher, u null. */
  int32_t teacher;
  const int64_t *ids;
  const float *p;
  int64_t k;
  const float *weight;
  const uint8_t *mask;
  const int64_t *labels;
  float *gz;
  float *gu;
  double row_loss[ROWS];
  double losses[ROWS];
} Call;

static const double SOFT = 0.75;
static const double SCALE = 4;

static int32_t run(int32_t tier, Call *c, void *scratch, int64_t from, int64_t to) {
  if (!c->u) {
    return lb_softmax_kl_top_k(tier, c->type, c->teacher, c->mode, c->t, c->w, c->cap, SOFT, SCALE, c->hard, c->smoothing,
                               c->factor, c->z, c->cols, c->ids, c->k, c->p, c->k, c->k, c->weight, c->mask, c->labels,
                               IGNORED, c->gz, c->cols, c->row_loss, c->losses, scratch, from, to, c->cols);
  }
  return lb_softmax_kl(tier, c->type, c->mode, c->t, c->tt, c->w, c->cap, SOFT, SCALE, c->hard, c->smoothing, c->factor,
                       c->z, c->cols, c->u, c->cols, c->weight, c->mask, c->labels, IGNORED, c->gz, c->cols, c->gu, c->cols,
                       c->stream, c->row_loss, c->losses, scratch, from, to, c->cols);
}

#endif
