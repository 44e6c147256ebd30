// SPDX-License-Identifier: Apache-2.0
/*
 * softmax_kl, a row in double: what float cannot do, and what is too rare to be fast. With h = q dD/dq and k = p dD/dp,
 * dz = (h - q sum h) / temperature and du = (k - p sum k) / teacher_temperature; terms of one sign.
 *
 * A softmax without a finite maximum makes its row NaN. Reads rows three times, one rounding at the end; 3 exps an element
 * and pass, with a soft cap 2 tanh. Beside the dense teacher all of its top-k forms, as a row with probability 0 off K.
 */
#include <math.h>

#include "softmax_kl.h"

/* a value, a probability; 0 for probability 0 whatever the value. */
static double kl_weighted(double a, double log_a, double value) { return log_a == -INFINITY ? 0 : a * value; }

/* a log(a / b) + b - a, x = log(b / a): over rows that sum to 1 the differences add nothing. */
static double kl_divergence(double a, double b, double x) {
  if (a == 0) {
    return b;
  }
  if (fabs(x) < 1e-2) {
    return a * (x * x / 2) * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7)))));
  }
  return b - a - a * x;
}

/* log(w p + (1 - w) q), exact in the difference from either where they are close. */
static double kl_mixture(double w, double log_p, double log_q) {
  double x = log_q - log_p;
  if (fabs(x) < 1) {
    return log_p + log1p((1 - w) * expm1(x));
  }
  double first = log(w) + log_p;
  double second = log1p(-w) + log_q;
  double max = first > second || first != first ? first : second;
  return isinf(max) ? max : max + log(exp(first - max) + exp(second - max));
}

kl_term kl_term_of(const kl_call *c, double log_p, double log_q) {
  kl_term t = {0, 0, 0};
  double p = exp(log_p);
  double q = exp(log_q);
  double x = log_q - log_p;
  double w = c->w;
  int mixed = c->mode == LB_SOFTMAX_KL_JS || c->mode == LB_SOFTMAX_KL_SKEW_FORWARD_KL ||
              c->mode == LB_SOFTMAX_KL_SKEW_REVERSE_KL;
  double log_m = mixed ? kl_mixture(w, log_p, log_q) : 0;
  double m = mixed ? exp(log_m) : 0;
  switch (c->mode) {
    case LB_SOFTMAX_KL_FORWARD_KL:
      t.h = -p;
      t.k = kl_weighted(p, log_p, -x);
      t.loss = c->teacher == LB_TOP_K_RAW ? t.k : kl_divergence(p, q, x);
      break;
    case LB_SOFTMAX_KL_REVERSE_KL:
      t.loss = kl_divergence(q, p, -x);
      t.h = kl_weighted(q, log_q, x);
      t.k = -q;
      break;
    case LB_SOFTMAX_KL_SYMMETRIC_KL:
      t.loss = (kl_divergence(p, q, x) + kl_divergence(q, p, -x)) / 2;
      t.h = (kl_weighted(q, log_q, x) - p) / 2;
      t.k = (kl_weighted(p, log_p, -x) - q) / 2;
      break;
    case LB_SOFTMAX_KL_JS:
      t.loss = w * kl_divergence(p, m, log_m - log_p) + (1 - w) * kl_divergence(q, m, log_m - log_q);
      t.h = (1 - w) * kl_weighted(q, log_q, log_q - log_m);
      t.k = w * kl_weighted(p, log_p, log_p - log_m);
      break;
    case LB_SOFTMAX_KL_SKEW_FORWARD_KL:
      t.loss = kl_divergence(p, m, log_m - log_p);
      t.h = w == 0 ? -p : log_q == -INFINITY ? 0 : (w - 1) * p * exp(log_q - log_m);
      break;
    case LB_SOFTMAX_KL_SKEW_REVERSE_KL:
      t.loss = kl_divergence(q, m, log_m - log_q);
      t.h = kl_weighted(q, log_q, log_q - log_m - (1 - w) * exp(log_q - log_m));
      break;
    case LB_SOFTMAX_KL_SOFT_CE:
      t.loss = -kl_weighted(p, log_p, log_q);
      t.h = -p;
      break;
    default:
      t.loss = fabs(p - q) / 2;
      t.h = q > p ? q / 2 : q < p ? -q / 2 : q - p;
      break;
  }
  return t;
}

