// SPDX-License-Identifier: Apache-2.0
/*
 * The vector layer in plain C11, and the meaning of its names. Bodies of kernels are written once over these names and
 * compiled for each tier: a file <stem>_<tier>.c includes simd_<tier>.h and then the body.
 *
 * LB_W lanes of float (vf32), of int32_t (vi32) and of truth (vm32); LB_W / 2 lanes of double (vf64).
 *
 * - load, store: any alignment. load_n and store_n touch the first n lanes only, 0 <= n <= LB_W; load_n puts `fill` into
 *   the others.
 * - stream stores to a multiple of the vector's size, past the caches; stream_end comes before others may read that.
 * - fma(a, b, c) = a b + c and fnma(a, b, c) = c - a b, rounded once where the processor can.
 *   LB_FUSED tells whether it can.
 * - max(a, b) is a where a > b, else b: b where one of them is NaN. min likewise. Lane reductions of NaN are undefined.
 * - lt, le, eq are false for NaN; nan tells where a is NaN. blend(m, no, yes) selects by lane; keep(m, a) is a or 0.
 * - mul_wide gives both halves of the unsigned products. transpose4 exchanges, in each group of four lanes, lane i of vector j
 *   with lane j of vector i.
 * - round and vf32_to_i32: to nearest, ties to even. vf32_to_i32 is defined within the range of int32_t only.
 * - sum adds lane i and lane i + n / 2, and so on in halves; sum4 does so for four vectors, to the same bits.
 * - columns4 reads the first four columns of LB_W rows; out[c] holds column c.
 * - vf64_low, vf64_high widen half of the lanes; vf32_narrow puts two halves together.
 * - vi32_lookup(index, table) is table[index mod LB_W], in the tiers with 16 lanes: LB_LOOKUP is 1.
 * - vi32_store_bytes(_n) stores the low byte of each lane.
 */
#ifndef LB_SIMD_H
#define LB_SIMD_H

#include <math.h>
#include <string.h>

#include "../arch.h"

#define LB_LOOKUP 0
#define LB_TIER_SUFFIX portable
#define LB_W 8
#define LB_WD (LB_W / 2)
#define LB_AT_ONCE 1

typedef struct {
  float v[LB_W];
} vf32;
typedef struct {
  int32_t v[LB_W];
} vi32;
typedef struct {
  double v[LB_WD];
} vf64;
typedef struct {
  int32_t v[LB_W]; /* -1 or 0 */
} vm32;

/* Defines a function of lanes by an expression of the lane index i. */
#define LB_LANES(type, lanes, expression) \
  type r;                                 \
  for (int i = 0; i < (lanes); i++) {     \
    r.v[i] = (expression);                \
  }                                       \
  return r

/* fmaf is a call of many instructions where there is no instruction for it. */
#ifdef FP_FAST_FMAF
#define LB_FUSED 1
#define LB_FMAF(a, b, c) fmaf(a, b, c)
#else
#define LB_FUSED 0
#define LB_FMAF(a, b, c) ((a) * (b) + (c))
#endif
#ifdef FP_FAST_FMA
#define LB_FMA(a, b, c) fma(a, b, c)
#else
#define LB_FMA(a, b, c) ((a) * (b) + (c))
#endif

LB_INLINE int32_t lb_float_bits(float a) {
  int32_t b;
  memcpy(&b, &a, sizeof b);
  return b;
}
LB_INLINE float lb_bits_float(int32_t a) {
  float b;
  memcpy(&b, &a, sizeof b);
  return b;
}

