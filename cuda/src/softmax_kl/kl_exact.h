// SPDX-License-Identifier: Apache-2.0
//
// softmax_kl, a row in double: what float cannot do, and what is too rare to be fast. With h = q dD/dq and k = p dD/dp,
// dz = (h - q sum h) / temperature and du = (k - p sum k) / teacher_temperature; terms of one sign.
//
// A softmax without a finite maximum makes its row NaN. Reads rows four to seven times, one rounding at the end. Beside the dense
// teacher all of its top-k forms, as a row with probability 0 off K.

#pragma once

#include "../device/group.h"
#include "kl_call.h"

namespace lb {

struct KlTerm {
  double loss;
  double h;
  double k;
};

/** a value, a probability; 0 for probability 0 whatever the value. */
LB_DEVICE double kl_weighted(double a, double log_a, double value) { return log_a == -INFINITY ? 0.0 : a * value; }

/** a log(a / b) + b - a, x = log(b / a): over rows that sum to 1 the differences add nothing. */
LB_DEVICE double kl_divergence(double a, double b, double x) {
  if (a == 0.0) {
    return b;
  }
  if (fabs(x) < 1e-2) {
    return a * (x * x / 2) * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7)))));
  }
  return b - a - a * x;
}

/** log(w p + (1 - w) q), exact in the difference from either where they are close. */
LB_DEVICE double kl_mixture(double w, double log_p, double log_q) {
  const double x = log_q - log_p;
  if (fabs(x) < 1.0) {
    return log_p + log1p((1.0 - w) * expm1(x));
  }
  const double first = log(w) + log_p;
  const double second = log1p(-w) + log_q;
  const double max = first > second || first != first ? first : second;
  return fabs(max) == INFINITY ? max : max + log(exp(first - max) + exp(second - max));
}

LB_DEVICE KlTerm kl_term(const KlCall& c, double log_p, double log_q) {
  const double p = exp(log_p);
  const double q = exp(log_q);
  const double x = log_q - log_p;
  const bool mixed = c.mode == KL_JS || c.mode == KL_SKEW_FORWARD || c.mode == KL_SKEW_REVERSE;
  const double log_m = mixed ? kl_mixture(c.w, log_p, log_q) : 0.0;
  if (c.mode == KL_SOFT_CE) {
    return {-kl_weighted(p, log_p, log_q), -p, 0.0};
  }
  if (c.mode == KL_VARIATION) {
    return {fabs(p - q) / 2, q > p ? q / 2 : q < p ? -q / 2 : q - p, 0.0};
  }
  if (!mixed) {
    // How much of the forward and of the reverse divergence.
    const double ahead = c.mode == KL_SYMMETRIC ? 0.5 : c.mode == KL_FORWARD ? 1.0 : 0.0;
    const double back = 1.0 - ahead;
    KlTerm t = {0.0, 0.0, 0.0};
    if (ahead != 0.0) {
      const double k = kl_weighted(p, log_p, -x);
      t = {ahead * (c.teacher == KL_TOP_K_RAW ? k : kl_divergence(p, q, x)), -ahead * p, ahead * k};
    }
    if (back != 0.0) {
      t = {t.loss + back * kl_divergence(q, p, -x), t.h + back * kl_weighted(q, log_q, x), t.k - back * q};
    }
    return t;
  }
  const double m = exp(log_m);
  if (c.mode == KL_JS) {
    return {c.w * kl_divergence(p, m, log_m - log_p) + (1.0 - c.w) * kl_divergence(q, m, log_m - log_q),
            (1.0 - c.w) * kl_weighted(q, log_q, log_q - log_m), c.w * kl_weighted(p, log_p, log_p - log_m)};
  }
  if (c.mode == KL_SKEW_FORWARD) {
    return {kl_divergence(p, m, log_m - log_p),
            c.w == 0.0            ? -p
            : log_q == -INFINITY ? 0.0
                                 : (c.w - 1.0) * p * exp(log_q - log_m),
            0.0};
  }
  return {kl_divergence(q, m, log_m - log_q),
          kl_weighted(q, log_q, log_q - log_m - (1.0 - c.w) * exp(log_q - log_m)), 0.0};
}

/** A block on a row of logits of type E. */
template <int THREADS, class E>
class KlExact {
  using Group = Block<THREADS>;

  const KlCall& c;
  KlRow<E> r;
  Shared<int> place;
  double lse_z = 0.0;
  double lse_u = 0.0;
  double tail_log_p = 0.0;
  double tail_log_q = 0.0;
  KlTerm tail = {0.0, 0.0, 0.0};

