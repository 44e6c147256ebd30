// SPDX-License-Identifier: Apache-2.0
/*
 * attention_kl from scores. Per row, p and q the softmax of student and teacher scores / T over the real keys: loss
 * sum q log(q / p), gradient (p - q) / T; with a clamp e, P = max(p, e), Q = max(q, e): sum Q log(Q / P), (p M - Q u) / T,
 * u = [p > e], M = sum Q u.
 *
 * student, teacher, grad f32 [batch heads queries, keys], any row stride, 4-byte aligned; grad may be student or null;
 * lengths i32 [batch] and mask u8 [batch queries, keys], or null; losses f64 [rows] or null.
 * Masked scores are not read; their gradient is 0. NaN, or a softmax without a finite maximum, makes its row NaN.
 * The loss from Q (expm1(x) - x), x = log(P / Q), terms of one sign; without a clamp x comes from student - teacher scores,
 * exact where they are close. P and Q do not sum to 1 each: the excess (Q - q) - (P - p) is added. Floats in lanes, of a block
 * reduced in halves, of blocks in double.
 * A call does rows [from, to) on the calling thread; the bits of a row depend on that row alone.
 * Lengths and causal leave a prefix of a row. One with holes by the mask is copied into scratch without them, and its gradient
 * copied back. 2 exps, 60 flops an element; reads two rows, writes one, three passes in the first cache level. Tails in masked
 * vectors filled with -infinity: p = q = 0, which adds nothing.
 */
#include "attention_kl.h"

#define KL_BLOCK 512
/* Row maxima nearer than this: scores are subtracted as they are, which is exact for close ones. */
#define KL_NEAR 8.0f
/* Below this |x| the series of expm1(x) - x holds. */
#define KL_SMALL 0.3f

typedef struct {
  double temperature;
  float inverse;
  float clamp;
  float log_clamp;
} KlOptions;

/* A softmax before its division: exponentials, maximum, sum. */
typedef struct {
  float *e;
  float max;
  double sum;
} KlMap;

LB_INLINE vf32 kl_load(const float *x, int64_t i, int64_t n) {
  return i + LB_W <= n ? vf32_load(x + i) : vf32_load_n(x + i, n - i, vf32_set1(-INFINITY));
}

/* Returns 0 where there is no softmax. Stores whole vectors. */
static int kl_exp(const float *x, int64_t n, float inverse, KlMap *map) {
  vf32 m = vf32_set1(-INFINITY);
  for (int64_t i = 0; i < n; i += LB_W) {
    m = vf32_max(m, kl_load(x, i, n));
  }
  map->max = vf32_max_lane(m);
  if (!(map->max > -INFINITY && map->max < INFINITY)) {
    return 0;
  }
  vf32 shift = vf32_set1(map->max);
  vf32 factor = vf32_set1(inverse);
  map->sum = 0;
  for (int64_t b = 0; b < n; b += KL_BLOCK) {
    int64_t end = lb_min(n, b + KL_BLOCK);
    vf32 s = vf32_zero();
    for (int64_t i = b; i < end; i += LB_W) {
      vf32 e = vf32_exp_negative(vf32_mul(vf32_sub(kl_load(x, i, n), shift), factor));
      vf32_store(map->e + i, e);
      s = vf32_add(s, e);
    }
    map->sum += vf32_sum(s);
  }
  /* A NaN may be lost in the maximum. It is not in the sum. */
  return map->sum == map->sum;
}

/* expm1(x) - x for |x| below KL_SMALL: the best polynomial of degree 4 in place of (exp(x) - 1 - x) / x^2, 6e-8. */
LB_INLINE vf32 kl_series(vf32 x) {
  vf32 t = vf32_fma(x, vf32_set1(1.39013818e-3f), vf32_set1(8.35552532e-3f));
  t = vf32_fma(t, x, vf32_set1(4.16667201e-2f));
  t = vf32_fma(t, x, vf32_set1(1.66666180e-1f));
  t = vf32_fma(t, x, vf32_set1(0.5f));
  return vf32_mul(t, vf32_mul(x, x));
}

/* q (expm1(x) - x), from the series where x is small, else as p - q - q x. */
LB_INLINE vf32 kl_term(vf32 p, vf32 q, vf32 x) {
  vf32 far = vf32_sub(p, vf32_fma(q, x, q));
  return vf32_blend(vf32_lt(vf32_abs(x), vf32_set1(KL_SMALL)), far, vf32_mul(kl_series(x), q));
}

LB_INLINE void kl_store(float *g, int64_t i, int64_t n, vf32 a) {
  if (i + LB_W <= n) {
    vf32_store(g + i, a);
  } else {
    vf32_store_n(g + i, a, n - i);
  }
}

