// SPDX-License-Identifier: Apache-2.0
//
// softmax_kl with a top-k teacher: the student's row in float, held in shared memory, the columns K in double. With P and Q the
// sums of p and q over K less removed columns:
//
//   raw           sum p log(p / q)                                  renorm   p / P against q, 0 off K
//   both_renorm   p / P against q / Q                               tail     one more class, 1 - P against 1 - Q
//
// Off K the gradient is a multiple of q. Once the statistics are known, the floor takes the place of the columns K in shared memory:
// what the passes find there then is what is off K. The blocks of a cluster each do all of K, with the same bits.

#pragma once

#include "../device/group.h"
#include "kl_exact.h"
#include "kl_rows.h"

namespace lb {

/** The columns K of a row, by the threads of one block; thread j has the elements j, j + THREADS, ... */
template <int THREADS, class E>
class KlTop {
  using Group = Block<THREADS>;

  const KlCall& c;
  const KlRow<E>& r;
  const KlSlice<E>& s;
  Shared<float> logits; /* as they are in memory, which a gradient may overwrite */

 public:
  double mass = 0.0;
  bool has_tail = false; /* whether there are columns off K that are one class */
  /* log q = (logit - top) inverse - log_sum */
  double top = 0.0;
  double inverse = 1.0;
  double log_sum = 0.0;
  double loss = 0.0;
  double sum_h = 0.0;
  double rest = 0.0; /* off K the gradient is rest q */

  LB_DEVICE KlTop(const KlCall& call, const KlRow<E>& row, const KlSlice<E>& slice, const Shared<float>& room)
      : c(call), r(row), s(slice), logits(room) {}

  /** Calls f(j, column) for the elements of this thread that are columns which the mask keeps. */
  template <class F>
  LB_DEVICE void each(F f) const {
    const int64_t* ids = c.ids + r.row * c.ids_stride;
    for (int64_t j = Group::rank(); j < c.k; j += THREADS) {
      const int64_t id = ids[j];
      if (id >= 0 && id < c.cols && (c.mask == nullptr || c.mask[id] != 0)) {
        f(j, id);
      }
    }
  }

  /** Reads the logits; returns whether there is anything to compare. */
  LB_DEVICE bool begin() {
    double count = 0.0;
    each([&](int64_t j, int64_t id) {
      mass += p(j);
      count += 1.0;
      logits[j] = (float)r.z[id];
    });
    mass = Group::sum(mass);
    count = Group::sum(count);
    has_tail = c.teacher == KL_TOP_K_TAIL && (double)r.kept > count;
    return r.soft && (mass != 0.0 || c.teacher == KL_TOP_K_RAW || c.teacher == KL_TOP_K_TAIL);
  }

  LB_DEVICE float logit(int64_t j) const {
    const float v = logits[j];
    return s.caps ? kl_capped(v, s.cap, s.inverse_cap) : v;
  }

  /** The softmax of K alone. */
  LB_DEVICE void own() {
    float highest = -INFINITY;
    each([&](int64_t j, int64_t) { highest = fmaxf(highest, logit(j)); });
    top = Group::max(highest);
    double sum = 0.0;
    each([&](int64_t j, int64_t) { sum += exp((logit(j) - top) * inverse); });
    log_sum = log(Group::sum(sum));
  }

  /** The loss and the rest; off: the sum of q off K. */
  LB_DEVICE void terms(double off) {
    each([&](int64_t j, int64_t) {
      const KlTerm t = term(j);
      loss += t.loss;
      sum_h += t.h;
    });
    loss = Group::sum(loss);
    sum_h = Group::sum(sum_h);
    double share = 0.0;
    if (c.teacher == KL_TOP_K_RENORM) {
      loss += off;
    }
    if (has_tail) {
      const KlTerm tail = kl_term(c, log(mass < 1.0 ? 1.0 - mass : 0.0), log(off));
      loss += tail.loss;
      sum_h += tail.h;
      share = tail.h / off;
    }
    rest = (share - sum_h) / c.temperature;
  }

  /** Of element j, but for the soft cap. */
  LB_DEVICE double gradient(int64_t j) const { return r.by * (term(j).h - exp(log_q(j)) * sum_h) / c.temperature; }

  LB_DEVICE float raw(int64_t j) const {
    const float v = logits[j];
    return v;
  }

 private:
  LB_DEVICE float p(int64_t j) const { return c.top[r.row * c.top_stride + j]; }

  LB_DEVICE double log_q(int64_t j) const { return (logit(j) - top) * inverse - log_sum; }

