// SPDX-License-Identifier: Apache-2.0
//
// softmax_kl, a row in float: the passes of a team of threads over groups of columns, 16 bytes of logits: a quad of float, two
// quads of bfloat16. A pass has the groups of a thread in the order of the one before, so that gradients may lie over logits.

#pragma once

#include "../device/cluster.h"
#include "../device/octs.h"
#include "kl_parts.h"

namespace lb {

/** The team of a short row. */
struct KlWarp {
  static constexpr int SIZE = WARP;
  static constexpr int BLOCKS = 1;

  LB_DEVICE static int rank() { return Warp::rank(); }
  LB_DEVICE static int64_t row() { return Warp::row(); }
  LB_DEVICE static int block() { return 0; }
  LB_DEVICE static void begin() {}

  template <int ROUND, class T, int K>
  LB_DEVICE static void sum(T (&v)[K]) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      v[k] = Warp::sum(v[k]);
    }
  }
  template <int ROUND, int K>
  LB_DEVICE static void max(float (&v)[K]) {
#pragma unroll
    for (int k = 0; k < K; k++) {
      v[k] = Warp::max(v[k]);
    }
  }
  template <int K, class F>
  LB_DEVICE static void once(float (&v)[K], F work) {
    work(v);
  }
};

/** The team of a row on BLOCKS multiprocessors. */
template <int N, int THREADS>
struct KlBlocks : Team<N, THREADS> {
  static constexpr int BLOCKS = N;
};

/** Groups of columns of a type; the quads of a group. */
template <class E>
struct KlGroups;
template <>
struct KlGroups<float> {
  static constexpr int QUADS = 1;
  using In = Quads<const float>;
  using Out = Quads<float>;
  LB_DEVICE static void store(const Out& to, int64_t g, const float4 (&v)[1]) { to.store(g, v[0]); }
};
template <>
struct KlGroups<Bf16> {
  static constexpr int QUADS = 2;
  using In = Octs<const Bf16>;
  using Out = Octs<Bf16>;
  LB_DEVICE static void store(const Out& to, int64_t g, const float4 (&v)[2]) { to.store(g, v); }
};

/** A block's part of a row: logits under the soft cap, the floor for what the mask removes. */
template <class E>
struct KlSlice {
  using Groups = KlGroups<E>;
  static constexpr int QUADS = Groups::QUADS;

  int64_t from; /* its first column */
  int64_t cols;
  typename Groups::In z;
  typename Groups::In u;
  typename Groups::Out gz;
  typename Groups::Out gu;
  const uint8_t* mask;
  bool compares; /* whether u is read */
  bool caps;
  float cap;
  float inverse_cap;

  LB_DEVICE KlSlice(const KlCall& c, const KlRow<E>& r, int64_t first, int64_t n)
      : from(first),
        cols(n),
        z(r.z + first, n),
        u(r.u + first, n),
        gz(r.gz + first, n),
        gu(r.gu + first, n),
        mask(c.mask == nullptr ? nullptr : c.mask + first),
        compares(r.soft && r.u != nullptr),
        caps(c.soft_cap != 0.0),
        cap((float)c.soft_cap),
        inverse_cap(c.soft_cap == 0.0 ? 0.0f : (float)(1.0 / c.soft_cap)) {}

  /** Quad q under the soft cap and the mask, one of which is there. */
  LB_DEVICE float4 staged(int64_t q, float4 v) const {
    if (caps) {
      const float a = cap;
      const float b = inverse_cap;
      v = map4(v, [a, b](float x) { return kl_capped(x, a, b); });
    }
    v.x = keeps(q, 0) ? v.x : KL_FLOOR;
    v.y = keeps(q, 1) ? v.y : KL_FLOOR;
    v.z = keeps(q, 2) ? v.z : KL_FLOOR;
    v.w = keeps(q, 3) ? v.w : KL_FLOOR;
    return v;
  }

