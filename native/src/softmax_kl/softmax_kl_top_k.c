// SPDX-License-Identifier: Apache-2.0
/*
 * softmax_kl with a top-k teacher, the columns K in double. With P and Q the sums of p and q over K less removed columns:
 *
 *   raw           sum p log(p / q)                                  renorm   p / P against q, 0 off K
 *   both_renorm   p / P against q / Q                               tail     one more class, 1 - P against 1 - Q
 *
 * Off K the gradient is a multiple of q, which the caller writes. Two passes over k elements, 2 exps and a log each.
 */
#include <math.h>

#include "softmax_kl.h"

int kl_top_k_begin(const kl_call *c, int64_t r, kl_top_k *t) {
  const int64_t *ids = c->ids + r * c->ids_stride;
  const float *p = c->p + r * c->p_stride;
  t->mass = 0;
  t->count = 0;
  for (int64_t j = 0; j < c->k; j++) {
    if (kl_unmasked(c, ids[j])) {
      t->mass += p[j];
      t->count++;
    }
  }
  if (c->teacher == LB_TOP_K_BOTH_RENORM) {
    return t->mass != 0;
  }
  return c->kept > 0 && (c->teacher != LB_TOP_K_RENORM || t->mass != 0);
}

void kl_top_k_own_softmax(const kl_call *c, int64_t r, const float *z, kl_top_k *t) {
  const int64_t *ids = c->ids + r * c->ids_stride;
  double sum = 0;
  t->inverse = 1 / c->temperature;
  t->top = -INFINITY;
  for (int64_t j = 0; j < c->k; j++) {
    t->top = kl_unmasked(c, ids[j]) && z[ids[j]] > t->top ? z[ids[j]] : t->top;
  }
  for (int64_t j = 0; j < c->k; j++) {
    sum += kl_unmasked(c, ids[j]) ? exp((z[ids[j]] - t->top) * t->inverse) : 0;
  }
  t->log_sum = log(sum);
}

/* log p of an element of K. */
static double kl_top_k_log_p(const kl_call *c, float p, const kl_top_k *t) {
  int renormalised = c->teacher == LB_TOP_K_RENORM || c->teacher == LB_TOP_K_BOTH_RENORM;
  return log(renormalised ? p / t->mass : p);
}

static double kl_top_k_log_q(float z, const kl_top_k *t) { return (z - t->top) * t->inverse - t->log_sum; }

void kl_top_k_terms(const kl_call *c, int64_t r, const float *z, double off, double *parts, kl_top_k *t) {
  const int64_t *ids = c->ids + r * c->ids_stride;
  const float *p = c->p + r * c->p_stride;
  t->loss = c->teacher == LB_TOP_K_RENORM ? off : 0;
  t->sum_h = 0;
  for (int64_t j = 0; j < c->k; j++) {
    if (kl_unmasked(c, ids[j])) {
      kl_term term = kl_term_of(c, kl_top_k_log_p(c, p[j], t), kl_top_k_log_q(z[ids[j]], t));
      t->loss += term.loss;
      t->sum_h += term.h;
      parts[j] = term.h;
    }
  }
  double share = 0;
  if (c->teacher == LB_TOP_K_TAIL && c->kept > t->count) {
    kl_term tail = kl_term_of(c, log(t->mass < 1 ? 1 - t->mass : 0), log(off));
    t->loss += tail.loss;
    t->sum_h += tail.h;
    share = tail.h / off;
  }
  t->rest = (share - t->sum_h) / c->temperature;
}

void kl_top_k_gradients(const kl_call *c, int64_t r, const float *z, double by, double *parts, const kl_top_k *t) {
  const int64_t *ids = c->ids + r * c->ids_stride;
  for (int64_t j = 0; j < c->k; j++) {
    if (kl_unmasked(c, ids[j])) {
      double q = exp(kl_top_k_log_q(z[ids[j]], t));
      parts[j] = by * (parts[j] - q * t->sum_h) / c->temperature;
    }
  }
}
