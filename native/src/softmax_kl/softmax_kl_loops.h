// SPDX-License-Identifier: Apache-2.0
/*
 * softmax_kl: the loops over blocks. x = log q - log p is known from logits and normalisers without a logarithm. Where |x|
 * is below KL_NEAR, q - p = p (exp(x) - 1) and the terms of divergences come from a series: the subtractions would lose
 * the digits of small divergences.
 */
#ifndef LB_SOFTMAX_KL_LOOPS_H
#define LB_SOFTMAX_KL_LOOPS_H

#include "softmax_kl.h"

/* Stands for -infinity, removed columns and padding: p = q = 0 there, x is finite, nothing is added. Logits may be -1e30. */
#define KL_FLOOR (-0x1.96p+99f)

/* Logits may exceed what the exponentials of their block are relative to by this, in units of the temperature. */
#define KL_ABOVE 16.0f

#define KL_NEAR 0.3f

/* Floats that scans read ahead of their place, and gradients: three pages, and one. */
#define KL_AHEAD 3072
#define KL_AHEAD_WRITE 1024

/* (exp(x) - 1 - x) / x^2 = 1/2 + x/6 + ...: the best polynomial of degree 4 for |x| < KL_NEAR, 6e-8. */
#define KL_SERIES_3 1.66666180e-1f
#define KL_SERIES_4 4.16667201e-2f
#define KL_SERIES_5 8.35552532e-3f
#define KL_SERIES_6 1.39013818e-3f

/* A row of logits, its exponentials exp((x - tops[block]) inverse), and their sum relative to top. */
typedef struct {
  const float *x;
  float *e;
  float *tops;
  const uint16_t *next; /* where the next row is widened from, if x is such a row; else null */
  float inverse;
  float top;
  double sum;
  double log_sum;
} kl_side;

/* Both rows of a block, and what turns exponentials into probabilities and logits into x. */
typedef struct {
  const float *z;
  const float *u;
  const float *ez;
  const float *eu;
  int64_t n;
  float scale_q;
  float scale_p;
  float inverse; /* of the student */
  float change;  /* of the student less that of the teacher */
  float shift;   /* brings tops together that are far apart */
  float top_u;
  float offset;
} kl_block;

/* Vectors that a loop takes at a time. */
#define KL_WIDE 4

#if LB_LOOKUP
/* The bits of 2^(i / 16) less i << 19, what the shifted integer adds to the fraction. */
static const int32_t KL_SIXTEENTHS[16] = {0x3f800000, 0x3f7daac3, 0x3f7b95c2, 0x3f79c3d3,
                                          0x3f7837f0, 0x3f76f532, 0x3f75fed7, 0x3f75583f,
                                          0x3f7504f3, 0x3f7508a4, 0x3f75672a, 0x3f76248c,
                                          0x3f7744fd, 0x3f78ccdf, 0x3f7ac0c7, 0x3f7d257d};

/*
 * 2^(t binary), 0 where t is below lowest; any t but NaN and infinities. 2^((n + f) / 16), |f| <= 1/2: n by a table, f by a
 * series of three terms, 1e-8. Fewer operations than the polynomial alone.
 */
LB_INLINE vf32 kl_exp(vf32 t, vf32 binary, vf32 lowest) {
  vf32 sixteenths = vf32_mul(binary, vf32_set1(16.0f));
  vf32 n = vf32_fma(t, sixteenths, vf32_set1(LB_ROUND));
  vf32 f = vf32_fma(t, sixteenths, vf32_sub(vf32_set1(LB_ROUND), n));
  vi32 bits = vf32_as_i32(n);
  vf32 scale = vi32_as_f32(vi32_add(vi32_lookup(bits, vi32_load(KL_SIXTEENTHS)), vi32_shl(bits, 19)));
  vf32 p = vf32_fma(f, vf32_set1(1.35505e-5f), vf32_set1(9.38385e-4f));
  p = vf32_fma(p, f, vf32_set1(4.33216989e-2f));
  return vf32_keep(vf32_le(lowest, t), vf32_fma(vf32_mul(f, scale), p, scale));
}
#else
/* 2^(t binary), 0 where t is below lowest; any t but NaN and infinities. */
LB_INLINE vf32 kl_exp(vf32 t, vf32 binary, vf32 lowest) {
  vf32 n = vf32_fma(t, binary, vf32_set1(LB_ROUND));
  vf32 f = vf32_fma(t, binary, vf32_sub(vf32_set1(LB_ROUND), n));
  vf32 p = vf32_exp2_fraction(f);
  return vf32_keep(vf32_le(lowest, t), vi32_as_f32(vi32_add(vf32_as_i32(p), vi32_shl(vf32_as_i32(n), 23))));
}
#endif