  /** The quads of the groups g, g + STEP, ... */
  template <int N, int STEP>
  LB_DEVICE void load(float4 (&zs)[N * QUADS], float4 (&us)[N * QUADS], int64_t g) const {
    z.template load<N, STEP>(zs, g, KL_FLOOR);
    if (compares) {
      u.template load<N, STEP>(us, g, KL_FLOOR);
    } else {
#pragma unroll
      for (int i = 0; i < N * QUADS; i++) {
        us[i] = make_float4(KL_FLOOR, KL_FLOOR, KL_FLOOR, KL_FLOOR);
      }
    }
    if (mask != nullptr || caps) {
#pragma unroll
      for (int i = 0; i < N * QUADS; i++) {
        const int64_t q = (g + i / QUADS * STEP) * QUADS + i % QUADS;
        zs[i] = staged(q, zs[i]);
        us[i] = compares ? staged(q, us[i]) : us[i];
      }
    }
  }

 private:
  LB_DEVICE bool keeps(int64_t q, int i) const { return z.has(q, i) && (mask == nullptr || mask[4 * q + i] != 0); }
};

/** Rows that every pass reads from device memory, or from a cache. */
struct KlStreamed {
  static constexpr int AT_ONCE = 2;

  LB_DEVICE void keep(int64_t, const float4*, const float4*) const {}
  template <class E, int QUADS>
  LB_DEVICE void load(const KlSlice<E>& s, int64_t g, float4 (&z)[QUADS], float4 (&u)[QUADS]) const {
    s.template load<1, 1>(z, u, g);
  }
};

/** Rows that stay in shared memory from the first pass on; a thread has its own groups there, so that no barrier is needed. */
template <class E>
struct KlResident;
template <>
struct KlResident<float> {
  static constexpr int AT_ONCE = 2;
  Shared<float> z;
  Shared<float> u;

  LB_DEVICE KlResident(const SharedArea& area, int64_t groups)
      : z(area.at<float>(0, 4 * groups)), u(area.at<float>(16 * groups, 4 * groups)) {}

  LB_DEVICE void keep(int64_t g, const float4* a, const float4* b) const {
    z.store4(4 * g, *a);
    u.store4(4 * g, *b);
  }
  LB_DEVICE void load(const KlSlice<float>&, int64_t g, float4 (&a)[1], float4 (&b)[1]) const {
    a[0] = z.load4(4 * g);
    b[0] = u.load4(4 * g);
  }
};
template <>
struct KlResident<Bf16> {
  /* Both rows of 16 columns do not fit into the registers. */
  static constexpr int AT_ONCE = 1;
  Shared<uint4> z;
  Shared<uint4> u;

  LB_DEVICE KlResident(const SharedArea& area, int64_t groups)
      : z(area.at<uint4>(0, groups)), u(area.at<uint4>(16 * groups, groups)) {}

  LB_DEVICE void keep(int64_t g, const float4* a, const float4* b) const {
    z[g] = packed(a);
    u[g] = packed(b);
  }
  /** What a soft cap makes of logits is no bfloat16: such rows are read, and capped, again. */
  LB_DEVICE void load(const KlSlice<Bf16>& s, int64_t g, float4 (&a)[2], float4 (&b)[2]) const {
    if (s.caps) {
      s.load<1, 1>(a, b, g);
      return;
    }
    const uint4 zs = z[g];
    const uint4 us = u[g];
    bf16_widen(zs, a[0], a[1]);
    bf16_widen(us, b[0], b[1]);
  }

 private:
  LB_DEVICE static uint4 packed(const float4* v) {
    return {high_halves(v[0].x, v[0].y), high_halves(v[0].z, v[0].w), high_halves(v[1].x, v[1].y),
            high_halves(v[1].z, v[1].w)};
  }
};

/** What the first pass finds of a side: exponentials are relative to the largest logit so far. */
struct KlSide {
  float top = KL_FLOOR;
  float sum = 0.0f;
  float one = 0.0f; /* the sum at temperature 1 */

