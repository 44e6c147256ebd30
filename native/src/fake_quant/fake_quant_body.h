// SPDX-License-Identifier: Apache-2.0
/*
 * fake_quant. Statistics of a group, then the nearest level of each element; the formulas are in limbeck.h.
 *
 * x, y, gy, gx f32, codes one byte, any row stride, aligned to an element; y may be x, gx may be gy.
 * Zeros give zeros. NaN makes its group NaN: it spreads in the sums, and is the largest magnitude as an integer.
 * Sums in double lanes, within a piece in halves, pieces in order; the rest in float as written: given the same sums, the
 * same bits in every tier.
 * A call does units or groups [from, to) on the calling thread; the bits of a unit depend on it alone.
 * About 8 flops an element. Reads 4 bytes an element for each statistic and once to apply, writes 4 and 1 for a code; a
 * group of up to FQ_PIECE elements is read from memory once. Tails in masked vectors.
 */
#include <string.h>

#include "fake_quant.h"

/* The sums of a piece, spread over lanes. */
typedef struct {
  vf64 low;
  vf64 high;
  vf64 next_low;
  vf64 next_high;
} fq_sums;

LB_INLINE fq_sums fq_no_sums(void) {
  fq_sums s = {vf64_set1(0), vf64_set1(0), vf64_set1(0), vf64_set1(0)};
  return s;
}

LB_INLINE double fq_sum(const fq_sums *s) {
  return vf64_sum(vf64_add(vf64_add(s->low, s->high), vf64_add(s->next_low, s->next_high)));
}

/* |x'|; min gives its second argument for NaN. */
LB_INLINE vf32 fq_magnitude(vf32 x, vf32 clip) { return vf32_min(clip, vf32_abs(x)); }

LB_INLINE void fq_add_low(fq_sums *s, vf32 a) {
  s->low = vf64_add(s->low, vf64_low(a));
  s->high = vf64_add(s->high, vf64_high(a));
}

LB_INLINE void fq_add_next(fq_sums *s, vf32 a) {
  s->next_low = vf64_add(s->next_low, vf64_low(a));
  s->next_high = vf64_add(s->next_high, vf64_high(a));
}

static void fq_abs_sum(const float *x, int64_t stride, int64_t rows, int64_t cols, float clip, double pair[2]) {
  fq_sums s = fq_no_sums();
  vf32 c = vf32_set1(clip);
  for (int64_t r = 0; r < rows; r++, x += stride) {
    int64_t i = 0;
    for (; i + 2 * LB_W <= cols; i += 2 * LB_W) {
      fq_add_low(&s, fq_magnitude(vf32_load(x + i), c));
      fq_add_next(&s, fq_magnitude(vf32_load(x + i + LB_W), c));
    }
    for (; i < cols; i += LB_W) {
      fq_add_low(&s, fq_magnitude(vf32_load_n(x + i, lb_min(LB_W, cols - i), vf32_zero()), c));
    }
  }
  pair[0] = fq_sum(&s);
  pair[1] = 0;
}

static void fq_kept(const float *x, int64_t stride, int64_t rows, int64_t cols, float clip, float threshold,
                    double pair[2]) {
  fq_sums s = fq_no_sums();
  vf32 c = vf32_set1(clip);
  vf32 t = vf32_set1(threshold);
  vf32 one = vf32_set1(1.0f);
  /* At most FQ_PIECE, exact in float. */
  vf32 count = vf32_zero();
  for (int64_t r = 0; r < rows; r++, x += stride) {
    int64_t i = 0;
    for (; i + 2 * LB_W <= cols; i += 2 * LB_W) {
      vf32 a = fq_magnitude(vf32_load(x + i), c);
      vf32 b = fq_magnitude(vf32_load(x + i + LB_W), c);
      vm32 ma = vf32_lt(t, a);
      vm32 mb = vf32_lt(t, b);
      fq_add_low(&s, vf32_blend(ma, vf32_zero(), a));
      fq_add_next(&s, vf32_blend(mb, vf32_zero(), b));
      count = vf32_add(count, vf32_blend(ma, vf32_zero(), one));
      count = vf32_add(count, vf32_blend(mb, vf32_zero(), one));
    }
    for (; i < cols; i += LB_W) {
      vf32 a = fq_magnitude(vf32_load_n(x + i, lb_min(LB_W, cols - i), vf32_zero()), c);
      vm32 m = vf32_lt(t, a);
      fq_add_low(&s, vf32_blend(m, vf32_zero(), a));
      count = vf32_add(count, vf32_blend(m, vf32_zero(), one));
    }
  }
  pair[0] = fq_sum(&s);
  pair[1] = vf32_sum(count);
}

