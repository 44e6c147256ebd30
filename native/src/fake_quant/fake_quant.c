// SPDX-License-Identifier: Apache-2.0
#include "fake_quant.h"

#include <math.h>

static int fq_sizes_ok(int64_t from, int64_t to, int64_t rows, int64_t cols, int64_t across) {
  return from >= 0 && to >= from && rows >= 1 && cols >= 1 && across >= 1;
}

static int fq_options_ok(int32_t scheme, int32_t bits) {
  return scheme >= LB_FAKE_QUANT_TERNARY && scheme <= LB_FAKE_QUANT_SIGN && bits >= 2 && bits <= 8;
}

int64_t lb_fake_quant_pieces(int64_t group_rows, int64_t group_cols) {
  return fq_sizes_ok(0, 0, group_rows, group_cols, 1) ? fq_cut_of(group_rows, group_cols, 1).pieces : 0;
}

int32_t lb_fake_quant_forward(int32_t tier, int32_t scheme, int32_t bits, float clip, float step, const float *x,
                              int64_t x_stride, float *y, int64_t y_stride, void *codes, int64_t codes_stride, float *scale,
                              float *zero, int64_t from, int64_t to, int64_t group_rows, int64_t group_cols,
                              int64_t across) {
  if (!fq_sizes_ok(from, to, group_rows, group_cols, across)) {
    return LB_BAD_SIZE;
  }
  if (!fq_options_ok(scheme, bits)) {
    return LB_BAD_OPTION;
  }
  return LB_DISPATCH(tier, lb_fake_quant_forward,
                     (scheme, bits, clip, step, x, x_stride, y, y_stride, codes, codes_stride, scale, zero, from, to,
                      group_rows, group_cols, across));
}

int32_t lb_fake_quant_reduce(int32_t tier, int32_t scheme, float clip, const float *parameters, const float *x,
                             int64_t x_stride, double *partials, int64_t from, int64_t to, int64_t group_rows,
                             int64_t group_cols, int64_t across) {
  if (!fq_sizes_ok(from, to, group_rows, group_cols, across)) {
    return LB_BAD_SIZE;
  }
  if (!fq_options_ok(scheme, 2)) {
    return LB_BAD_OPTION;
  }
  return LB_DISPATCH(tier, lb_fake_quant_reduce,
                     (scheme, clip, parameters, x, x_stride, partials, from, to, group_rows, group_cols, across));
}

int32_t lb_fake_quant_apply(int32_t tier, int32_t scheme, int32_t bits, float clip, const float *parameters, const float *x,
                            int64_t x_stride, float *y, int64_t y_stride, void *codes, int64_t codes_stride, int64_t from,
                            int64_t to, int64_t group_rows, int64_t group_cols, int64_t across) {
  if (!fq_sizes_ok(from, to, group_rows, group_cols, across)) {
    return LB_BAD_SIZE;
  }
  if (!fq_options_ok(scheme, bits)) {
    return LB_BAD_OPTION;
  }
  return LB_DISPATCH(tier, lb_fake_quant_apply,
                     (scheme, bits, clip, parameters, x, x_stride, y, y_stride, codes, codes_stride, from, to, group_rows,
                      group_cols, across));
}

int32_t lb_fake_quant_backward(int32_t tier, float clip, const float *x, int64_t x_stride, const float *scale,
                               const float *gy, int64_t gy_stride, float *gx, int64_t gx_stride, int64_t from, int64_t to,
                               int64_t group_rows, int64_t group_cols, int64_t across) {
  if (!fq_sizes_ok(from, to, group_rows, group_cols, across)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_fake_quant_backward,
                     (clip, x, x_stride, scale, gy, gy_stride, gx, gx_stride, from, to, group_rows, group_cols, across));
}

int32_t lb_fake_quant_backward_step(int32_t tier, int32_t bits, int32_t plain, float step, const float *x, int64_t x_stride,
                                    const float *gy, int64_t gy_stride, float *gx, int64_t gx_stride, double *partials,
                                    int64_t from, int64_t to, int64_t group_rows, int64_t group_cols, int64_t across) {
  if (!fq_sizes_ok(from, to, group_rows, group_cols, across)) {
    return LB_BAD_SIZE;
  }
  if (!fq_options_ok(LB_FAKE_QUANT_LSQ, bits)) {
    return LB_BAD_OPTION;
  }
  return LB_DISPATCH(tier, lb_fake_quant_backward_step,
                     (bits, plain, step, x, x_stride, gy, gy_stride, gx, gx_stride, partials, from, to, group_rows,
                      group_cols, across));
}