  LB_DEVICE KlTerm term(int64_t j) const {
    const bool renormalised = c.teacher == KL_TOP_K_RENORM || c.teacher == KL_TOP_K_BOTH_RENORM;
    return kl_term(c, log(renormalised ? p(j) / mass : p(j)), log_q(j));
  }
};

/** As kl_float_row. z holds the slice, logits [k] those of K. */
template <class Team, class E>
LB_DEVICE bool kl_top_k_row(const KlCall& c, const KlRow<E>& r, const KlSlice<E>& s, const Shared<float>& z,
                            const Shared<float>& logits) {
  constexpr int QUADS = KlSlice<E>::QUADS;
  constexpr int AT_ONCE = 4 / QUADS;
  if (!kl_ordinary(c, r, KL_FAMILY_FORWARD)) {
    return false;
  }
  const int64_t groups = s.z.count();
  const float gold_logit = kl_gold(r, s);
  if (!r.soft && !r.hard) {
    kl_clear<Team>(c, r, s);
    return true;
  }
  KlTop<Team::SIZE, E> top(c, r, s, logits);
  const bool soft = top.begin();
  const bool own_one = r.hard && c.temperature != 1.0;

  // The statistics of the student.
  const float binary = (float)(1.44269504088896341 / c.temperature);
  KlSide side;
  float lowest = 0.0f;
  for (int64_t group = Team::rank(); group < groups; group += AT_ONCE * Team::SIZE) {
    float4 zs[AT_ONCE * QUADS], us[AT_ONCE * QUADS];
    s.template load<AT_ONCE, Team::SIZE>(zs, us, group);
#pragma unroll
    for (int i = 0; i < AT_ONCE * QUADS; i++) {
      const int64_t at = group + i / QUADS * Team::SIZE;
      if (at < groups) {
        z.store4(4 * (at * QUADS + i % QUADS), zs[i]);
      }
      side.add(zs[i], binary, own_one);
      lowest = fminf(lowest, fminf(fminf(zs[i].x, zs[i].y), fminf(zs[i].z, zs[i].w)));
    }
  }
  Team::begin();
  float largest[2] = {side.top, -lowest};
  Team::template max<0>(largest);
  const float highest = largest[0];
  side.reach(highest, binary);
  float sums[2] = {side.sum, side.one};
  Team::template sum<1>(sums);
  const float one = own_one ? sums[1] : sums[0];
  if (-largest[1] < KL_FLOOR || highest <= KL_FLOOR || highest > -KL_FLOOR || !(fabsf(sums[0] + sums[1]) < INFINITY)) {
    return false;
  }

  // What is off K.
  const bool own = c.teacher == KL_TOP_K_BOTH_RENORM;
  top.top = highest;
  top.inverse = 1.0 / c.temperature;
  top.log_sum = log((double)sums[0]);
  if (soft && own) {
    top.own();
  }
  __syncthreads();
  top.each([&](int64_t, int64_t id) {
    if (id >= s.from && id < s.from + s.cols) {
      z[id - s.from] = KL_FLOOR;
    }
  });
  __syncthreads();
  float off = 0.0f;
  float above = 0.0f;
  for (int64_t q = Team::rank(); q < groups * QUADS; q += Team::SIZE) {
    const float4 v = z.load4(4 * q);
    off += KlSide::four(v, highest, binary);
    above += (kl_above(v.x, highest) + kl_above(v.y, highest)) + (kl_above(v.z, highest) + kl_above(v.w, highest));
  }
  if (Team::block() == 0) {
    top.each([&](int64_t j, int64_t) { above += kl_above(top.logit(j), highest); });
  }
  double totals[2] = {off, above};
  Team::template sum<2>(totals);
  totals[0] /= (double)sums[0];
  if (soft) {
    // A tail's gradient is divided by it, and what is far below 1 lacks exponentials.
    if (top.has_tail && totals[0] < 1e-20) {
      return false;
    }
    top.terms(totals[0]);
  }
  if (Team::rank() == 0 && Team::block() == 0) {
    KlRow<E> row = r;
    row.soft = soft;
    row.finish(c, top.loss, r.hard ? KlHard::entropy(c, r, gold_logit, highest, one, totals[1]) : 0.0);
  }
  if (r.gz == nullptr) {
    return true;
  }

  const KlHard hard(c, r, s, highest, one);
  const bool graded = soft && r.by != 0.0;
  const float scale = graded && !own ? (float)(r.by * top.rest / (double)sums[0]) : 0.0f;
  for (int64_t group = Team::rank(); group < groups; group += Team::SIZE) {
    float4 g[QUADS];
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
      const int64_t q = group * QUADS + i;
      const float4 v = z.load4(4 * q);
      const float4 e = map4(v, [highest, binary, scale](float w) { return exp2_flushed((w - highest) * binary) * scale; });
      g[i] = hard.add(e, v, q);
    }
    kl_write(s, s.z, s.gz, group, g);
  }
  __syncthreads();
  top.each([&](int64_t j, int64_t id) {
    if (id >= s.from && id < s.from + s.cols) {
      float g = graded ? (float)top.gradient(j) : 0.0f;
      if (r.hard) {
        g = hard.add(g, top.logit(j), id - s.from);
      }
      r.gz[id] = s.caps && g != 0.0f ? g * kl_slope(top.raw(j), s.inverse_cap) : g;
    }
  });
  return true;
}

}  // namespace lb