LB_INLINE vf32 kl_load(const float *x, int64_t n) {
  return n == LB_W ? vf32_load(x) : vf32_load_n(x, n, vf32_set1(KL_FLOOR));
}

LB_INLINE void kl_store(float *x, vf32 v, int64_t n) {
  if (n == LB_W) {
    vf32_store(x, v);
  } else {
    vf32_store_n(x, v, n);
  }
}

static float kl_max(const float *x, int64_t n) {
  vf32 m0 = vf32_set1(-INFINITY);
  vf32 m1 = m0;
  int64_t i = 0;
  for (; i + 2 * LB_W <= n; i += 2 * LB_W) {
    m0 = vf32_max(m0, vf32_load(x + i));
    m1 = vf32_max(m1, vf32_load(x + i + LB_W));
  }
  for (; i < n; i += LB_W) {
    m0 = vf32_max(m0, vf32_load_n(x + i, lb_min(LB_W, n - i), vf32_set1(-INFINITY)));
  }
  return vf32_max_lane(vf32_max(m0, m1));
}

/* The scan of a block in progress. */
typedef struct {
  const float *x;
  const uint16_t *next;
  float *e;
  vf32 shift;
  vf32 binary;
  vf32 lowest;
  vf32 sum;
  vf32 all; /* the sum of x - top: not finite where an x is not */
  vi32 max; /* the largest x - top where that is above 0, as bits: those compare like integers, which have more units */
} kl_lanes;

LB_INLINE kl_lanes kl_lanes_of(const kl_side *s, int64_t b) {
  kl_lanes l = {s->x + b * KL_BLOCK,
                s->next ? s->next + b * KL_BLOCK : 0,
                s->e + b * KL_BLOCK,
                vf32_set1(s->top),
                vf32_set1(s->inverse * LB_LOG2E_HIGH),
                vf32_set1(LB_EXP_LOWEST / s->inverse),
                vf32_zero(),
                vf32_zero(),
                vi32_set1(0)};
  return l;
}

/* Scans n elements at i, at most a vector. */
LB_INLINE void kl_step(kl_lanes *l, int64_t i, int64_t n) {
  vf32 t = vf32_sub(kl_load(l->x + i, n), l->shift);
  vf32 v = kl_exp(t, l->binary, l->lowest);
  l->max = vi32_max(l->max, vf32_as_i32(t));
  l->all = vf32_add(l->all, t);
  l->sum = vf32_add(l->sum, v);
  vf32_store(l->e + i, v);
}

/* Reads ahead, in the row that is scanned or in the one that will be widened next. */
LB_INLINE void kl_read_ahead(const kl_lanes *l, int64_t i, int widened) {
  if (widened) {
    LB_PREFETCH_FAR(l->next + i);
  } else {
    LB_PREFETCH_FAR(l->x + i + KL_AHEAD);
  }
}

LB_INLINE float kl_highest(const kl_lanes *l) { return vf32_max_lane(vi32_as_f32(l->max)); }

/* Ends a block, or begins it again with another top if there is a logit too far above; returns 0 for NaN or infinities. */
static int kl_scan_close(kl_side *s, int64_t b, int64_t n, float sum, float highest, float all) {
  if (highest * s->inverse > KL_ABOVE) {
    float higher = kl_max(s->x + b * KL_BLOCK, n);
    s->sum *= exp(((double)s->top - higher) * s->inverse);
    s->top = higher;
    kl_lanes l = kl_lanes_of(s, b);
    for (int64_t i = 0; i < n; i += LB_W) {
      kl_step(&l, i, lb_min(LB_W, n - i));
    }
    sum = vf32_sum(l.sum);
    all = vf32_sum(l.all);
  }
  s->sum += sum;
  s->tops[b] = s->top;
  return isfinite(all);
}

