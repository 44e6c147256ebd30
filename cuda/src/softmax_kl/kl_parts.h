// SPDX-License-Identifier: Apache-2.0
//
// softmax_kl, an element in float: exponentials, the terms of the divergences and their derivatives. x = log q - log p is known
// from logits and normalisers without a logarithm. Where |x| is below KL_NEAR, q - p = p (exp(x) - 1) and the terms come from a
// series: the subtractions would lose the digits of small divergences.

#pragma once

#include "../device/exponential.h"
#include "kl_call.h"

namespace lb {

constexpr float KL_NEAR = 0.3f;
constexpr float KL_LOG2E = 1.44269504088896341f;

/** Tops further apart than this are brought together before logits are subtracted. */
constexpr float KL_APART = 16.0f;

/** exp(x) - 1 - x over x^2, good to the last place for |x| < KL_NEAR. */
LB_DEVICE float kl_series(float x) {
  float t = fmaf(x, 1.39013818e-3f, 8.35552532e-3f);
  t = fmaf(t, x, 4.16667201e-2f);
  t = fmaf(t, x, 1.66666180e-1f);
  return fmaf(t, x, 0.5f);
}

/** log1p(v) = 2 atanh(v / (2 + v)) by its series, for -0.3 < v <= 1. */
LB_DEVICE float kl_log1p(float v) {
  const float t = __fdividef(v, v + 2.0f);
  const float s = t * t;
  float p = fmaf(s, 2.0f / 13, 2.0f / 11);
  p = fmaf(p, s, 2.0f / 9);
  p = fmaf(p, s, 2.0f / 7);
  p = fmaf(p, s, 2.0f / 5);
  p = fmaf(p, s, 2.0f / 3);
  p = fmaf(p, s, 2.0f);
  return p * t;
}

/** The soft cap c tanh(v / c), with the digits of small v. */
LB_DEVICE float kl_capped(float v, float cap, float inverse) {
  const float m = expm1f(-2.0f * fabsf(v) * inverse);
  return copysignf(cap * (-m / (2.0f + m)), v);
}

/** Its slope 4 e / (1 + e)^2, e = exp(-2 |v| / c), with the digits of small slopes. */
LB_DEVICE float kl_slope(float v, float inverse) {
  const float e = expf(-2.0f * fabsf(v) * inverse);
  const float r = 1.0f / (1.0f + e);
  return 4.0f * e * r * r;
}

/** The statistics of both rows, the same in all threads, and what turns logits into probabilities and ratios. */
struct KlNumbers {
  float top_z;
  float top_u;
  float binary_z; /* log2(e) / temperature */
  float binary_u;
  float scale_q; /* from exponentials to probabilities times a factor */
  float scale_p;
  float inverse; /* 1 / temperature of the student */
  float change;  /* that less the teacher's */
  float shift;
  float offset;

  LB_DEVICE KlNumbers(double inverse_z, double inverse_u)
      : binary_z((float)(1.44269504088896341 * inverse_z)),
        binary_u((float)(1.44269504088896341 * inverse_u)),
        inverse((float)inverse_z),
        change((float)inverse_z - (float)inverse_u) {}

  /** log_z, log_u: of the sums of exponentials relative to the tops. */
  LB_DEVICE void compare(double log_z, double log_u) {
    const float apart = top_z - top_u;
    shift = fabsf(apart) <= KL_APART ? 0.0f : apart;
    const double rest = (double)top_z - (double)top_u - (double)shift;
    offset = -(float)(rest * (double)inverse + (log_z - log_u));
  }

  LB_DEVICE float q(float z) const { return exp2_flushed((z - top_z) * binary_z) * scale_q; }
  LB_DEVICE float p(float u) const { return exp2_flushed((u - top_u) * binary_u) * scale_p; }
  LB_DEVICE float x(float z, float u) const { return fmaf((z - shift) - u, inverse, fmaf(u - top_u, change, offset)); }
};

/** The forward divergence: factor (q - p) of an element; adds factor p (expm1(x) - x) to the loss. p and q have the factor. */
LB_DEVICE float kl_forward(float p, float q, float x, float& loss) {
  const float px = p * x;
  const float small = kl_series(x) * x * px;
  const float d = q - p;
  const bool near = fabsf(x) < KL_NEAR;
  loss += near ? small : d - px;
  return near ? px + small : d;
}

enum KlFamily : int {
  KL_FAMILY_FORWARD, /* the forward divergence, soft cross-entropy, squares of logits: gradients need no sum */
  KL_FAMILY_DIRECT,  /* forward KL(p || q) + reverse KL(q || p), or the sum of |p - q| / 2 */
  KL_FAMILY_MIXED    /* teacher KL(p || m) + student KL(q || m), m = w p + (1 - w) q */
};

struct KlWeights {
  float forward;
  float reverse;
  bool variation;
  float w;
  float binary_w;    /* log2(w) */
  float binary_rest; /* log2(1 - w) */
  float teacher;
  float student;
  float ratio_p; /* h of a mixture is q (student log(q / m) - (ratio_p p + ratio_q q) / m) */
  float ratio_q;