 public:
  /** Columns whose places among the top k are marked at a time. */
  static constexpr int WINDOW = 8192;

  LB_DEVICE KlExact(const KlCall& call, int64_t row, const Shared<int>& window) : c(call), r(call, row), place(window) {}

  LB_DEVICE void run() {
    double gold = NAN;
    if (r.label >= 0) {
      // Before a gradient may be written over it.
      gold = capped(r.z[r.label]);
    }
    const bool soft = r.soft && prepare();
    KlTerm sum = {0.0, 0.0, 0.0};
    if (soft) {
      sum = total();
    }
    double lse_one = 0.0;
    double entropy = 0.0;
    if (r.hard) {
      lse_one = lse(r.z, 1.0, true);
      entropy = (1.0 - c.smoothing) * (lse_one - gold);
      if (c.smoothing != 0.0) {
        double rest = 0.0;
        each([&](int64_t i, int) { rest += c.smoothing / (double)r.kept * (lse_one - capped(r.z[i])); });
        entropy += Group::sum(rest);
      }
    }
    if (Group::rank() == 0) {
      if (!soft) {
        r.soft = false;
      }
      r.finish(c, sum.loss, entropy);
    }
    if (r.gz != nullptr || r.gu != nullptr) {
      gradients(soft, sum, lse_one);
    }
  }

 private:
  LB_DEVICE double capped(float x) const { return c.soft_cap == 0.0 ? x : c.soft_cap * tanh(x / c.soft_cap); }

  LB_DEVICE double slope(float x) const {
    const double t = c.soft_cap == 0.0 ? 0.0 : tanh(x / c.soft_cap);
    return (1.0 - t) * (1.0 + t);
  }

  /**
   * Calls f(column, place) for the columns of this thread that the mask keeps; place is one more than the column's among the top k,
   * 0 elsewhere and with a dense teacher. All threads of the block call it.
   */
  template <class F>
  LB_DEVICE void each(F f) const {
    if (c.teacher == KL_DENSE) {
      for (int64_t i = Group::rank(); i < c.cols; i += THREADS) {
        if (c.mask == nullptr || c.mask[i] != 0) {
          f(i, 0);
        }
      }
      return;
    }
    const int64_t* ids = c.ids + r.row * c.ids_stride;
    for (int64_t from = 0; from < c.cols; from += WINDOW) {
      const int64_t to = from + WINDOW < c.cols ? from + WINDOW : c.cols;
      for (int64_t i = from + Group::rank(); i < to; i += THREADS) {
        place[i - from] = 0;
      }
      __syncthreads();
      for (int64_t j = Group::rank(); j < c.k; j += THREADS) {
        const int64_t id = ids[j];
        if (id >= from && id < to) {
          place[id - from] = (int)j + 1;
        }
      }
      __syncthreads();
      for (int64_t i = from + Group::rank(); i < to; i += THREADS) {
        if (c.mask == nullptr || c.mask[i] != 0) {
          const int at = place[i - from];
          f(i, at);
        }
      }
      __syncthreads();
    }
  }

  /** Whether a column that the mask keeps has a part in the divergence. */
  LB_DEVICE bool keeps(int place) const { return c.teacher != KL_TOP_K_BOTH_RENORM || place > 0; }

  LB_DEVICE bool in_tail(int place) const { return c.teacher == KL_TOP_K_TAIL && place == 0; }

  LB_DEVICE double top_p(int place) const { return place > 0 ? c.top[r.row * c.top_stride + place - 1] : 0.0f; }

  /** log sum exp(x / temperature) over the columns that the divergence keeps, or over all that the mask does. */
  LB_DEVICE double lse(const E* x, double temperature, bool all) const {
    float highest = -INFINITY;
    each([&](int64_t i, int place) { highest = all || keeps(place) ? fmaxf(highest, (float)x[i]) : highest; });
    // The cap and the temperature keep the order; NaN comes back in the sum.
    const double max = capped(Group::max(highest)) / temperature;
    double sum = 0.0;
    each([&](int64_t i, int place) { sum += all || keeps(place) ? exp(capped(x[i]) / temperature - max) : 0.0; });
    return max + log(Group::sum(sum));
  }

  LB_DEVICE double log_q(int64_t i) const { return capped(r.z[i]) / c.temperature - lse_z; }

  LB_DEVICE double log_p(int64_t i, int place) const {
    return c.teacher == KL_DENSE ? capped(r.u[i]) / c.teacher_temperature - lse_u : log(top_p(place)) - lse_u;
  }