  LB_DEVICE static float four(float4 v, float top, float binary) {
    return (exp2_flushed((v.x - top) * binary) + exp2_flushed((v.y - top) * binary)) +
           (exp2_flushed((v.z - top) * binary) + exp2_flushed((v.w - top) * binary));
  }

  LB_DEVICE void add(float4 v, float binary, bool hard) {
    const float higher = fmaxf(fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w)), top);
    sum = fmaf(sum, exp2_flushed((top - higher) * binary), four(v, higher, binary));
    if (hard) {
      one = fmaf(one, exp2_flushed((top - higher) * KL_LOG2E), four(v, higher, KL_LOG2E));
    }
    top = higher;
  }

  LB_DEVICE void reach(float higher, float binary) {
    sum *= exp2_flushed((top - higher) * binary);
    one *= exp2_flushed((top - higher) * KL_LOG2E);
    top = higher;
  }
};

/** Whether the options are those that float is good for; the factor is that of the gradients. */
template <class E>
LB_DEVICE bool kl_ordinary(const KlCall& c, const KlRow<E>& r, KlFamily family) {
  if (c.soft_cap != 0.0 && !(c.soft_cap >= 1e-6 && c.soft_cap <= 1e6 && c.mode != KL_LOGIT_MSE)) {
    return false;
  }
  if (fabs(c.hard_weight * r.factor) > 1e30) {
    return false;
  }
  if (!r.soft) {
    return true;
  }
  const double largest = family == KL_FAMILY_FORWARD ? 1e12 : 1e30;
  const double size = fabs(r.by);
  const double unit = c.mode == KL_LOGIT_MSE ? 1.0 : c.temperature;
  return c.temperature >= 1e-3 && c.temperature <= 1e6 && c.teacher_temperature >= 1e-3 && c.teacher_temperature <= 1e6 &&
         (r.by == 0.0 || (size >= unit * (1.0 / largest) && size <= unit * largest));
}

/** The cross-entropy of the student at temperature 1 and the label, and its gradient. */
struct KlHard {
  bool counts;
  int64_t label; /* in the slice */
  float top;
  float scale;
  float uniform;
  double gold; /* in double: one rounding for the label, whose gradient is large beside the others */

  /** one: the sum of exponentials at temperature 1. */
  template <class E>
  LB_DEVICE KlHard(const KlCall& c, const KlRow<E>& r, const KlSlice<E>& s, float highest, float one) {
    counts = r.hard;
    label = r.label - s.from;
    top = highest;
    scale = uniform = 0.0f;
    gold = 0.0;
    if (counts) {
      const double by = c.hard_weight * r.factor;
      scale = (float)(by / (double)one);
      gold = by * (1.0 - c.smoothing);
      uniform = (float)(by * c.smoothing / (double)r.kept);
    }
  }

  LB_DEVICE float add(float g, float z, int64_t col) const {
    g += z > KL_FLOOR ? fmaf(exp2_flushed((z - top) * KL_LOG2E), scale, -uniform) : 0.0f;
    return col == label ? (float)((double)g - gold) : g;
  }

  LB_DEVICE float4 add(float4 g, float4 z, int64_t q) const {
    if (counts) {
      g.x = add(g.x, z.x, 4 * q);
      g.y = add(g.y, z.y, 4 * q + 1);
      g.z = add(g.z, z.z, 4 * q + 2);
      g.w = add(g.w, z.w, 4 * q + 3);
    }
    return g;
  }

  /** above: the sum of z - top over the columns that are kept. */
  template <class E>
  LB_DEVICE static double entropy(const KlCall& c, const KlRow<E>& r, float gold_logit, float highest, float one, double above) {
    const double log_one = log((double)one);
    const double loss = (1.0 - c.smoothing) * (log_one - ((double)gold_logit - (double)highest));
    return c.smoothing == 0.0 ? loss : loss + c.smoothing * (log_one - above / (double)r.kept);
  }
};