  LB_DEVICE explicit KlWeights(const KlCall& c) {
    const bool symmetric = c.mode == KL_SYMMETRIC;
    forward = symmetric ? 0.5f : c.mode == KL_FORWARD ? 1.0f : 0.0f;
    reverse = symmetric ? 0.5f : c.mode == KL_REVERSE || c.mode == KL_SKEW_REVERSE ? 1.0f : 0.0f;
    variation = c.mode == KL_VARIATION;
    w = (float)c.w;
    binary_w = (float)log2(c.w);
    binary_rest = (float)log2(1.0 - c.w);
    const bool js = c.mode == KL_JS;
    const bool ahead = c.mode == KL_SKEW_FORWARD;
    teacher = js ? w : ahead ? 1.0f : 0.0f;
    student = js ? 1.0f - w : ahead ? 0.0f : 1.0f;
    ratio_p = ahead ? 1.0f - w : 0.0f;
    ratio_q = js || ahead ? 0.0f : (float)(1.0 - c.w);
  }
};

/** The loss, h = q dD/dq and k = p dD/dp, the latter but for multiples of q and p. */
struct KlParts {
  float loss;
  float h;
  float k;
};

LB_DEVICE KlParts kl_direct(const KlWeights& f, float p, float q, float x) {
  const bool near = fabsf(x) < KL_NEAR;
  const float series = kl_series(x) * x * x;
  const float d = near ? p * (series + x) : q - p;
  KlParts r;
  if (f.variation) {
    r.loss = 0.5f * fabsf(d);
    r.h = d > 0.0f ? 0.5f * q : d < 0.0f ? -0.5f * q : 0.0f;
    r.k = 0.0f;
    return r;
  }
  const float px = p * x;
  const float qx = q * x;
  const float ahead = near ? p * series : d - px;
  const float back = near ? d * x - ahead : qx - d;
  r.loss = fmaf(back, f.reverse, ahead * f.forward);
  r.h = fmaf(qx, f.reverse, d * f.forward);
  r.k = -fmaf(d, f.reverse, px * f.forward);
  return r;
}

/** r (m / r - 1 - log(m / r)), what KL(r || m) is a sum of. */
LB_DEVICE float kl_mixed_loss(float r, float m, float log_ratio, bool near) {
  return near ? kl_series(log_ratio) * log_ratio * log_ratio * r : fmaf(-log_ratio, r, m - r);
}

LB_DEVICE KlParts kl_mixed(const KlWeights& f, float p, float q, float x) {
  const bool near = fabsf(x) < KL_NEAR;
  const float rest = 1.0f - f.w;
  // log(m / p) = base + log1p(v), the larger part of m taken out; near: v = (1 - w) expm1(x).
  const float second = fmaf(x, KL_LOG2E, f.binary_rest);
  const float base = near ? 0.0f : fmaxf(second, f.binary_w) * 0.693147180559945309f;
  const float v = near ? fmaf(kl_series(x) * x, x, x) * rest : exp2_flushed(-fabsf(second - f.binary_w));
  const float y = base + kl_log1p(v);
  const float m = fmaf(p, f.w, q * rest);
  KlParts r;
  r.loss = f.teacher * kl_mixed_loss(p, m, y, near);
  r.loss = fmaf(f.student, kl_mixed_loss(q, m, y - x, near), r.loss);
  // A multiple of q adds nothing; this one leaves h = 0 where p = q.
  const float ratios = __fdividef(fmaf(p, f.ratio_p, q * f.ratio_q), fmaxf(m, 1.17549435e-38f));
  r.h = q * fmaf(x - y, f.student, f.ratio_p + f.ratio_q - ratios);
  r.k = -f.teacher * (p * y);
  return r;
}

}  // namespace lb