  LB_DEVICE double difference(int64_t i) const { return capped(r.z[i]) - capped(r.u[i]); }

  /** Finds the normalisers; returns whether there is anything to compare. */
  LB_DEVICE bool prepare() {
    double mass = 0.0;
    double kept = 0.0;
    each([&](int64_t, int place) {
      kept += keeps(place) ? 1.0 : 0.0;
      mass += top_p(place);
    });
    mass = Group::sum(mass);
    kept = Group::sum(kept);
    const bool renormalised = c.teacher == KL_TOP_K_RENORM || c.teacher == KL_TOP_K_BOTH_RENORM;
    if (kept == 0.0 || (renormalised && mass == 0.0)) {
      return false;
    }
    if (c.mode != KL_LOGIT_MSE) {
      lse_z = lse(r.z, c.temperature, false);
      lse_u = c.teacher == KL_DENSE ? lse(r.u, c.teacher_temperature, false) : renormalised ? log(mass) : 0.0;
      tail_log_p = log(mass < 1.0 ? 1.0 - mass : 0.0);
    }
    return true;
  }

  /** The sums of the parts. */
  LB_DEVICE KlTerm total() {
    KlTerm sum = {0.0, 0.0, 0.0};
    double off = 0.0;
    double columns = 0.0;
    each([&](int64_t i, int place) {
      if (!keeps(place)) {
        return;
      }
      if (c.mode == KL_LOGIT_MSE) {
        sum.loss += difference(i) * difference(i);
      } else if (in_tail(place)) {
        off += exp(log_q(i));
        columns += 1.0;
      } else {
        const KlTerm t = kl_term(c, log_p(i, place), log_q(i));
        sum = {sum.loss + t.loss, sum.h + t.h, sum.k + t.k};
      }
    });
    sum = {Group::sum(sum.loss), Group::sum(sum.h), Group::sum(sum.k)};
    off = Group::sum(off);
    if (Group::sum(columns) > 0.0) {
      tail_log_q = log(off);
      tail = kl_term(c, tail_log_p, tail_log_q);
      sum = {sum.loss + tail.loss, sum.h + tail.h, sum.k};
    }
    return sum;
  }

  LB_DEVICE void gradients(bool soft, const KlTerm& sum, double lse_one) const {
    const double uniform = c.smoothing / (double)r.kept;
    if (c.mask != nullptr) {
      // Each thread its own columns, as below.
      for (int64_t i = Group::rank(); i < c.cols; i += THREADS) {
        if (c.mask[i] == 0) {
          write(i, 0.0, 0.0);
        }
      }
    }
    each([&](int64_t i, int place) {
      double dz = 0.0;
      double du = 0.0;
      if (soft && keeps(place) && r.factor != 0.0) {
        soft_gradients(i, place, sum, &dz, &du);
      }
      if (r.hard && r.factor != 0.0) {
        const double target = (i == r.label ? 1.0 - c.smoothing : 0.0) + uniform;
        dz += c.hard_weight * r.factor * (exp(capped(r.z[i]) - lse_one) - target);
      }
      write(i, dz, du);
    });
  }

  LB_DEVICE void soft_gradients(int64_t i, int place, const KlTerm& sum, double* dz, double* du) const {
    if (c.mode == KL_LOGIT_MSE) {
      *dz = r.by * 2.0 * difference(i);
      return;
    }
    const double log_q_i = log_q(i);
    const double log_p_i = log_p(i, place);
    // The columns of a tail share one dD/dq: each has its share of the tail's h.
    const KlTerm t = in_tail(place) ? KlTerm{tail.h * exp(log_q_i - tail_log_q), 0.0, 0.0} : kl_term(c, log_p_i, log_q_i);
    *dz = r.by * (t.h - exp(log_q_i) * sum.h) / c.temperature;
    if (r.gu != nullptr) {
      *du = r.by * (t.k - exp(log_p_i) * sum.k) / c.teacher_temperature;
    }
  }

  /** The gradients may lie over z and u: each element is read before it is written. */
  LB_DEVICE void write(int64_t i, double dz, double du) const {
    if (r.gz != nullptr) {
      r.gz[i] = (float)(dz == 0.0 ? 0.0 : dz * slope(r.z[i]));
    }
    if (r.gu != nullptr) {
      r.gu[i] = (float)(du == 0.0 ? 0.0 : du * slope(r.u[i]));
    }
  }
};

}  // namespace lb