/* Returns the loss of a row without a clamp, and stores its gradient if there is one. */
static double kl_plain(const KlOptions *o, const float *s, const KlMap *student, const float *t, const KlMap *teacher, float *g,
                       int64_t n, float grad_factor) {
  int near = fabsf(student->max - teacher->max) <= KL_NEAR;
  float distance = near ? student->max - teacher->max : 0;
  double rounded = near ? (double)student->max - teacher->max - distance : 0;
  vf32 s_base = vf32_set1(near ? 0 : student->max);
  vf32 t_base = vf32_set1(near ? 0 : teacher->max);
  vf32 between = vf32_set1(distance);
  vf32 inverse = vf32_set1(o->inverse);
  vf32 shift = vf32_set1((float)(rounded / o->temperature + log(student->sum / teacher->sum)));
  vf32 s_scale = vf32_set1((float)(1 / student->sum));
  vf32 t_scale = vf32_set1((float)(1 / teacher->sum));
  vf32 slope = vf32_set1(grad_factor);
  double loss = 0;
  for (int64_t b = 0; b < n; b += KL_BLOCK) {
    int64_t end = lb_min(n, b + KL_BLOCK);
    vf32 sum = vf32_zero();
    for (int64_t i = b; i < end; i += LB_W) {
      vf32 p = vf32_mul(vf32_load(student->e + i), s_scale);
      vf32 q = vf32_mul(vf32_load(teacher->e + i), t_scale);
      vf32 d = vf32_sub(vf32_sub(kl_load(s, i, n), s_base), vf32_sub(kl_load(t, i, n), t_base));
      vf32 x = vf32_sub(vf32_mul(vf32_sub(d, between), inverse), shift);
      /* Where q is 0, x may be NaN or infinite, and the term is p. */
      sum = vf32_add(sum, vf32_blend(vf32_eq(q, vf32_zero()), kl_term(p, q, x), p));
      if (g != NULL) {
        kl_store(g, i, n, vf32_mul(vf32_sub(p, q), slope));
      }
    }
    loss += vf32_sum(sum);
  }
  return loss;
}

/* Returns 1 plus the sum of Q u - q: the mass M, exactly 1 where the clamp changes nothing. */
static double kl_kept(const KlOptions *o, const KlMap *student, const KlMap *teacher, int64_t n) {
  vf32 s_scale = vf32_set1((float)(1 / student->sum));
  vf32 t_scale = vf32_set1((float)(1 / teacher->sum));
  vf32 clamp = vf32_set1(o->clamp);
  double kept = 1;
  for (int64_t b = 0; b < n; b += KL_BLOCK) {
    int64_t end = lb_min(n, b + KL_BLOCK);
    vf32 sum = vf32_zero();
    for (int64_t i = b; i < end; i += LB_W) {
      vf32 p = vf32_mul(vf32_load(student->e + i), s_scale);
      vf32 q = vf32_mul(vf32_load(teacher->e + i), t_scale);
      vf32 pull = vf32_blend(vf32_le(p, clamp), vf32_max(q, clamp), vf32_zero());
      sum = vf32_add(sum, vf32_sub(pull, q));
    }
    kept += vf32_sum(sum);
  }
  return kept;
}

/* Returns the loss of a row with a clamp, and stores its gradient if there is one. */
static double kl_clamped(const KlOptions *o, const float *s, const KlMap *student, const float *t, const KlMap *teacher,
                         float *g, int64_t n, float grad_factor) {
  vf32 inverse = vf32_set1(o->inverse);
  vf32 s_base = vf32_set1(student->max);
  vf32 t_base = vf32_set1(teacher->max);
  vf32 s_log = vf32_set1((float)log(student->sum));
  vf32 t_log = vf32_set1((float)log(teacher->sum));
  vf32 s_scale = vf32_set1((float)(1 / student->sum));
  vf32 t_scale = vf32_set1((float)(1 / teacher->sum));
  vf32 clamp = vf32_set1(o->clamp);
  vf32 log_clamp = vf32_set1(o->log_clamp);
  vf32 slope = vf32_set1(grad_factor);
  vf32 mass = vf32_set1(g == NULL ? 0 : (float)kl_kept(o, student, teacher, n));
  double loss = 0;
  for (int64_t b = 0; b < n; b += KL_BLOCK) {
    int64_t end = lb_min(n, b + KL_BLOCK);
    vf32 sum = vf32_zero();
    for (int64_t i = b; i < end; i += LB_W) {
      vf32 p = vf32_mul(vf32_load(student->e + i), s_scale);
      vf32 q = vf32_mul(vf32_load(teacher->e + i), t_scale);
      vf32 log_p = vf32_sub(vf32_mul(vf32_sub(kl_load(s, i, n), s_base), inverse), s_log);
      vf32 log_q = vf32_sub(vf32_mul(vf32_sub(kl_load(t, i, n), t_base), inverse), t_log);
      vf32 x = vf32_sub(vf32_max(log_p, log_clamp), vf32_max(log_q, log_clamp));
      vf32 high_p = vf32_max(p, clamp);
      vf32 high_q = vf32_max(q, clamp);
      vf32 excess = vf32_sub(vf32_sub(high_q, q), vf32_sub(high_p, p));
      sum = vf32_add(sum, vf32_add(kl_term(high_p, high_q, x), excess));
      if (g != NULL) {
        vf32 pull = vf32_blend(vf32_le(p, clamp), high_q, vf32_zero());
        kl_store(g, i, n, vf32_mul(vf32_sub(vf32_mul(p, mass), pull), slope));
      }
    }
    loss += vf32_sum(sum);
  }
  return loss;
}