/* The first elements tell well enough what a row is relative to. */
static void kl_scan_begin(kl_side *s, int64_t cols) {
  s->top = kl_max(s->x, lb_min(cols, 8 * KL_PAD));
  s->sum = 0;
}

/* Ends a scan; returns 0 where a row has nothing above KL_FLOOR. */
static int kl_scan_end(kl_side *s) {
  s->log_sum = log(s->sum);
  return s->top > KL_FLOOR;
}

LB_INLINE int kl_scan_row(kl_side *s, int64_t cols, int widened) {
  kl_scan_begin(s, cols);
  for (int64_t b = 0; b < kl_blocks(cols); b++) {
    int64_t n = lb_min(KL_BLOCK, cols - b * KL_BLOCK);
    kl_lanes l = kl_lanes_of(s, b);
    for (int64_t i = 0; i < n; i += LB_W) {
      kl_read_ahead(&l, i, widened);
      kl_step(&l, i, lb_min(LB_W, n - i));
    }
    if (!kl_scan_close(s, b, n, vf32_sum(l.sum), kl_highest(&l), vf32_sum(l.all))) {
      return 0;
    }
  }
  return kl_scan_end(s);
}

/*
 * Fills e, tops, top and the sums of a row in one reading. A block is relative to the top of those before it unless it
 * exceeds that by far. Returns 0 where the row has NaN or infinities, or nothing above KL_FLOOR.
 */
static int kl_scan(kl_side *s, int64_t cols) { return kl_scan_row(s, cols, 0); }
static int kl_scan_widened(kl_side *s, int64_t cols) { return kl_scan_row(s, cols, 1); }

LB_INLINE int kl_scan_rows(kl_side *s, kl_side *t, int64_t cols, int widened) {
  kl_scan_begin(s, cols);
  kl_scan_begin(t, cols);
  for (int64_t b = 0; b < kl_blocks(cols); b++) {
    int64_t n = lb_min(KL_BLOCK, cols - b * KL_BLOCK);
    kl_lanes ls = kl_lanes_of(s, b);
    kl_lanes lt = kl_lanes_of(t, b);
    int64_t i = 0;
    for (; i + LB_W <= n; i += LB_W) {
      kl_read_ahead(&ls, i, widened);
      kl_read_ahead(&lt, i, widened);
      kl_step(&ls, i, LB_W);
      kl_step(&lt, i, LB_W);
    }
    if (i < n) {
      kl_step(&ls, i, n - i);
      kl_step(&lt, i, n - i);
    }
    if (!kl_scan_close(s, b, n, vf32_sum(ls.sum), kl_highest(&ls), vf32_sum(ls.all)) ||
        !kl_scan_close(t, b, n, vf32_sum(lt.sum), kl_highest(&lt), vf32_sum(lt.all))) {
      return 0;
    }
  }
  return kl_scan_end(s) && kl_scan_end(t);
}

/*
 * The same of two rows, as one loop: two streams that memory delivers while the units work. Taken block by block in turns,
 * or without reading ahead by pages, they arrive late, and the times of memory and units add up.
 */
static int kl_scan_both(kl_side *s, kl_side *t, int64_t cols) { return kl_scan_rows(s, t, cols, 0); }
static int kl_scan_both_widened(kl_side *s, kl_side *t, int64_t cols) { return kl_scan_rows(s, t, cols, 1); }

/* What turns the exponentials of a block into probabilities times a factor. */
LB_INLINE float kl_scale(const kl_side *s, int64_t block, double factor) {
  float top = s->tops[block];
  return (float)(factor / s->sum * (top == s->top ? 1 : exp(((double)top - s->top) * s->inverse)));
}