/* The bits of magnitudes have the order of the magnitudes, NaN above infinity. */
static void fq_abs_max(const float *x, int64_t stride, int64_t rows, int64_t cols, double pair[2]) {
  vi32 m0 = vi32_set1(0);
  vi32 m1 = m0;
  for (int64_t r = 0; r < rows; r++, x += stride) {
    int64_t i = 0;
    for (; i + 2 * LB_W <= cols; i += 2 * LB_W) {
      m0 = vi32_max(m0, vf32_as_i32(vf32_abs(vf32_load(x + i))));
      m1 = vi32_max(m1, vf32_as_i32(vf32_abs(vf32_load(x + i + LB_W))));
    }
    for (; i < cols; i += LB_W) {
      m0 = vi32_max(m0, vf32_as_i32(vf32_abs(vf32_load_n(x + i, lb_min(LB_W, cols - i), vf32_zero()))));
    }
  }
  float lanes[LB_W];
  vf32_store(lanes, vi32_as_f32(vi32_max(m0, m1)));
  fq_clear(FQ_ABS_MAX, pair);
  for (int l = 0; l < LB_W; l++) {
    double lane[2] = {0, lanes[l]};
    fq_merge(FQ_ABS_MAX, pair, lane);
  }
}

/*
 * The bits of floats, those below the sign turned over for negative ones, have the order of the floats as integers: -0
 * below +0, NaN outside the infinities on the side of its sign. The same operation turns them back.
 */
LB_INLINE vi32 fq_ordered(vi32 v) { return vi32_xor(v, vi32_and(vi32_sar(v, 31), vi32_set1(0x7fffffff))); }

static void fq_range(const float *x, int64_t stride, int64_t rows, int64_t cols, double pair[2]) {
  vi32 min = vi32_set1(INT32_MAX);
  vi32 max = vi32_set1(INT32_MIN);
  for (int64_t r = 0; r < rows; r++, x += stride) {
    int64_t i = 0;
    for (; i + LB_W <= cols; i += LB_W) {
      vi32 v = fq_ordered(vf32_as_i32(vf32_load(x + i)));
      min = vi32_min(min, v);
      max = vi32_max(max, v);
    }
    if (i < cols) {
      vi32 v = fq_ordered(vf32_as_i32(vf32_load_n(x + i, cols - i, vf32_set1(x[i]))));
      min = vi32_min(min, v);
      max = vi32_max(max, v);
    }
  }
  float low[LB_W];
  float high[LB_W];
  vf32_store(low, vi32_as_f32(fq_ordered(min)));
  vf32_store(high, vi32_as_f32(fq_ordered(max)));
  fq_clear(FQ_RANGE, pair);
  for (int l = 0; l < LB_W; l++) {
    double lane[2] = {low[l], high[l]};
    fq_merge(FQ_RANGE, pair, lane);
  }
  /* A NaN is at one end; the other end must be one too. */
  if (pair[0] != pair[0] || pair[1] != pair[1]) {
    pair[0] = pair[1] = NAN;
  }
}

static void fq_statistics(fq_kind kind, const float *x, int64_t stride, const fq_block *b, float clip, float threshold,
                          double pair[2]) {
  const float *at = x + b->row * stride + b->col;
  switch (kind) {
    case FQ_ABS_SUM:
      fq_abs_sum(at, stride, b->rows, b->cols, clip, pair);
      break;
    case FQ_KEPT:
      fq_kept(at, stride, b->rows, b->cols, clip, threshold, pair);
      break;
    case FQ_ABS_MAX:
      fq_abs_max(at, stride, b->rows, b->cols, pair);
      break;
    default:
      fq_range(at, stride, b->rows, b->cols, pair);
      break;
  }
}

