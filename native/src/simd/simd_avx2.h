// SPDX-License-Identifier: Apache-2.0
/* The vector layer (see simd_portable.h for what each name means), AVX2 with FMA. */
#ifndef LB_SIMD_H
#define LB_SIMD_H

#include <immintrin.h>
#include <math.h>

#include "../arch.h"

#define LB_FUSED 1
#define LB_LOOKUP 0
#define LB_TIER_SUFFIX avx2
#define LB_W 8
#define LB_WD 4
#define LB_AT_ONCE 3

typedef __m256 vf32;
typedef __m256i vi32;
typedef __m256d vf64;
typedef __m256 vm32; /* all bits of a lane or none */

LB_INLINE __m256i lb_mask(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

LB_INLINE vf32 vf32_set1(float a) { return _mm256_set1_ps(a); }
LB_INLINE vf32 vf32_zero(void) { return _mm256_setzero_ps(); }
LB_INLINE vf32 vf32_load(const float *p) { return _mm256_loadu_ps(p); }
LB_INLINE void vf32_store(float *p, vf32 a) { _mm256_storeu_ps(p, a); }
LB_INLINE void vf32_stream(float *p, vf32 a) { _mm256_stream_ps(p, a); }
LB_INLINE void vf32_stream_end(void) { _mm_sfence(); }
LB_INLINE vf32 vf32_load_n(const float *p, int64_t n, vf32 fill) {
  __m256i m = lb_mask(n);
  return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, m), _mm256_castsi256_ps(m));
}
LB_INLINE void vf32_store_n(float *p, vf32 a, int64_t n) { _mm256_maskstore_ps(p, lb_mask(n), a); }
LB_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm256_add_ps(a, b); }
LB_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm256_sub_ps(a, b); }
LB_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm256_mul_ps(a, b); }
LB_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm256_div_ps(a, b); }
LB_INLINE vf32 vf32_sqrt(vf32 a) { return _mm256_sqrt_ps(a); }
LB_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm256_fmadd_ps(a, b, c); }
LB_INLINE vf32 vf32_fnma(vf32 a, vf32 b, vf32 c) { return _mm256_fnmadd_ps(a, b, c); }
LB_INLINE vf32 vf32_max(vf32 a, vf32 b) { return _mm256_max_ps(a, b); }
LB_INLINE vf32 vf32_min(vf32 a, vf32 b) { return _mm256_min_ps(a, b); }
LB_INLINE vf32 vf32_abs(vf32 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
LB_INLINE vf32 vf32_round(vf32 a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

LB_INLINE vm32 vf32_lt(vf32 a, vf32 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
LB_INLINE vm32 vf32_le(vf32 a, vf32 b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
LB_INLINE vm32 vf32_eq(vf32 a, vf32 b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
LB_INLINE vm32 vf32_nan(vf32 a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
LB_INLINE vf32 vf32_blend(vm32 m, vf32 no, vf32 yes) { return _mm256_blendv_ps(no, yes, m); }
LB_INLINE vf32 vf32_keep(vm32 m, vf32 a) { return _mm256_and_ps(m, a); }
LB_INLINE vm32 vm32_and(vm32 a, vm32 b) { return _mm256_and_ps(a, b); }
LB_INLINE vm32 vm32_or(vm32 a, vm32 b) { return _mm256_or_ps(a, b); }
LB_INLINE vm32 vm32_not(vm32 a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
LB_INLINE vm32 vm32_first(int64_t n) { return _mm256_castsi256_ps(lb_mask(n)); }
LB_INLINE uint32_t vm32_bits(vm32 a) { return (uint32_t)_mm256_movemask_ps(a); }

LB_INLINE vi32 vi32_set1(int32_t a) { return _mm256_set1_epi32(a); }
LB_INLINE vi32 vi32_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
LB_INLINE void vi32_store(int32_t *p, vi32 a) { _mm256_storeu_si256((__m256i *)p, a); }
LB_INLINE vi32 vi32_load_n(const int32_t *p, int64_t n, vi32 fill) {
  __m256i m = lb_mask(n);
  return _mm256_blendv_epi8(fill, _mm256_maskload_epi32(p, m), m);
}
LB_INLINE void vi32_store_n(int32_t *p, vi32 a, int64_t n) { _mm256_maskstore_epi32(p, lb_mask(n), a); }
LB_INLINE __m128i lb_low_bytes(vi32 a) {
  __m256i b = _mm256_and_si256(a, _mm256_set1_epi32(0xff));
  __m128i w = _mm_packus_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
  return _mm_packus_epi16(w, w);
}
LB_INLINE void vi32_store_bytes(void *p, vi32 a) { _mm_storel_epi64((__m128i *)p, lb_low_bytes(a)); }
LB_INLINE void vi32_store_bytes_n(void *p, vi32 a, int64_t n) {
  uint64_t bytes = (uint64_t)_mm_cvtsi128_si64(lb_low_bytes(a));
  for (int64_t i = 0; i < n; i++) {
    ((uint8_t *)p)[i] = (uint8_t)(bytes >> (8 * i));
  }
}
LB_INLINE vi32 vi32_add(vi32 a, vi32 b) { return _mm256_add_epi32(a, b); }
LB_INLINE vi32 vi32_sub(vi32 a, vi32 b) { return _mm256_sub_epi32(a, b); }
LB_INLINE vi32 vi32_mul(vi32 a, vi32 b) { return _mm256_mullo_epi32(a, b); }
LB_INLINE void vi32_mul_wide(vi32 a, vi32 b, vi32 *low, vi32 *high) {
  vi32 even = _mm256_mul_epu32(a, b);
  vi32 odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
  *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
  *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}
LB_INLINE void vi32_transpose4(vi32 r[4]) {
  vi32 a = _mm256_unpacklo_epi32(r[0], r[1]);
  vi32 b = _mm256_unpackhi_epi32(r[0], r[1]);
  vi32 c = _mm256_unpacklo_epi32(r[2], r[3]);
  vi32 d = _mm256_unpackhi_epi32(r[2], r[3]);
  r[0] = _mm256_unpacklo_epi64(a, c);
  r[1] = _mm256_unpackhi_epi64(a, c);
  r[2] = _mm256_unpacklo_epi64(b, d);
  r[3] = _mm256_unpackhi_epi64(b, d);
}
LB_INLINE vi32 vi32_min(vi32 a, vi32 b) { return _mm256_min_epi32(a, b); }
LB_INLINE vi32 vi32_max(vi32 a, vi32 b) { return _mm256_max_epi32(a, b); }
LB_INLINE vi32 vi32_and(vi32 a, vi32 b) { return _mm256_and_si256(a, b); }
LB_INLINE vi32 vi32_or(vi32 a, vi32 b) { return _mm256_or_si256(a, b); }
LB_INLINE vi32 vi32_xor(vi32 a, vi32 b) { return _mm256_xor_si256(a, b); }
#define vi32_shl(a, n) _mm256_slli_epi32(a, n)
#define vi32_shr(a, n) _mm256_srli_epi32(a, n)
#define vi32_sar(a, n) _mm256_srai_epi32(a, n)
LB_INLINE vm32 vi32_eq(vi32 a, vi32 b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
LB_INLINE vm32 vi32_gt(vi32 a, vi32 b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b)); }
LB_INLINE vi32 vi32_blend(vm32 m, vi32 no, vi32 yes) { return _mm256_blendv_epi8(no, yes, _mm256_castps_si256(m)); }
LB_INLINE vf32 vi32_as_f32(vi32 a) { return _mm256_castsi256_ps(a); }
LB_INLINE vi32 vf32_as_i32(vf32 a) { return _mm256_castps_si256(a); }
LB_INLINE vf32 vi32_to_f32(vi32 a) { return _mm256_cvtepi32_ps(a); }
LB_INLINE vi32 vf32_to_i32(vf32 a) { return _mm256_cvtps_epi32(a); }

LB_INLINE vf64 vf64_set1(double a) { return _mm256_set1_pd(a); }
LB_INLINE vf64 vf64_load(const double *p) { return _mm256_loadu_pd(p); }
LB_INLINE void vf64_store(double *p, vf64 a) { _mm256_storeu_pd(p, a); }
LB_INLINE vf64 vf64_low(vf32 a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
LB_INLINE vf64 vf64_high(vf32 a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
LB_INLINE vf32 vf32_narrow(vf64 low, vf64 high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1);
}
LB_INLINE vf64 vf64_add(vf64 a, vf64 b) { return _mm256_add_pd(a, b); }
LB_INLINE vf64 vf64_sub(vf64 a, vf64 b) { return _mm256_sub_pd(a, b); }
LB_INLINE vf64 vf64_mul(vf64 a, vf64 b) { return _mm256_mul_pd(a, b); }
LB_INLINE vf64 vf64_div(vf64 a, vf64 b) { return _mm256_div_pd(a, b); }
LB_INLINE vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return _mm256_fmadd_pd(a, b, c); }

LB_INLINE float vf32_sum(vf32 a) {
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
LB_INLINE void lb_sum2(vf32 a, vf32 b, float *out) {
  vf32 q = _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  q = _mm256_add_ps(q, _mm256_permute_ps(q, 0x4e));
  q = _mm256_add_ps(q, _mm256_permute_ps(q, 0xb1));
  out[0] = _mm256_cvtss_f32(q);
  out[1] = _mm_cvtss_f32(_mm256_extractf128_ps(q, 1));
}
LB_INLINE void vf32_sum4(vf32 a, vf32 b, vf32 c, vf32 d, float *out) {
  lb_sum2(a, b, out);
  lb_sum2(c, d, out + 2);
}
LB_INLINE double vf64_sum(vf64 a) {
  __m128d q = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}
LB_INLINE float vf32_max_lane(vf32 a) {
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
LB_INLINE float vf32_min_lane(vf32 a) {
  __m128 q = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  q = _mm_min_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_min_ss(q, _mm_movehdup_ps(q)));
}

LB_INLINE void vf32_columns4(const float *p, int64_t stride, vf32 out[4]) {
  __m256 rows[4];
  for (int r = 0; r < 4; r++) {
    __m256 v = _mm256_castps128_ps256(_mm_loadu_ps(p + r * stride));
    rows[r] = _mm256_insertf128_ps(v, _mm_loadu_ps(p + (r + 4) * stride), 1);
  }
  __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[0], rows[1]));
  __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[0], rows[1]));
  __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[2], rows[3]));
  __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[2], rows[3]));
  out[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23));
  out[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23));
  out[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23));
  out[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23));
}

#include "simd_math.h"

#endif
