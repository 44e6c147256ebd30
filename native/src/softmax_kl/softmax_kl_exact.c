// SPDX-License-Identifier: Apache-2.0
/*
 * softmax_kl, a row in double: what float cannot do, and what is too rare to be fast. With h = q dD/dq and k = p dD/dp,
 * dz = (h - q sum h) / temperature and du = (k - p sum k) / teacher_temperature; terms of one sign.
 *
 * A softmax without a finite maximum makes its row NaN. Reads rows three times, one rounding at the end; 3 exps an element
 * and pass.
 */
#include <math.h>

#include "softmax_kl.h"

/* exp(log_a) value; 0 for probability 0 whatever the value. */
static double kl_weighted(double log_a, double value) { return log_a == -INFINITY ? 0 : exp(log_a) * value; }

/* a log(a / b) + b - a from logarithms: over rows that sum to 1 the differences add nothing. */
static double kl_divergence(double log_a, double log_b) {
  double a = exp(log_a);
  double b = exp(log_b);
  if (a == 0) {
    return b;
  }
  double x = log_b - log_a;
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

/* An element's part of the divergence, and its h and k but for a multiple of q and of p. */
typedef struct {
  double loss;
  double h;
  double k;
} kl_term;

static kl_term kl_term_of(const kl_call *c, double log_p, double log_q) {
  kl_term t = {0, 0, 0};
  double p = exp(log_p);
  double q = exp(log_q);
  double back = kl_weighted(log_q, log_q - log_p);
  double w = c->w;
  switch (c->mode) {
    case LB_SOFTMAX_KL_FORWARD_KL:
      t.loss = kl_divergence(log_p, log_q);
      t.h = -p;
      t.k = kl_weighted(log_p, log_p - log_q);
      break;
    case LB_SOFTMAX_KL_REVERSE_KL:
      t.loss = kl_divergence(log_q, log_p);
      t.h = back;
      t.k = -q;
      break;
    case LB_SOFTMAX_KL_SYMMETRIC_KL:
      t.loss = (kl_divergence(log_p, log_q) + kl_divergence(log_q, log_p)) / 2;
      t.h = (back - p) / 2;
      t.k = (kl_weighted(log_p, log_p - log_q) - q) / 2;
      break;
    case LB_SOFTMAX_KL_JS: {
      double log_m = kl_mixture(w, log_p, log_q);
      t.loss = w * kl_divergence(log_p, log_m) + (1 - w) * kl_divergence(log_q, log_m);
      t.h = (1 - w) * kl_weighted(log_q, log_q - log_m);
      t.k = w * kl_weighted(log_p, log_p - log_m);
      break;
    }
    case LB_SOFTMAX_KL_SKEW_FORWARD_KL: {
      double log_m = kl_mixture(w, log_p, log_q);
      t.loss = kl_divergence(log_p, log_m);
      t.h = w == 0 ? -p : log_q == -INFINITY ? 0 : (w - 1) * p * exp(log_q - log_m);
      break;
    }
    case LB_SOFTMAX_KL_SKEW_REVERSE_KL: {
      double log_m = kl_mixture(w, log_p, log_q);
      t.loss = kl_divergence(log_q, log_m);
      t.h = kl_weighted(log_q, log_q - log_m - (1 - w) * exp(log_q - log_m));
      break;
    }
    case LB_SOFTMAX_KL_SOFT_CE:
      t.loss = -kl_weighted(log_p, log_q);
      t.h = -p;
      break;
    default:
      t.loss = fabs(p - q) / 2;
      t.h = q > p ? q / 2 : q < p ? -q / 2 : q - p;
      break;
  }
  return t;
}

static int kl_keeps(const kl_call *c, int64_t i) { return !c->column_mask || c->column_mask[i]; }

/* log sum exp(x / temperature) over the kept columns. */
static double kl_lse(const kl_call *c, const float *x, double temperature) {
  double max = -INFINITY;
  double sum = 0;
  for (int64_t i = 0; i < c->cols; i++) {
    double t = kl_keeps(c, i) ? x[i] / temperature : -INFINITY;
    max = max != max || t > max || t != t ? (max != max ? max : t) : max;
  }
  for (int64_t i = 0; i < c->cols; i++) {
    sum += kl_keeps(c, i) ? exp(x[i] / temperature - max) : 0;
  }
  return max + log(sum);
}

void kl_exact_row(const kl_call *c, int64_t r) {
  const float *z = c->z + r * c->z_stride;
  const float *u = c->u + r * c->u_stride;
  float *gz = c->gz ? c->gz + r * c->gz_stride : 0;
  float *gu = c->gu ? c->gu + r * c->gu_stride : 0;
  double weight = c->row_weight ? c->row_weight[r] : 1;
  int hard = kl_hard(c, r);
  int soft = weight != 0 && c->soft_weight != 0 && c->kept > 0;
  int squares = c->mode == LB_SOFTMAX_KL_LOGIT_MSE;
  double lse_z = soft && !squares ? kl_lse(c, z, c->temperature) : 0;
  double lse_u = soft && !squares ? kl_lse(c, u, c->teacher_temperature) : 0;
  double lse_1 = hard ? kl_lse(c, z, 1) : 0;
  double uniform = c->label_smoothing / (double)c->kept;
  kl_term sum = {0, 0, 0};
  double entropy = hard ? (1 - c->label_smoothing) * (lse_1 - z[c->labels[r]]) : 0;
  for (int64_t i = 0; i < c->cols; i++) {
    if (!kl_keeps(c, i)) {
      continue;
    }
    if (soft && squares) {
      sum.loss += ((double)z[i] - u[i]) * ((double)z[i] - u[i]);
    } else if (soft) {
      kl_term t = kl_term_of(c, u[i] / c->teacher_temperature - lse_u, z[i] / c->temperature - lse_z);
      sum.loss += t.loss;
      sum.h += t.h;
      sum.k += t.k;
    }
    if (hard && c->label_smoothing != 0) {
      entropy += uniform * (lse_1 - z[i]);
    }
  }
  double by = c->soft_weight * c->scale * weight * c->factor;
  /* The gradients may lie over z and u: each element is read before it is written. */
  for (int64_t i = 0; i < c->cols && (gz || gu); i++) {
    double dz = 0;
    double du = 0;
    int live = c->factor != 0 && kl_keeps(c, i);
    if (live && soft && squares) {
      dz = by * 2 * ((double)z[i] - u[i]);
    } else if (live && soft) {
      double log_p = u[i] / c->teacher_temperature - lse_u;
      double log_q = z[i] / c->temperature - lse_z;
      kl_term t = kl_term_of(c, log_p, log_q);
      dz = by * (t.h - exp(log_q) * sum.h) / c->temperature;
      du = by * (t.k - exp(log_p) * sum.k) / c->teacher_temperature;
    }
    if (live && hard) {
      double target = uniform + (i == c->labels[r] ? 1 - c->label_smoothing : 0);
      dz += c->hard_weight * c->factor * (exp(z[i] - lse_1) - target);
    }
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