/* What the elements of a group have in common, in every lane. */
typedef struct {
  vf32 clip;
  vf32 unclip; /* -clip */
  vf32 p0;
  vf32 p1;
  vf32 p2;
  vf32 levels;
  vf32 lowest;
  vf32 y[4];
  vi32 code[4];
} fq_common;

LB_INLINE vf32 fq_clip(vf32 x, const fq_common *k) { return vf32_max(k->unclip, vf32_min(k->clip, x)); }

/* Half to even, and +0 for -0: for magnitudes up to 2^22. NaN stays. */
LB_INLINE vf32 fq_round(vf32 x) { return vf32_sub(vf32_add(x, vf32_set1(LB_ROUND)), vf32_set1(LB_ROUND)); }

/* NaN is code 0. */
LB_INLINE vi32 fq_code(vf32 code) { return vf32_to_i32(vf32_blend(vf32_nan(code), code, vf32_zero())); }

static fq_common fq_common_of(int32_t scheme, int32_t bits, float clip, const float *p) {
  fq_common k;
  float qp = (float)((1 << (bits - 1)) - 1);
  int some = p[1] == p[1];
  k.clip = vf32_set1(clip);
  k.unclip = vf32_set1(-clip);
  k.p0 = vf32_set1(p[0]);
  k.p1 = vf32_set1(p[1]);
  k.p2 = vf32_set1(-p[2]);
  k.levels = vf32_set1(scheme == LB_FAKE_QUANT_LSQ ? qp : (float)((1 << bits) - 1));
  k.lowest = vf32_set1(-qp - 1);
  float y[4] = {-p[1], 0, p[1], 0};
  int code[4] = {-1, 0, 1, 0};
  if (scheme == LB_FAKE_QUANT_MIDRISE) {
    y[1] = -p[1] / 3;
    y[2] = p[1] / 3;
    y[3] = p[1];
    for (int i = 0; i < 4; i++) {
      code[i] = i;
    }
  } else {
    /* A NaN belongs to a group of NaN. */
    y[1] = 0 * p[1];
  }
  for (int i = 0; i < 4; i++) {
    k.y[i] = vf32_set1(y[i]);
    k.code[i] = vi32_set1(some ? code[i] : 0);
  }
  return k;
}

/* The value and the code of each lane. */
LB_INLINE void fq_quantize(int32_t scheme, const fq_common *k, vf32 x, vf32 *y, vi32 *code) {
  vf32 c;
  switch (scheme) {
    case LB_FAKE_QUANT_TERNARY: {
      vm32 above = vf32_lt(k->p0, x);
      vm32 below = vf32_lt(x, vf32_sub(vf32_zero(), k->p0));
      *y = vf32_blend(below, vf32_blend(above, k->y[1], k->y[2]), k->y[0]);
      *code = vi32_blend(below, vi32_blend(above, k->code[1], k->code[2]), k->code[0]);
      return;
    }
    case LB_FAKE_QUANT_SYMMETRIC:
      c = fq_round(vf32_mul(fq_clip(x, k), k->p1));
      *y = vf32_div(c, k->p1);
      break;
    case LB_FAKE_QUANT_MINMAX:
      c = fq_round(vf32_mul(vf32_div(vf32_sub(fq_clip(x, k), k->p0), k->p1), k->levels));
      *y = vf32_add(vf32_mul(vf32_div(c, k->levels), k->p1), k->p0);
      break;
    case LB_FAKE_QUANT_LSQ:
      c = fq_round(vf32_max(k->lowest, vf32_min(k->levels, vf32_div(x, k->p1))));
      *y = vf32_mul(c, k->p1);
      break;
    case LB_FAKE_QUANT_MIDRISE: {
      vf32 v = fq_clip(x, k);
      vm32 top = vf32_lt(k->p0, v);
      vm32 negative = vf32_lt(v, vf32_zero());
      vm32 bottom = vm32_and(negative, vf32_le(v, k->p2));
      *y = vf32_blend(bottom, vf32_blend(negative, vf32_blend(top, k->y[2], k->y[3]), k->y[1]), k->y[0]);
      *code = vi32_blend(bottom, vi32_blend(negative, vi32_blend(top, k->code[2], k->code[3]), k->code[1]), k->code[0]);
      return;
    }
    default: {
      vm32 negative = vf32_lt(x, vf32_zero());
      *y = vf32_blend(negative, k->y[2], k->y[0]);
      *code = vi32_blend(negative, k->code[2], k->code[0]);
      return;
    }
  }
  *code = fq_code(c);
}