/* x of n elements at i; fill stands in the lanes beyond. */
LB_INLINE vf32 kl_ratio(vf32 z, vf32 u, const kl_block *b) {
  vf32 rest = vf32_fma(vf32_sub(u, vf32_set1(b->top_u)), vf32_set1(b->change), vf32_set1(-b->offset));
  return vf32_fma(vf32_sub(vf32_sub(z, vf32_set1(b->shift)), u), vf32_set1(b->inverse), rest);
}

/*
 * The forward divergence of n elements: factor (q - p), and factor p (expm1(x) - x) added to the loss. With y = -x and -p
 * no sign has to be turned.
 */
LB_INLINE vf32 kl_forward_lanes(vf32 y, vf32 ez, vf32 eu, vf32 scale_q, vf32 minus_scale_p, vf32 *loss) {
  vf32 p = vf32_mul(eu, minus_scale_p);
  vf32 d = vf32_fma(ez, scale_q, p);
  vf32 px = vf32_mul(p, y);
  vf32 t = vf32_fma(y, vf32_set1(-KL_SERIES_6), vf32_set1(KL_SERIES_5));
  t = vf32_fma(t, y, vf32_set1(-KL_SERIES_4));
  t = vf32_fma(t, y, vf32_set1(KL_SERIES_3));
  t = vf32_fma(t, y, vf32_set1(-0.5f));
  vf32 small = vf32_mul(vf32_mul(t, y), px);
  vm32 near = vf32_lt(vf32_abs(y), vf32_set1(KL_NEAR));
  *loss = vf32_add(*loss, vf32_blend(near, vf32_sub(d, px), small));
  return vf32_blend(near, d, vf32_add(px, small));
}

/*
 * The same of a block, one temperature and tops close together; returns the loss. g may be null or over z; to go past the
 * caches it must be aligned.
 */
static float kl_forward_near(const kl_block *b, float *g, int past) {
  vf32 inverse = vf32_set1(b->inverse);
  vf32 offset = vf32_set1(b->offset);
  vf32 q = vf32_set1(b->scale_q);
  vf32 p = vf32_set1(-b->scale_p);
  vf32 loss[KL_WIDE] = {vf32_zero(), vf32_zero(), vf32_zero(), vf32_zero()};
  int64_t i = 0;
  for (; i + KL_WIDE * LB_W <= b->n; i += KL_WIDE * LB_W) {
    LB_UNROLL
    for (int k = 0; k < KL_WIDE; k++) {
      int64_t at = i + k * LB_W;
      vf32 y = vf32_fma(vf32_sub(vf32_load(b->u + at), vf32_load(b->z + at)), inverse, offset);
      vf32 d = kl_forward_lanes(y, vf32_load(b->ez + at), vf32_load(b->eu + at), q, p, &loss[k]);
      if (g && past) {
        vf32_stream(g + at, d);
      } else if (g) {
        LB_PREFETCH_WRITE(g + at + KL_AHEAD_WRITE);
        vf32_store(g + at, d);
      }
    }
  }
  for (; i < b->n; i += LB_W) {
    int64_t n = lb_min(LB_W, b->n - i);
    vf32 y = vf32_fma(vf32_sub(kl_load(b->u + i, n), kl_load(b->z + i, n)), inverse, offset);
    vf32 d = kl_forward_lanes(y, vf32_load(b->ez + i), vf32_load(b->eu + i), q, p, &loss[0]);
    if (g) {
      kl_store(g + i, d, n);
    }
  }
  return vf32_sum(vf32_add(vf32_add(loss[0], loss[1]), vf32_add(loss[2], loss[3])));
}

/* The same for two temperatures or tops far apart. */
static float kl_forward_far(const kl_block *b, float *g) {
  vf32 loss = vf32_zero();
  for (int64_t i = 0; i < b->n; i += LB_W) {
    int64_t n = lb_min(LB_W, b->n - i);
    vf32 x = kl_ratio(kl_load(b->z + i, n), kl_load(b->u + i, n), b);
    vf32 d = kl_forward_lanes(vf32_sub(vf32_zero(), x), vf32_load(b->ez + i), vf32_load(b->eu + i),
                              vf32_set1(b->scale_q), vf32_set1(-b->scale_p), &loss);
    if (g) {
      kl_store(g + i, d, n);
    }
  }
  return vf32_sum(loss);
}