LB_INLINE vf32 vf32_set1(float a) { LB_LANES(vf32, LB_W, a); }
LB_INLINE vf32 vf32_zero(void) { LB_LANES(vf32, LB_W, 0.0f); }
LB_INLINE vf32 vf32_load(const float *p) { LB_LANES(vf32, LB_W, p[i]); }
LB_INLINE void vf32_store(float *p, vf32 a) { memcpy(p, a.v, sizeof a.v); }
LB_INLINE void vf32_stream(float *p, vf32 a) { memcpy(p, a.v, sizeof a.v); }
LB_INLINE void vf32_stream_end(void) {}
LB_INLINE vf32 vf32_load_n(const float *p, int64_t n, vf32 fill) {
  for (int64_t i = 0; i < n; i++) {
    fill.v[i] = p[i];
  }
  return fill;
}
LB_INLINE void vf32_store_n(float *p, vf32 a, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    p[i] = a.v[i];
  }
}
LB_INLINE vf32 vf32_add(vf32 a, vf32 b) { LB_LANES(vf32, LB_W, a.v[i] + b.v[i]); }
LB_INLINE vf32 vf32_sub(vf32 a, vf32 b) { LB_LANES(vf32, LB_W, a.v[i] - b.v[i]); }
LB_INLINE vf32 vf32_mul(vf32 a, vf32 b) { LB_LANES(vf32, LB_W, a.v[i] * b.v[i]); }
LB_INLINE vf32 vf32_div(vf32 a, vf32 b) { LB_LANES(vf32, LB_W, a.v[i] / b.v[i]); }
LB_INLINE vf32 vf32_sqrt(vf32 a) { LB_LANES(vf32, LB_W, sqrtf(a.v[i])); }
LB_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { LB_LANES(vf32, LB_W, LB_FMAF(a.v[i], b.v[i], c.v[i])); }
LB_INLINE vf32 vf32_fnma(vf32 a, vf32 b, vf32 c) { LB_LANES(vf32, LB_W, LB_FMAF(-a.v[i], b.v[i], c.v[i])); }
LB_INLINE vf32 vf32_max(vf32 a, vf32 b) { LB_LANES(vf32, LB_W, a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
LB_INLINE vf32 vf32_min(vf32 a, vf32 b) { LB_LANES(vf32, LB_W, a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
LB_INLINE vf32 vf32_abs(vf32 a) { LB_LANES(vf32, LB_W, fabsf(a.v[i])); }
LB_INLINE vf32 vf32_round(vf32 a) { LB_LANES(vf32, LB_W, rintf(a.v[i])); }

LB_INLINE vm32 vf32_lt(vf32 a, vf32 b) { LB_LANES(vm32, LB_W, -(a.v[i] < b.v[i])); }
LB_INLINE vm32 vf32_le(vf32 a, vf32 b) { LB_LANES(vm32, LB_W, -(a.v[i] <= b.v[i])); }
LB_INLINE vm32 vf32_eq(vf32 a, vf32 b) { LB_LANES(vm32, LB_W, -(a.v[i] == b.v[i])); }
LB_INLINE vm32 vf32_nan(vf32 a) { LB_LANES(vm32, LB_W, -(a.v[i] != a.v[i])); }
LB_INLINE vf32 vf32_blend(vm32 m, vf32 no, vf32 yes) { LB_LANES(vf32, LB_W, m.v[i] ? yes.v[i] : no.v[i]); }
LB_INLINE vf32 vf32_keep(vm32 m, vf32 a) { LB_LANES(vf32, LB_W, m.v[i] ? a.v[i] : 0); }
LB_INLINE vm32 vm32_and(vm32 a, vm32 b) { LB_LANES(vm32, LB_W, a.v[i] & b.v[i]); }
LB_INLINE vm32 vm32_or(vm32 a, vm32 b) { LB_LANES(vm32, LB_W, a.v[i] | b.v[i]); }
LB_INLINE vm32 vm32_not(vm32 a) { LB_LANES(vm32, LB_W, ~a.v[i]); }
LB_INLINE vm32 vm32_first(int64_t n) { LB_LANES(vm32, LB_W, -(i < n)); }
LB_INLINE uint32_t vm32_bits(vm32 a) {
  uint32_t bits = 0;
  for (int i = 0; i < LB_W; i++) {
    bits |= (uint32_t)(a.v[i] & 1) << i;
  }
  return bits;
}

/* Arithmetic of int32_t wraps: in C that of uint32_t does. */
LB_INLINE vi32 vi32_set1(int32_t a) { LB_LANES(vi32, LB_W, a); }
LB_INLINE vi32 vi32_load(const int32_t *p) { LB_LANES(vi32, LB_W, p[i]); }
LB_INLINE void vi32_store(int32_t *p, vi32 a) { memcpy(p, a.v, sizeof a.v); }
LB_INLINE vi32 vi32_load_n(const int32_t *p, int64_t n, vi32 fill) {
  for (int64_t i = 0; i < n; i++) {
    fill.v[i] = p[i];
  }
  return fill;
}
LB_INLINE void vi32_store_n(int32_t *p, vi32 a, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    p[i] = a.v[i];
  }
}
LB_INLINE void vi32_store_bytes_n(void *p, vi32 a, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    ((uint8_t *)p)[i] = (uint8_t)a.v[i];
  }
}
LB_INLINE void vi32_store_bytes(void *p, vi32 a) { vi32_store_bytes_n(p, a, LB_W); }
LB_INLINE vi32 vi32_add(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, (int32_t)((uint32_t)a.v[i] + (uint32_t)b.v[i])); }
LB_INLINE vi32 vi32_sub(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, (int32_t)((uint32_t)a.v[i] - (uint32_t)b.v[i])); }
LB_INLINE vi32 vi32_mul(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, (int32_t)((uint32_t)a.v[i] * (uint32_t)b.v[i])); }
LB_INLINE void vi32_mul_wide(vi32 a, vi32 b, vi32 *low, vi32 *high) {
  for (int i = 0; i < LB_W; i++) {
    uint64_t product = (uint64_t)(uint32_t)a.v[i] * (uint32_t)b.v[i];
    low->v[i] = (int32_t)(uint32_t)product;
    high->v[i] = (int32_t)(uint32_t)(product >> 32);
  }
}
LB_INLINE void vi32_transpose4(vi32 r[4]) {
  vi32 t[4] = {r[0], r[1], r[2], r[3]};
  for (int k = 0; k < 4; k++) {
    for (int i = 0; i < LB_W; i++) {
      r[k].v[i] = t[i % 4].v[i / 4 * 4 + k];
    }
  }
}
LB_INLINE vi32 vi32_min(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
LB_INLINE vi32 vi32_max(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
LB_INLINE vi32 vi32_and(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, a.v[i] & b.v[i]); }
LB_INLINE vi32 vi32_or(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, a.v[i] | b.v[i]); }
LB_INLINE vi32 vi32_xor(vi32 a, vi32 b) { LB_LANES(vi32, LB_W, a.v[i] ^ b.v[i]); }
LB_INLINE vi32 vi32_shl(vi32 a, int n) { LB_LANES(vi32, LB_W, (int32_t)((uint32_t)a.v[i] << n)); }
LB_INLINE vi32 vi32_shr(vi32 a, int n) { LB_LANES(vi32, LB_W, (int32_t)((uint32_t)a.v[i] >> n)); }
LB_INLINE vi32 vi32_sar(vi32 a, int n) { LB_LANES(vi32, LB_W, a.v[i] >> n); }
LB_INLINE vm32 vi32_eq(vi32 a, vi32 b) { LB_LANES(vm32, LB_W, -(a.v[i] == b.v[i])); }
LB_INLINE vm32 vi32_gt(vi32 a, vi32 b) { LB_LANES(vm32, LB_W, -(a.v[i] > b.v[i])); }
LB_INLINE vi32 vi32_blend(vm32 m, vi32 no, vi32 yes) { LB_LANES(vi32, LB_W, m.v[i] ? yes.v[i] : no.v[i]); }
LB_INLINE vf32 vi32_as_f32(vi32 a) { LB_LANES(vf32, LB_W, lb_bits_float(a.v[i])); }
LB_INLINE vi32 vf32_as_i32(vf32 a) { LB_LANES(vi32, LB_W, lb_float_bits(a.v[i])); }
LB_INLINE vf32 vi32_to_f32(vi32 a) { LB_LANES(vf32, LB_W, (float)a.v[i]); }
LB_INLINE vi32 vf32_to_i32(vf32 a) { LB_LANES(vi32, LB_W, (int32_t)rintf(a.v[i])); }