LB_INLINE void fq_line(int32_t scheme, const fq_common *k, const float *x, float *y, uint8_t *codes, int64_t cols) {
  vf32 v;
  vi32 c;
  int64_t i = 0;
  for (; i + LB_W <= cols; i += LB_W) {
    fq_quantize(scheme, k, vf32_load(x + i), &v, &c);
    if (y) {
      vf32_store(y + i, v);
    }
    if (codes) {
      vi32_store_bytes(codes + i, c);
    }
  }
  if (i < cols) {
    fq_quantize(scheme, k, vf32_load_n(x + i, cols - i, vf32_zero()), &v, &c);
    if (y) {
      vf32_store_n(y + i, v, cols - i);
    }
    if (codes) {
      vi32_store_bytes_n(codes + i, c, cols - i);
    }
  }
}

/* A loop of its own for values, codes, and both: the compiler keeps tests in a loop. */
LB_INLINE void fq_lines(int32_t scheme, const fq_common *k, const float *x, int64_t x_stride, float *y, int64_t y_stride,
                        uint8_t *codes, int64_t codes_stride, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) {
    const float *xr = x + r * x_stride;
    if (codes && y) {
      fq_line(scheme, k, xr, y + r * y_stride, codes + r * codes_stride, cols);
    } else if (codes) {
      fq_line(scheme, k, xr, 0, codes + r * codes_stride, cols);
    } else {
      fq_line(scheme, k, xr, y + r * y_stride, 0, cols);
    }
  }
}

static void fq_apply(int32_t scheme, int32_t bits, float clip, const float *parameters, const float *x, int64_t x_stride,
                     float *y, int64_t y_stride, void *codes, int64_t codes_stride, const fq_block *b) {
  if (!y && !codes) {
    return;
  }
  fq_common k = fq_common_of(scheme, bits, clip, parameters);
  const float *xb = x + b->row * x_stride + b->col;
  float *yb = y ? y + b->row * y_stride + b->col : 0;
  uint8_t *cb = codes ? (uint8_t *)codes + b->row * codes_stride + b->col : 0;
  switch (scheme) {
    case LB_FAKE_QUANT_TERNARY:
      fq_lines(LB_FAKE_QUANT_TERNARY, &k, xb, x_stride, yb, y_stride, cb, codes_stride, b->rows, b->cols);
      break;
    case LB_FAKE_QUANT_SYMMETRIC:
      fq_lines(LB_FAKE_QUANT_SYMMETRIC, &k, xb, x_stride, yb, y_stride, cb, codes_stride, b->rows, b->cols);
      break;
    case LB_FAKE_QUANT_MINMAX:
      fq_lines(LB_FAKE_QUANT_MINMAX, &k, xb, x_stride, yb, y_stride, cb, codes_stride, b->rows, b->cols);
      break;
    case LB_FAKE_QUANT_LSQ:
      fq_lines(LB_FAKE_QUANT_LSQ, &k, xb, x_stride, yb, y_stride, cb, codes_stride, b->rows, b->cols);
      break;
    case LB_FAKE_QUANT_MIDRISE:
      fq_lines(LB_FAKE_QUANT_MIDRISE, &k, xb, x_stride, yb, y_stride, cb, codes_stride, b->rows, b->cols);
      break;
    default:
      fq_lines(LB_FAKE_QUANT_SIGN, &k, xb, x_stride, yb, y_stride, cb, codes_stride, b->rows, b->cols);
      break;
  }
}