/* Families of the other modes. */
typedef enum {
  KL_DIRECT,    /* forward KL(p || q) + reverse KL(q || p) */
  KL_VARIATION, /* sum |p - q| / 2 */
  KL_MIXED      /* teacher KL(p || m) + student KL(q || m), m = w p + (1 - w) q */
} kl_family;

typedef struct {
  kl_family family;
  float forward;
  float reverse;
  float w;
  float log_w;
  float log_rest; /* log(1 - w) */
  float teacher;
  float student;
  float ratio_p; /* h of a mixture is q (student log(q / m) - (ratio_p p + ratio_q q) / m) */
  float ratio_q;
} kl_weights;

/* The loss, h = q dD/dq and k = p dD/dp, the latter but for multiples of q and p. */
typedef struct {
  vf32 loss;
  vf32 h;
  vf32 k;
} kl_parts;

/* exp(x) - 1 - x, good to the last place for |x| < KL_NEAR. */
LB_INLINE vf32 kl_series(vf32 x) {
  vf32 t = vf32_fma(x, vf32_set1(KL_SERIES_6), vf32_set1(KL_SERIES_5));
  t = vf32_fma(t, x, vf32_set1(KL_SERIES_4));
  t = vf32_fma(t, x, vf32_set1(KL_SERIES_3));
  t = vf32_fma(t, x, vf32_set1(0.5f));
  return vf32_mul(t, vf32_mul(x, x));
}

/* log1p(v) = 2 atanh(v / (2 + v)) by its series, |v| at most 1 or small. */
LB_INLINE vf32 kl_log1p(vf32 v, vf32 add) {
  vf32 t = vf32_div(v, vf32_add(v, vf32_set1(2.0f)));
  vf32 s = vf32_mul(t, t);
  vf32 p = vf32_fma(s, vf32_set1(2.0f / 13), vf32_set1(2.0f / 11));
  p = vf32_fma(p, s, vf32_set1(2.0f / 9));
  p = vf32_fma(p, s, vf32_set1(2.0f / 7));
  p = vf32_fma(p, s, vf32_set1(2.0f / 5));
  p = vf32_fma(p, s, vf32_set1(2.0f / 3));
  p = vf32_fma(p, s, vf32_set1(2.0f));
  return vf32_fma(p, t, add);
}

/* r (m / r - 1 - log(m / r)), what KL(r || m) is a sum of. */
LB_INLINE vf32 kl_mixed_loss(vf32 r, vf32 m, vf32 log_ratio, vm32 near) {
  vf32 far = vf32_fnma(log_ratio, r, vf32_sub(m, r));
  return vf32_blend(near, far, vf32_mul(kl_series(log_ratio), r));
}

LB_INLINE kl_parts kl_mixed(const kl_weights *k, vf32 p, vf32 q, vf32 x, vf32 series, vm32 near) {
  vf32 log_w = vf32_set1(k->log_w);
  vf32 rest = vf32_set1(1 - k->w);
  /* log(m / p) = base + log1p(v), the larger part of m taken out; near: v = (1 - w) expm1(x). */
  vf32 second = vf32_add(x, vf32_set1(k->log_rest));
  vf32 base = vf32_blend(near, vf32_max(second, log_w), vf32_zero());
  vf32 below = vf32_sub(vf32_zero(), vf32_abs(vf32_sub(second, log_w)));
  vf32 v = kl_exp(below, vf32_set1(LB_LOG2E_HIGH), vf32_set1(LB_EXP_LOWEST));
  v = vf32_blend(near, v, vf32_mul(vf32_add(series, x), rest));
  vf32 y = kl_log1p(v, base);
  vf32 m = vf32_fma(p, vf32_set1(k->w), vf32_mul(q, rest));
  vf32 x_y = vf32_sub(x, y);
  kl_parts r;
  r.loss = vf32_mul(vf32_set1(k->teacher), kl_mixed_loss(p, m, y, near));
  vf32 student = kl_mixed_loss(q, m, vf32_sub(y, x), near);
  r.loss = vf32_fma(vf32_set1(k->student), student, r.loss);
  vf32 ratios = vf32_fma(p, vf32_set1(k->ratio_p), vf32_mul(q, vf32_set1(k->ratio_q)));
  ratios = vf32_div(ratios, vf32_max(vf32_set1(1.17549435e-38f), m));
  /* A multiple of q adds nothing; this one leaves h = 0 where p = q. */
  ratios = vf32_sub(vf32_set1(k->ratio_p + k->ratio_q), ratios);
  r.h = vf32_mul(q, vf32_fma(x_y, vf32_set1(k->student), ratios));
  r.k = vf32_mul(vf32_mul(p, y), vf32_set1(-k->teacher));
  return r;
}