/* A row, and what its passes find. */
typedef struct {
  const kl_call *c;
  int64_t r;
  const float *z;
  const float *u;
  double *top; /* of a top-k teacher: the probability of each column, -1 off K; otherwise null */
  double lse_z;
  double lse_u;
  double lse_1;
  /* The columns of a tail are one class. */
  double tail_log_p;
  double tail_log_q;
  kl_term tail;
} kl_exact;

static double kl_capped(const kl_call *c, float x) {
  return c->soft_cap == 0 ? x : c->soft_cap * tanh(x / c->soft_cap);
}

static double kl_slope(const kl_call *c, float x) {
  double t = c->soft_cap == 0 ? 0 : tanh(x / c->soft_cap);
  return (1 - t) * (1 + t);
}

/* Whether a column has a part in the divergence. */
static int kl_keeps(const kl_exact *e, int64_t i) {
  return kl_unmasked(e->c, i) && (e->c->teacher != LB_TOP_K_BOTH_RENORM || e->top[i] >= 0);
}

static int kl_in_tail(const kl_exact *e, int64_t i) { return e->c->teacher == LB_TOP_K_TAIL && e->top[i] < 0; }

/* log sum exp(x / temperature) over the columns that the divergence keeps, or over all that the mask does. */
static double kl_lse(const kl_exact *e, const float *x, double temperature, int all) {
  double max = -INFINITY;
  double sum = 0;
  for (int64_t i = 0; i < e->c->cols; i++) {
    double t = (all ? kl_unmasked(e->c, i) : kl_keeps(e, i)) ? kl_capped(e->c, x[i]) / temperature : -INFINITY;
    max = max != max || t > max || t != t ? (max != max ? max : t) : max;
  }
  for (int64_t i = 0; i < e->c->cols; i++) {
    sum += (all ? kl_unmasked(e->c, i) : kl_keeps(e, i)) ? exp(kl_capped(e->c, x[i]) / temperature - max) : 0;
  }
  return max + log(sum);
}

static double kl_log_q(const kl_exact *e, int64_t i) { return kl_capped(e->c, e->z[i]) / e->c->temperature - e->lse_z; }

static double kl_log_p(const kl_exact *e, int64_t i) {
  if (e->c->teacher == KL_DENSE) {
    return kl_capped(e->c, e->u[i]) / e->c->teacher_temperature - e->lse_u;
  }
  return log(e->top[i] > 0 ? e->top[i] : 0) - e->lse_u;
}

static double kl_difference(const kl_exact *e, int64_t i) { return kl_capped(e->c, e->z[i]) - kl_capped(e->c, e->u[i]); }

/* Finds the normalisers and the tail; returns whether there is anything to compare. */
static int kl_prepare(kl_exact *e) {
  const kl_call *c = e->c;
  double mass = 0;
  int64_t kept = 0;
  for (int64_t i = 0; i < c->k; i++) {
    e->top[c->ids[e->r * c->ids_stride + i]] = c->p[e->r * c->p_stride + i];
  }
  for (int64_t i = 0; i < c->cols; i++) {
    if (kl_keeps(e, i)) {
      kept++;
      mass += e->top && e->top[i] > 0 ? e->top[i] : 0;
    }
  }
  int renormalised = c->teacher == LB_TOP_K_RENORM || c->teacher == LB_TOP_K_BOTH_RENORM;
  if (kept == 0 || (renormalised && mass == 0)) {
    return 0;
  }
  if (c->mode == LB_SOFTMAX_KL_LOGIT_MSE) {
    return 1;
  }
  e->lse_z = kl_lse(e, e->z, c->temperature, 0);
  e->lse_u = c->teacher == KL_DENSE ? kl_lse(e, e->u, c->teacher_temperature, 0) : renormalised ? log(mass) : 0;
  e->tail_log_p = log(mass < 1 ? 1 - mass : 0);
  return 1;
}

/* The sums of the parts of a row. */
static kl_term kl_sum(kl_exact *e) {
  const kl_call *c = e->c;
  kl_term sum = {0, 0, 0};
  double tail = 0;
  int64_t tail_columns = 0;
  for (int64_t i = 0; i < c->cols; i++) {
    if (!kl_keeps(e, i)) {
      continue;
    }
    if (c->mode == LB_SOFTMAX_KL_LOGIT_MSE) {
      sum.loss += kl_difference(e, i) * kl_difference(e, i);
    } else if (kl_in_tail(e, i)) {
      tail += exp(kl_log_q(e, i));
      tail_columns++;
    } else {
      kl_term t = kl_term_of(c, kl_log_p(e, i), kl_log_q(e, i));
      sum.loss += t.loss;
      sum.h += t.h;
      sum.k += t.k;
    }
  }
  if (tail_columns > 0) {
    e->tail_log_q = log(tail);
    e->tail = kl_term_of(c, e->tail_log_p, e->tail_log_q);
    sum.loss += e->tail.loss;
    sum.h += e->tail.h;
  }
  return sum;
}