/* The statistics of a whole group, its pieces in order. */
static void fq_reduce_group(fq_kind kind, const fq_cut *cut, int64_t group, const float *x, int64_t stride, float clip,
                            float threshold, double pair[2]) {
  fq_clear(kind, pair);
  for (int64_t u = group * cut->pieces; u < (group + 1) * cut->pieces; u++) {
    fq_block b = fq_unit_of(cut, u);
    double piece[2];
    fq_statistics(kind, x, stride, &b, clip, threshold, piece);
    fq_merge(kind, pair, piece);
  }
}

int32_t LB_TIER(lb_fake_quant_forward)(int32_t scheme, int32_t bits, float clip, float step, const float *x,
                                       int64_t x_stride, float *y, int64_t y_stride, void *codes, int64_t codes_stride,
                                       float *scale, float *zero, int64_t from, int64_t to, int64_t group_rows,
                                       int64_t group_cols, int64_t across) {
  fq_cut cut = fq_cut_of(group_rows, group_cols, across);
  for (int64_t g = from; g < to; g++) {
    double pair[2];
    float p[LB_FAKE_QUANT_PARAMETERS];
    fq_reduce_group(fq_first_kind(scheme), &cut, g, x, x_stride, clip, 0, pair);
    fq_parameters(scheme, bits, clip, step, pair, group_rows * group_cols, p, scale ? scale + g : 0, zero ? zero + g : 0);
    if (scheme == LB_FAKE_QUANT_TERNARY) {
      fq_reduce_group(FQ_KEPT, &cut, g, x, x_stride, clip, p[0], pair);
      fq_ternary_parameters(pair, p, scale ? scale + g : 0);
    }
    fq_block b = fq_group_of(&cut, g);
    fq_apply(scheme, bits, clip, p, x, x_stride, y, y_stride, codes, codes_stride, &b);
  }
  return LB_OK;
}

int32_t LB_TIER(lb_fake_quant_reduce)(int32_t scheme, float clip, const float *parameters, const float *x, int64_t x_stride,
                                      double *partials, int64_t from, int64_t to, int64_t group_rows, int64_t group_cols,
                                      int64_t across) {
  fq_cut cut = fq_cut_of(group_rows, group_cols, across);
  fq_kind kind = parameters ? FQ_KEPT : fq_first_kind(scheme);
  for (int64_t u = from; u < to; u++) {
    fq_block b = fq_unit_of(&cut, u);
    float threshold = parameters ? parameters[b.group * LB_FAKE_QUANT_PARAMETERS] : 0;
    fq_statistics(kind, x, x_stride, &b, clip, threshold, partials + 2 * u);
  }
  return LB_OK;
}

int32_t LB_TIER(lb_fake_quant_apply)(int32_t scheme, int32_t bits, float clip, const float *parameters, const float *x,
                                     int64_t x_stride, float *y, int64_t y_stride, void *codes, int64_t codes_stride,
                                     int64_t from, int64_t to, int64_t group_rows, int64_t group_cols, int64_t across) {
  fq_cut cut = fq_cut_of(group_rows, group_cols, across);
  for (int64_t u = from; u < to; u++) {
    fq_block b = fq_unit_of(&cut, u);
    fq_apply(scheme, bits, clip, parameters + b.group * LB_FAKE_QUANT_PARAMETERS, x, x_stride, y, y_stride, codes,
             codes_stride, &b);
  }
  return LB_OK;
}

static void fq_copy(const float *gy, int64_t gy_stride, float *gx, int64_t gx_stride, const fq_block *b) {
  for (int64_t r = b->row; r < b->row + b->rows; r++) {
    memmove(gx + r * gx_stride + b->col, gy + r * gy_stride + b->col, (size_t)b->cols * sizeof(float));
  }
}

LB_INLINE vf32 fq_passed(vf32 x, vf32 gy, vf32 bound) { return vf32_blend(vf32_lt(vf32_abs(x), bound), vf32_zero(), gy); }