LB_DEVICE float kl_above(float z, float top) { return z > KL_FLOOR ? z - top : 0.0f; }

/** Stores gradients of a group, under the soft cap steepened by logits that are read again. */
template <class E, int QUADS>
LB_DEVICE void kl_write(const KlSlice<E>& s, const typename KlGroups<E>::In& logits, const typename KlGroups<E>::Out& to,
                        int64_t group, float4 (&g)[QUADS]) {
  if (s.caps) {
    const float b = s.inverse_cap;
    float4 x[QUADS];
    logits.template load<1, 1>(x, group, 0.0f);
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
      g[i] = map4(g[i], x[i], [b](float d, float v) { return d == 0.0f ? d : d * kl_slope(v, b); });
    }
  }
  KlGroups<E>::store(to, group, g);
}

/** The label's logit, which must be read before a gradient may be written over it. */
template <class E>
LB_DEVICE float kl_gold(const KlRow<E>& r, const KlSlice<E>& s) {
  if (r.label < 0) {
    return NAN;
  }
  const float gold = r.z[r.label];
  return s.caps ? kl_capped(gold, s.cap, s.inverse_cap) : gold;
}

/** A row that has no part in the loss. */
template <class Team, class E>
LB_DEVICE void kl_clear(const KlCall& c, const KlRow<E>& r, const KlSlice<E>& s) {
  const float4 zeros[KlSlice<E>::QUADS] = {};
  for (int64_t g = Team::rank(); g < s.z.count(); g += Team::SIZE) {
    if (r.gz != nullptr) KlGroups<E>::store(s.gz, g, zeros);
    if (r.gu != nullptr) KlGroups<E>::store(s.gu, g, zeros);
  }
  if (Team::rank() == 0 && Team::block() == 0) {
    r.finish(c, 0.0, 0.0);
  }
}

/**
 * A row, or the block's slice of one. Returns false, the same in all threads and with nothing written, where float does not bear
 * it: NaN, infinities, logits beyond the floor, options out of the ordinary.
 */