LB_INLINE kl_parts kl_parts_of(kl_family family, const kl_weights *k, vf32 p, vf32 q, vf32 x) {
  vf32 series = kl_series(x);
  vm32 near = vf32_lt(vf32_abs(x), vf32_set1(KL_NEAR));
  if (family == KL_MIXED) {
    return kl_mixed(k, p, q, x, series, near);
  }
  kl_parts r;
  vf32 d = vf32_blend(near, vf32_sub(q, p), vf32_mul(p, vf32_add(series, x)));
  if (family == KL_VARIATION) {
    vf32 half = vf32_mul(q, vf32_set1(0.5f));
    r.loss = vf32_mul(vf32_abs(d), vf32_set1(0.5f));
    r.h = vf32_blend(vf32_lt(vf32_zero(), d), vf32_zero(), half);
    r.h = vf32_blend(vf32_lt(d, vf32_zero()), r.h, vf32_sub(vf32_zero(), half));
    r.k = vf32_zero();
    return r;
  }
  vf32 forward = vf32_set1(k->forward);
  vf32 reverse = vf32_set1(k->reverse);
  vf32 px = vf32_mul(p, x);
  vf32 qx = vf32_mul(q, x);
  vf32 ahead = vf32_blend(near, vf32_sub(d, px), vf32_mul(p, series));
  vf32 back = vf32_blend(near, vf32_sub(qx, d), vf32_sub(vf32_mul(d, x), ahead));
  r.loss = vf32_fma(back, reverse, vf32_mul(ahead, forward));
  r.h = vf32_fma(qx, reverse, vf32_mul(d, forward));
  r.k = vf32_sub(vf32_zero(), vf32_fma(d, reverse, vf32_mul(px, forward)));
  return r;
}

/* Sums of the parts of a row. */
typedef struct {
  double loss;
  double h;
  double k;
} kl_sums;

LB_INLINE void kl_add_sums(kl_sums *sums, const kl_parts *total) {
  sums->loss += vf32_sum(total->loss);
  sums->h += vf32_sum(total->h);
  sums->k += vf32_sum(total->k);
}

/* What a pass over a block does: sums, gradients by the sums of all blocks, or both where a row is a single vector. */
typedef enum { KL_SUM, KL_WRITE, KL_ONCE } kl_task;

/* Adds to the sums; dz = (h - q sum h) by_z, du = (k - p sum k) by_u. */
LB_INLINE void kl_two_sided(kl_family family, kl_task task, const kl_weights *k, const kl_block *b, kl_sums *sums, float *gz,
                            float *gu, float by_z, float by_u) {
  kl_parts total = {vf32_zero(), vf32_zero(), vf32_zero()};
  vf32 sum_h = vf32_set1((float)sums->h);
  vf32 sum_k = vf32_set1((float)sums->k);
  for (int64_t i = 0; i < b->n; i += LB_W) {
    int64_t n = lb_min(LB_W, b->n - i);
    vf32 x = kl_ratio(kl_load(b->z + i, n), kl_load(b->u + i, n), b);
    vf32 p = vf32_mul(vf32_load(b->eu + i), vf32_set1(b->scale_p));
    vf32 q = vf32_mul(vf32_load(b->ez + i), vf32_set1(b->scale_q));
    kl_parts parts = kl_parts_of(family, k, p, q, x);
    if (task == KL_SUM) {
      total.loss = vf32_add(total.loss, parts.loss);
      total.h = vf32_add(total.h, parts.h);
      total.k = vf32_add(total.k, parts.k);
      continue;
    }
    if (task == KL_ONCE) {
      kl_add_sums(sums, &parts);
      sum_h = vf32_set1((float)sums->h);
      sum_k = vf32_set1((float)sums->k);
    }
    if (gz) {
      kl_store(gz + i, vf32_mul(vf32_fnma(q, sum_h, parts.h), vf32_set1(by_z)), n);
    }
    if (gu) {
      kl_store(gu + i, vf32_mul(vf32_fnma(p, sum_k, parts.k), vf32_set1(by_u)), n);
    }
  }
  if (task == KL_SUM) {
    kl_add_sums(sums, &total);
  }
}