/* Does a row without holes. e is room for twice `room` floats, a whole number of vectors each. */
static double kl_row(const KlOptions *o, const float *s, const float *t, float *g, int64_t n, float grad_factor, float *e,
                     int64_t room) {
  KlMap student = {.e = e};
  KlMap teacher = {.e = e + room};
  if (!kl_exp(s, n, o->inverse, &student) || !kl_exp(t, n, o->inverse, &teacher)) {
    for (int64_t i = 0; g != NULL && i < n; i++) {
      g[i] = NAN;
    }
    return NAN;
  }
  return o->clamp == 0 ? kl_plain(o, s, &student, t, &teacher, g, n, grad_factor)
                       : kl_clamped(o, s, &student, t, &teacher, g, n, grad_factor);
}

/* Copies the entries that the mask keeps and returns their number. Writes as many as there are keys. */
static int64_t kl_gather(const float *from, const uint8_t *mask, int64_t keys, float *to) {
  int64_t n = 0;
  for (int64_t j = 0; j < keys; j++) {
    /* An entry that goes away is overwritten by the next one. It is not looked at: it may be anything. */
    to[n] = from[j];
    n += mask[j] != 0;
  }
  return n;
}

static void kl_scatter(const float *from, const uint8_t *mask, int64_t keys, float *to) {
  int64_t n = 0;
  for (int64_t j = 0; j < keys; j++) {
    to[j] = mask[j] != 0 ? from[n++] : 0.0f;
  }
}

int32_t LB_TIER(lb_attention_kl)(const float *student, int64_t student_stride, const float *restrict teacher,
                                 int64_t teacher_stride, const int32_t *restrict lengths, const uint8_t *restrict mask,
                                 int64_t mask_stride, float *grad, int64_t grad_stride, double *restrict losses,
                                 float *restrict scratch, int64_t from, int64_t to, int64_t heads, int64_t queries,
                                 int64_t keys, int32_t causal, double temperature, double clamp, double factor) {
  const KlOptions options = {temperature, (float)(1 / temperature), (float)clamp, (float)log(clamp)};
  const int64_t room = (keys + 15) / 16 * 16;
  float *const gathered_s = scratch;
  float *const gathered_t = scratch + room;
  float *const e = scratch + 2 * room;
  for (int64_t r = from; r < to; r++) {
    int64_t b = r / (heads * queries);
    int64_t i = r % queries;
    int64_t length = lengths == NULL ? keys : lengths[b];
    int64_t real = lengths != NULL && queries == keys ? length : queries;
    int64_t n = i >= real ? 0 : causal ? lb_min(length, i + 1) : length;
    const float *s = student + r * student_stride;
    const float *t = teacher + r * teacher_stride;
    float *g = grad == NULL ? NULL : grad + r * grad_stride;
    double loss = 0;
    if (n > 0) {
      float slope = (float)(factor / (double)real / temperature);
      if (mask == NULL) {
        loss = kl_row(&options, s, t, g, n, slope, e, room);
      } else {
        const uint8_t *kept = mask + (b * queries + i) * mask_stride;
        int64_t count = kl_gather(s, kept, n, gathered_s);
        kl_gather(t, kept, n, gathered_t);
        if (count > 0) {
          loss = kl_row(&options, gathered_s, gathered_t, g == NULL ? NULL : gathered_s, count, slope, e, room);
        }
        if (g != NULL) {
          kl_scatter(gathered_s, kept, n, g);
        }
      }
    }
    if (losses != NULL) {
      losses[r] = loss;
    }
    for (int64_t j = n; g != NULL && j < keys; j++) {
      g[j] = 0;
    }
  }
  return LB_OK;
}