template <KlFamily FAMILY, class Team, class Source, class E>
LB_DEVICE bool kl_float_row(const KlCall& c, const KlRow<E>& r, const KlSlice<E>& s, const Source& source) {
  constexpr int QUADS = KlSlice<E>::QUADS;
  constexpr int AT_ONCE = Source::AT_ONCE;
  if (!kl_ordinary(c, r, FAMILY)) {
    return false;
  }
  const int64_t groups = s.z.count();
  const bool squares = FAMILY == KL_FAMILY_FORWARD && c.mode == KL_LOGIT_MSE;
  const bool own_one = r.hard && !(r.soft && !squares && c.temperature == 1.0);
  const float gold_logit = kl_gold(r, s);
  if (!r.soft && !r.hard) {
    kl_clear<Team>(c, r, s);
    return true;
  }

  // The statistics.
  KlNumbers n(1.0 / c.temperature, 1.0 / c.teacher_temperature);
  KlSide z, u;
  float lowest = 0.0f;
  float farthest = 0.0f;
  for (int64_t group = Team::rank(); group < groups; group += AT_ONCE * Team::SIZE) {
    float4 zs[AT_ONCE * QUADS], us[AT_ONCE * QUADS];
    s.template load<AT_ONCE, Team::SIZE>(zs, us, group);
#pragma unroll
    for (int i = 0; i < AT_ONCE * QUADS; i++) {
      const int64_t at = group + i / QUADS * Team::SIZE;
      if (i % QUADS == 0 && at < groups) {
        source.keep(at, zs + i, us + i);
      }
      z.add(zs[i], n.binary_z, own_one);
      lowest = fminf(lowest, fminf(fminf(zs[i].x, zs[i].y), fminf(zs[i].z, zs[i].w)));
      if (r.soft) {
        u.add(us[i], n.binary_u, false);
        lowest = fminf(lowest, fminf(fminf(us[i].x, us[i].y), fminf(us[i].z, us[i].w)));
      }
      if (squares) {
        const float4 d = map4(zs[i], us[i], [](float a, float b) { return fabsf(a - b); });
        farthest = fmaxf(farthest, fmaxf(fmaxf(d.x, d.y), fmaxf(d.z, d.w)));
      }
    }
  }
  if (lowest < KL_FLOOR || (squares && r.soft && !(farthest <= 1e15f))) {
    // Squares of what is farther apart are no floats. The sums pass it on, the maxima do not.
    z.sum = NAN;
  }
  Team::begin();
  float largest[2] = {z.top, u.top};
  Team::template max<0>(largest);
  n.top_z = largest[0];
  n.top_u = r.soft ? largest[1] : 0.0f;
  z.reach(n.top_z, n.binary_z);
  u.reach(largest[1], n.binary_u);
  float sums[2] = {z.sum, u.sum};
  Team::template sum<1>(sums);
  float one[1] = {z.one};
  if (own_one) {
    Team::template sum<2>(one);
  } else {
    one[0] = sums[0];
  }
  const bool ranged = n.top_z > KL_FLOOR && n.top_z <= -KL_FLOOR && n.top_u > KL_FLOOR && n.top_u <= -KL_FLOOR;
  if (!ranged || !(fabsf(sums[0] + sums[1] + one[0]) < INFINITY)) {
    return false;
  }
  const KlHard hard(c, r, s, n.top_z, one[0]);
  const bool graded = r.soft && r.by != 0.0;
  const bool write_z = r.gz != nullptr;
  const bool write_u = r.gu != nullptr;

  // The loss, with the gradient where that needs no sum over the row.
  const double by = r.by / c.temperature;
  const double fold = FAMILY == KL_FAMILY_FORWARD && graded && write_z && !squares ? by : 1.0;
  float shares[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  if (r.soft) {
    // In double, which would take each warp as long as a third of its columns.
    Team::once(shares, [&](float (&s)[4]) {
      n.compare(log((double)sums[0]), log((double)sums[1]));
      s[0] = (float)(fold / (double)sums[0]);
      s[1] = (float)(fold / (double)sums[1]);
      s[2] = n.shift;
      s[3] = n.offset;
    });
  }
  n.scale_q = shares[0];
  n.scale_p = shares[1];
  n.shift = shares[2];
  n.offset = shares[3];
  const float by_squares = (float)(2.0 * r.by);
  const bool smooth = r.hard && c.smoothing != 0.0;
  const bool entropy_too = FAMILY == KL_FAMILY_FORWARD && c.mode == KL_SOFT_CE;
  const KlWeights weights(c);
  KlParts parts = {0.0f, 0.0f, 0.0f};
  // Where one column has nearly all of q, its gradient is the difference of its h and the sum.
  double sum_h = 0.0;
  double sum_q = 0.0;
  float above = 0.0f;
  for (int64_t group = Team::rank(); group < groups; group += Team::SIZE) {
    float4 a[QUADS], b[QUADS];
    float4 g[QUADS] = {};
    source.load(s, group, a, b);
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
      if (smooth) {
        above += (kl_above(a[i].x, n.top_z) + kl_above(a[i].y, n.top_z)) + (kl_above(a[i].z, n.top_z) + kl_above(a[i].w, n.top_z));
      }
      if (FAMILY == KL_FAMILY_FORWARD) {
        if (squares) {
          float loss = 0.0f;
          g[i] = map4(a[i], b[i], [&loss, by_squares](float v, float w) {
            const float d = v - w;
            loss = fmaf(d, d, loss);
            return d * by_squares;
          });
          parts.loss += r.soft ? loss : 0.0f;
        } else if (r.soft) {
          float loss = 0.0f;
          float dot = 0.0f;
          g[i] = map4(a[i], b[i], [&loss, &dot, &n, entropy_too](float v, float w) {
            const float p = n.p(w);
            if (entropy_too) {
              dot = fmaf(w - n.top_u, p, dot);
            }
            return kl_forward(p, n.q(v), n.x(v, w), loss);
          });
          parts.loss += loss;
          parts.k += dot;
        }
        if (write_z) {
          g[i] = hard.add(graded ? g[i] : make_float4(0.0f, 0.0f, 0.0f, 0.0f), a[i], group * QUADS + i);
        }
      } else if (r.soft) {
        map4(a[i], b[i], [&](float v, float w) {
          const float y = n.q(v);
          const KlParts e = FAMILY == KL_FAMILY_MIXED ? kl_mixed(weights, n.p(w), y, n.x(v, w))
                                                      : kl_direct(weights, n.p(w), y, n.x(v, w));
          parts.loss += e.loss;
          parts.k += e.k;
          sum_h += (double)e.h;
          sum_q += (double)y;
          return 0.0f;
        });
      }
    }
    if (FAMILY == KL_FAMILY_FORWARD && write_z) {
      kl_write(s, s.z, s.gz, group, g);
    }
  }
  double totals[4] = {parts.loss, parts.k, sum_h, sum_q};
  if constexpr (FAMILY == KL_FAMILY_FORWARD) {
    double loss[1] = {totals[0]};
    Team::template sum<3>(loss);
    totals[0] = loss[0];
  } else {
    Team::template sum<3>(totals);
  }
  double rare[2] = {above, parts.k};
  if (smooth || entropy_too) {
    Team::template sum<4>(rare);
  }
  if (Team::rank() == 0 && Team::block() == 0) {
    double loss = totals[0] / fold;
    if (entropy_too && r.soft) {
      loss += log((double)sums[1]) - rare[1] / fold / c.teacher_temperature;
    }
    r.finish(c, r.soft ? loss : 0.0, r.hard ? KlHard::entropy(c, r, gold_logit, n.top_z, one[0], rare[0]) : 0.0);
  }
  if (FAMILY == KL_FAMILY_FORWARD || !(write_z || write_u)) {
    return true;
  }

  // Gradients that need the sums of h and k.
  const double mean_h = totals[2] / totals[3];
  const float high_h = (float)mean_h;
  const float low_h = (float)(mean_h - (double)high_h);
  const float sum_k = (float)totals[1];
  const float by_z = graded ? (float)by : 0.0f;
  const float by_u = graded ? (float)(r.by / c.teacher_temperature) : 0.0f;
  for (int64_t group = Team::rank(); group < groups; group += Team::SIZE) {
    float4 a[QUADS], b[QUADS];
    float4 g[QUADS] = {};
    float4 t[QUADS] = {};
    source.load(s, group, a, b);
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
      if (graded) {
        const auto both = [&n, &weights, high_h, low_h, sum_k, by_z, by_u](float v, float w, float& dz, float& du) {
          const float p = n.p(w);
          const float x = n.x(v, w);
          const float y = n.q(v);
          const KlParts e = FAMILY == KL_FAMILY_MIXED ? kl_mixed(weights, p, y, x) : kl_direct(weights, p, y, x);
          dz = fmaf(-y, low_h, fmaf(-y, high_h, e.h)) * by_z;
          du = fmaf(-p, sum_k, e.k) * by_u;
        };
        both(a[i].x, b[i].x, g[i].x, t[i].x);
        both(a[i].y, b[i].y, g[i].y, t[i].y);
        both(a[i].z, b[i].z, g[i].z, t[i].z);
        both(a[i].w, b[i].w, g[i].w, t[i].w);
      }
      g[i] = hard.add(g[i], a[i], group * QUADS + i);
    }
    if (write_z) {
      kl_write(s, s.z, s.gz, group, g);
    }
    if (write_u) {
      kl_write(s, s.u, s.gu, group, t);
    }
  }
  return true;
}

}  // namespace lb