/* Sums exponentials. */
static float kl_total(const float *e, int64_t n) {
  vf32 s = vf32_zero();
  for (int64_t i = 0; i < n; i += LB_W) {
    vf32 v = vf32_load(e + i);
    s = vf32_add(s, n - i < LB_W ? vf32_blend(vm32_first(n - i), vf32_zero(), v) : v);
  }
  return vf32_sum(s);
}

/* g = e scale */
static void kl_spread(const float *e, float *g, int64_t n, float scale) {
  for (int64_t i = 0; i < n; i += LB_W) {
    LB_PREFETCH_WRITE(g + i + KL_AHEAD_WRITE);
    kl_store(g + i, vf32_mul(vf32_load(e + i), vf32_set1(scale)), lb_min(LB_W, n - i));
  }
}

/* Adds (z - u)^2 up, and stores (z - u) by where g is not null. */
static double kl_squares(const float *z, const float *u, int64_t cols, float *g, float by) {
  double sum = 0;
  vf32 f = vf32_set1(by);
  for (int64_t at = 0; at < cols; at += KL_BLOCK) {
    int64_t end = lb_min(cols, at + KL_BLOCK);
    vf32 s = vf32_zero();
    for (int64_t i = at; i < end; i += LB_W) {
      int64_t n = lb_min(LB_W, end - i);
      LB_PREFETCH_FAR(z + i + KL_AHEAD);
      LB_PREFETCH_FAR(u + i + KL_AHEAD);
      vf32 d = vf32_sub(kl_load(z + i, n), kl_load(u + i, n));
      s = vf32_fma(d, d, s);
      if (g) {
        kl_store(g + i, vf32_mul(d, f), n);
      }
    }
    sum += vf32_sum(s);
  }
  return sum;
}

/* The sum of exponentials times x - top. */
static float kl_dot(const float *x, const float *e, int64_t n, float top) {
  vf32 s = vf32_zero();
  for (int64_t i = 0; i < n; i += LB_W) {
    vf32 t = vf32_sub(kl_load(x + i, lb_min(LB_W, n - i)), vf32_set1(top));
    s = vf32_fma(t, vf32_load(e + i), s);
  }
  return vf32_sum(s);
}

/* The sum of x - top over what is above the floor. */
static float kl_above_floor(const float *x, int64_t n, float top) {
  vf32 s = vf32_zero();
  for (int64_t i = 0; i < n; i += LB_W) {
    vf32 v = kl_load(x + i, lb_min(LB_W, n - i));
    s = vf32_add(s, vf32_blend(vf32_le(v, vf32_set1(KL_FLOOR)), vf32_sub(v, vf32_set1(top)), vf32_zero()));
  }
  return vf32_sum(s);
}

/* Adds e scale - uniform to a gradient; with `kept`, only where that is above the floor. */
static void kl_add_hard(const float *kept, const float *e, float *g, int64_t n, float scale, float uniform) {
  for (int64_t i = 0; i < n; i += LB_W) {
    int64_t lanes = lb_min(LB_W, n - i);
    vf32 add = vf32_sub(vf32_mul(vf32_load(e + i), vf32_set1(scale)), vf32_set1(uniform));
    if (kept) {
      add = vf32_blend(vf32_le(kl_load(kept + i, lanes), vf32_set1(KL_FLOOR)), add, vf32_zero());
    }
    kl_store(g + i, vf32_add(kl_load(g + i, lanes), add), lanes);
  }
}

#endif