int32_t LB_TIER(lb_fake_quant_backward)(float clip, const float *x, int64_t x_stride, const float *scale, const float *gy,
                                        int64_t gy_stride, float *gx, int64_t gx_stride, int64_t from, int64_t to,
                                        int64_t group_rows, int64_t group_cols, int64_t across) {
  fq_cut cut = fq_cut_of(group_rows, group_cols, across);
  for (int64_t u = from; u < to; u++) {
    fq_block b = fq_unit_of(&cut, u);
    if (!x) {
      fq_copy(gy, gy_stride, gx, gx_stride, &b);
      continue;
    }
    /* A scale of NaN lets nothing pass. */
    vf32 bound = vf32_set1(scale && !(scale[b.group] > clip) ? scale[b.group] : clip);
    for (int64_t r = b.row; r < b.row + b.rows; r++) {
      const float *xr = x + r * x_stride + b.col;
      const float *gyr = gy + r * gy_stride + b.col;
      float *gxr = gx + r * gx_stride + b.col;
      int64_t i = 0;
      for (; i + LB_W <= b.cols; i += LB_W) {
        vf32_store(gxr + i, fq_passed(vf32_load(xr + i), vf32_load(gyr + i), bound));
      }
      if (i < b.cols) {
        int64_t n = b.cols - i;
        vf32_store_n(gxr + i, fq_passed(vf32_load_n(xr + i, n, bound), vf32_load_n(gyr + i, n, bound), bound), n);
      }
    }
  }
  return LB_OK;
}

/* Returns the gradient of n elements and adds gy times the slope, exact in double, to the sums. */
LB_INLINE vf32 fq_step(vf32 x, vf32 gy, vf32 step, vf32 qp, vf32 lowest, int plain, fq_sums *s) {
  vf32 v = vf32_div(x, step);
  /* Outside, the bound; a NaN stays one. */
  vf32 bounded = vf32_max(lowest, vf32_min(qp, v));
  vm32 inside = vf32_eq(v, bounded);
  vf32 slope = vf32_blend(inside, bounded, vf32_sub(fq_round(v), v));
  s->low = vf64_fma(vf64_low(gy), vf64_low(slope), s->low);
  s->high = vf64_fma(vf64_high(gy), vf64_high(slope), s->high);
  return plain ? gy : vf32_blend(inside, vf32_zero(), gy);
}

int32_t LB_TIER(lb_fake_quant_backward_step)(int32_t bits, int32_t plain, float step, const float *x, int64_t x_stride,
                                             const float *gy, int64_t gy_stride, float *gx, int64_t gx_stride,
                                             double *partials, int64_t from, int64_t to, int64_t group_rows,
                                             int64_t group_cols, int64_t across) {
  fq_cut cut = fq_cut_of(group_rows, group_cols, across);
  float top = (float)((1 << (bits - 1)) - 1);
  vf32 vs = vf32_set1(step);
  vf32 qp = vf32_set1(top);
  vf32 lowest = vf32_set1(-top - 1);
  for (int64_t u = from; u < to; u++) {
    fq_block b = fq_unit_of(&cut, u);
    fq_sums s = fq_no_sums();
    for (int64_t r = b.row; r < b.row + b.rows; r++) {
      const float *xr = x + r * x_stride + b.col;
      const float *gyr = gy + r * gy_stride + b.col;
      float *gxr = gx + r * gx_stride + b.col;
      int64_t i = 0;
      for (; i + LB_W <= b.cols; i += LB_W) {
        vf32_store(gxr + i, fq_step(vf32_load(xr + i), vf32_load(gyr + i), vs, qp, lowest, plain, &s));
      }
      if (i < b.cols) {
        int64_t n = b.cols - i;
        vf32 g = vf32_load_n(gyr + i, n, vf32_zero());
        vf32_store_n(gxr + i, fq_step(vf32_load_n(xr + i, n, vf32_zero()), g, vs, qp, lowest, plain, &s), n);
      }
    }
    partials[u] = fq_sum(&s);
  }
  return LB_OK;
}