LB_INLINE vf64 vf64_set1(double a) { LB_LANES(vf64, LB_WD, a); }
LB_INLINE vf64 vf64_load(const double *p) { LB_LANES(vf64, LB_WD, p[i]); }
LB_INLINE void vf64_store(double *p, vf64 a) { memcpy(p, a.v, sizeof a.v); }
LB_INLINE vf64 vf64_low(vf32 a) { LB_LANES(vf64, LB_WD, (double)a.v[i]); }
LB_INLINE vf64 vf64_high(vf32 a) { LB_LANES(vf64, LB_WD, (double)a.v[i + LB_WD]); }
LB_INLINE vf32 vf32_narrow(vf64 low, vf64 high) {
  LB_LANES(vf32, LB_W, (float)(i < LB_WD ? low.v[i] : high.v[i - LB_WD]));
}
LB_INLINE vf64 vf64_add(vf64 a, vf64 b) { LB_LANES(vf64, LB_WD, a.v[i] + b.v[i]); }
LB_INLINE vf64 vf64_sub(vf64 a, vf64 b) { LB_LANES(vf64, LB_WD, a.v[i] - b.v[i]); }
LB_INLINE vf64 vf64_mul(vf64 a, vf64 b) { LB_LANES(vf64, LB_WD, a.v[i] * b.v[i]); }
LB_INLINE vf64 vf64_div(vf64 a, vf64 b) { LB_LANES(vf64, LB_WD, a.v[i] / b.v[i]); }
LB_INLINE vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { LB_LANES(vf64, LB_WD, LB_FMA(a.v[i], b.v[i], c.v[i])); }

LB_INLINE float vf32_sum(vf32 a) {
  for (int half = LB_W / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      a.v[i] += a.v[i + half];
    }
  }
  return a.v[0];
}
LB_INLINE void vf32_sum4(vf32 a, vf32 b, vf32 c, vf32 d, float *out) {
  out[0] = vf32_sum(a);
  out[1] = vf32_sum(b);
  out[2] = vf32_sum(c);
  out[3] = vf32_sum(d);
}
LB_INLINE double vf64_sum(vf64 a) {
  for (int half = LB_WD / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      a.v[i] += a.v[i + half];
    }
  }
  return a.v[0];
}
LB_INLINE float vf32_max_lane(vf32 a) {
  float m = a.v[0];
  for (int i = 1; i < LB_W; i++) {
    m = a.v[i] > m ? a.v[i] : m;
  }
  return m;
}
LB_INLINE float vf32_min_lane(vf32 a) {
  float m = a.v[0];
  for (int i = 1; i < LB_W; i++) {
    m = a.v[i] < m ? a.v[i] : m;
  }
  return m;
}

LB_INLINE void vf32_columns4(const float *p, int64_t stride, vf32 out[4]) {
  for (int i = 0; i < LB_W; i++) {
    for (int c = 0; c < 4; c++) {
      out[c].v[i] = p[i * stride + c];
    }
  }
}

#include "simd_math.h"

#endif