/* Nothing here depends on the tier. */
int32_t lb_fake_quant_parameters(int32_t tier, int32_t scheme, int32_t second, int32_t bits, float clip, float step,
                                 const double *partials, float *parameters, float *scale, float *zero, int64_t from,
                                 int64_t to, int64_t group_rows, int64_t group_cols) {
  (void)tier;
  if (!fq_sizes_ok(from, to, group_rows, group_cols, 1)) {
    return LB_BAD_SIZE;
  }
  if (!fq_options_ok(scheme, bits) || (second && scheme != LB_FAKE_QUANT_TERNARY)) {
    return LB_BAD_OPTION;
  }
  int64_t pieces = lb_fake_quant_pieces(group_rows, group_cols);
  fq_kind kind = second ? FQ_KEPT : fq_first_kind(scheme);
  for (int64_t g = from; g < to; g++) {
    double pair[2];
    float *p = parameters + g * LB_FAKE_QUANT_PARAMETERS;
    fq_clear(kind, pair);
    for (int64_t u = g * pieces; u < (g + 1) * pieces; u++) {
      fq_merge(kind, pair, partials + 2 * u);
    }
    if (second) {
      fq_ternary_parameters(pair, p, scale ? scale + g : 0);
    } else {
      fq_parameters(scheme, bits, clip, step, pair, group_rows * group_cols, p, scale ? scale + g : 0, zero ? zero + g : 0);
    }
  }
  return LB_OK;
}

fq_kind fq_first_kind(int32_t scheme) {
  switch (scheme) {
    case LB_FAKE_QUANT_SYMMETRIC:
    case LB_FAKE_QUANT_LSQ:
      return FQ_ABS_MAX;
    case LB_FAKE_QUANT_MINMAX:
      return FQ_RANGE;
    default:
      return FQ_ABS_SUM;
  }
}

void fq_clear(fq_kind kind, double pair[2]) {
  pair[0] = kind == FQ_RANGE ? INFINITY : 0;
  pair[1] = kind == FQ_RANGE ? -INFINITY : 0;
}

/* -0 is below +0, and NaN wins. */
static double fq_lesser(double a, double b) {
  return a != a ? a : b != b || b < a || (b == a && signbit(b)) ? b : a;
}

static double fq_greater(double a, double b) { return a != a ? a : b != b || b > a ? b : a; }

void fq_merge(fq_kind kind, double pair[2], const double other[2]) {
  if (kind == FQ_ABS_SUM || kind == FQ_KEPT) {
    pair[0] += other[0];
    pair[1] += other[1];
  } else {
    pair[0] = fq_lesser(pair[0], other[0]);
    pair[1] = fq_greater(pair[1], other[1]);
  }
}

/* The largest float that is not above a double: as a bound of floats they are equal. */
static float fq_at_most(double bound) {
  float nearest = (float)bound;
  return nearest > bound ? nextafterf(nearest, -INFINITY) : nearest;
}

static float fq_clipped(double x, float clip) { return x > clip ? clip : x < -clip ? -clip : (float)x; }

static void fq_describe(float value, float *scale) {
  if (scale) {
    *scale = value;
  }
}

/*
 * Parameters: 0 the threshold, low end or limit of the inner levels; 1 the factor, range, step or level, NaN in a group
 * with NaN; 2 the magnitude from which on negative values of midrise are outer.
 */
void fq_parameters(int32_t scheme, int32_t bits, float clip, float step, const double pair[2], int64_t n, float *parameters,
                   float *scale, float *zero) {
  float qp = (float)((1 << (bits - 1)) - 1);
  float *p = parameters;
  p[0] = p[1] = p[2] = p[3] = 0;
  switch (scheme) {
    case LB_FAKE_QUANT_TERNARY:
      p[0] = fq_at_most(7 * pair[0] / (10.0 * (double)n));
      break;
    case LB_FAKE_QUANT_SYMMETRIC: {
      float max = fq_clipped(pair[1], clip);
      float factor = qp / max;
      p[1] = isinf(factor) ? 1 : factor;
      fq_describe(max / qp, scale);
      break;
    }
    case LB_FAKE_QUANT_MINMAX: {
      float low = fq_clipped(pair[0], clip);
      float high = fq_clipped(pair[1], clip);
      float range = high - low + 1e-8f;
      p[0] = low;
      p[1] = range;
      fq_describe(low == 0 && high == 0 ? 0 : range / (float)((1 << bits) - 1), scale);
      fq_describe(low, zero);
      break;
    }
    case LB_FAKE_QUANT_LSQ:
      p[1] = pair[1] != pair[1] ? NAN : step;
      fq_describe(p[1], scale);
      break;
    case LB_FAKE_QUANT_MIDRISE: {
      float top = (float)(2 * pair[0] / (double)n);
      /* Half way between c / 3 and c. The division may round: three times a float is exact in double. */
      float limit = fq_at_most(2.0 * top / 3);
      if (3.0 * limit > 2.0 * top) {
        limit = nextafterf(limit, -INFINITY);
      } else if (3.0 * nextafterf(limit, INFINITY) <= 2.0 * top) {
        limit = nextafterf(limit, INFINITY);
      }
      p[0] = limit;
      p[1] = top;
      p[2] = 3.0 * limit == 2.0 * top ? limit : nextafterf(limit, INFINITY);
      fq_describe(top, scale);
      break;
    }
    default:
      p[1] = (float)(pair[0] / (double)n);
      fq_describe(p[1], scale);
      break;
  }
}

void fq_ternary_parameters(const double pair[2], float *parameters, float *scale) {
  float alpha = pair[1] == 0 ? 0 : (float)(pair[0] / pair[1]);
  parameters[1] = parameters[0] != parameters[0] ? NAN : alpha;
  fq_describe(parameters[1], scale);
}