/* The gradients of a column that the divergence keeps. */
static void kl_gradients(const kl_exact *e, int64_t i, const kl_term *sum, double by, double *dz, double *du) {
  const kl_call *c = e->c;
  if (c->mode == LB_SOFTMAX_KL_LOGIT_MSE) {
    *dz = by * 2 * kl_difference(e, i);
    return;
  }
  double log_q = kl_log_q(e, i);
  double log_p = kl_log_p(e, i);
  kl_term t = {0, 0, 0};
  if (kl_in_tail(e, i)) {
    /* The columns of a tail share one dD/dq: each has its share of the tail's h. */
    t.h = e->tail.h * exp(log_q - e->tail_log_q);
  } else {
    t = kl_term_of(c, log_p, log_q);
  }
  *dz = by * (t.h - exp(log_q) * sum->h) / c->temperature;
  *du = by * (t.k - exp(log_p) * sum->k) / c->teacher_temperature;
}

static double kl_cross_entropy(const kl_exact *e) {
  const kl_call *c = e->c;
  double loss = (1 - c->label_smoothing) * (e->lse_1 - kl_capped(c, e->z[c->labels[e->r]]));
  for (int64_t i = 0; i < c->cols && c->label_smoothing != 0; i++) {
    loss += kl_unmasked(c, i) ? c->label_smoothing / (double)c->kept * (e->lse_1 - kl_capped(c, e->z[i])) : 0;
  }
  return loss;
}

void kl_exact_row(const kl_call *c, int64_t r) {
  kl_exact e = {.c = c, .r = r, .z = c->z + r * c->z_stride};
  if (c->teacher == KL_DENSE) {
    e.u = c->u + r * c->u_stride;
  } else {
    e.top = c->scratch;
    for (int64_t i = 0; i < c->cols; i++) {
      e.top[i] = -1;
    }
  }
  double weight = c->row_weight ? c->row_weight[r] : 1;
  int hard = kl_hard(c, r);
  int soft = weight != 0 && c->soft_weight != 0 && kl_prepare(&e);
  kl_term sum = {0, 0, 0};
  if (soft) {
    sum = kl_sum(&e);
  }
  double entropy = 0;
  if (hard) {
    e.lse_1 = kl_lse(&e, e.z, 1, 1);
    entropy = kl_cross_entropy(&e);
  }
  float *gz = c->gz ? c->gz + r * c->gz_stride : 0;
  float *gu = c->gu ? c->gu + r * c->gu_stride : 0;
  double uniform = c->label_smoothing / (double)c->kept;
  double by = c->soft_weight * c->scale * weight * c->factor;
  /* The gradients may lie over z and u: each element is read before it is written. */
  for (int64_t i = 0; i < c->cols && (gz || gu); i++) {
    double dz = 0;
    double du = 0;
    int live = c->factor != 0 && kl_unmasked(c, i);
    if (live && soft && kl_keeps(&e, i)) {
      kl_gradients(&e, i, &sum, by, &dz, &du);
    }
    if (live && hard) {
      double target = uniform + (i == c->labels[r] ? 1 - c->label_smoothing : 0);
      dz += c->hard_weight * c->factor * (exp(kl_capped(c, e.z[i]) - e.lse_1) - target);
    }
    /* Of the content of removed columns nothing is used, nor of rows that have no part. */
    dz = dz == 0 ? 0 : dz * kl_slope(c, e.z[i]);
    du = du == 0 || !gu ? 0 : du * kl_slope(c, e.u[i]);
    if (gz) {
      gz[i] = (float)dz;
    }
    if (gu) {
      gu[i] = (float)du;
    }
  }
  if (c->row_loss) {
    c->row_loss[r] = c->soft_weight * sum.loss + c->hard_weight * entropy;
  }
  c->losses[r] = (soft ? c->soft_weight * c->scale * weight * sum.loss : 0) + c->hard_weight * entropy;
}
