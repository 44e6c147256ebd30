// SPDX-License-Identifier: Apache-2.0
/* The vector layer (see simd_portable.h for what each name means), AVX-512. */
#ifndef LB_SIMD_H
#define LB_SIMD_H

#include <immintrin.h>
#include <math.h>

#include "../arch.h"

#define LB_FUSED 1
#define LB_LOOKUP 1
#define LB_TIER_SUFFIX avx512
#define LB_W 16
#define LB_WD 8
#define LB_AT_ONCE 6

typedef __m512 vf32;
typedef __m512i vi32;
typedef __m512d vf64;
typedef __mmask16 vm32;

LB_INLINE __mmask16 lb_mask(int64_t n) { return (__mmask16)((1u << n) - 1u); }

LB_INLINE vf32 vf32_set1(float a) { return _mm512_set1_ps(a); }
LB_INLINE vf32 vf32_zero(void) { return _mm512_setzero_ps(); }
LB_INLINE vf32 vf32_load(const float *p) { return _mm512_loadu_ps(p); }
LB_INLINE void vf32_store(float *p, vf32 a) { _mm512_storeu_ps(p, a); }
LB_INLINE void vf32_stream(float *p, vf32 a) { _mm512_stream_ps(p, a); }
LB_INLINE void vf32_stream_end(void) { _mm_sfence(); }
LB_INLINE vf32 vf32_load_n(const float *p, int64_t n, vf32 fill) { return _mm512_mask_loadu_ps(fill, lb_mask(n), p); }
LB_INLINE void vf32_store_n(float *p, vf32 a, int64_t n) { _mm512_mask_storeu_ps(p, lb_mask(n), a); }
LB_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm512_add_ps(a, b); }
LB_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm512_sub_ps(a, b); }
LB_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm512_mul_ps(a, b); }
LB_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm512_div_ps(a, b); }
LB_INLINE vf32 vf32_sqrt(vf32 a) { return _mm512_sqrt_ps(a); }
LB_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm512_fmadd_ps(a, b, c); }
LB_INLINE vf32 vf32_fnma(vf32 a, vf32 b, vf32 c) { return _mm512_fnmadd_ps(a, b, c); }
LB_INLINE vf32 vf32_max(vf32 a, vf32 b) { return _mm512_max_ps(a, b); }
LB_INLINE vf32 vf32_min(vf32 a, vf32 b) { return _mm512_min_ps(a, b); }
LB_INLINE vf32 vf32_abs(vf32 a) { return _mm512_abs_ps(a); }
LB_INLINE vf32 vf32_round(vf32 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

LB_INLINE vm32 vf32_lt(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
LB_INLINE vm32 vf32_le(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
LB_INLINE vm32 vf32_eq(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
LB_INLINE vm32 vf32_nan(vf32 a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
LB_INLINE vf32 vf32_blend(vm32 m, vf32 no, vf32 yes) { return _mm512_mask_blend_ps(m, no, yes); }
LB_INLINE vf32 vf32_keep(vm32 m, vf32 a) { return _mm512_maskz_mov_ps(m, a); }
LB_INLINE vm32 vm32_and(vm32 a, vm32 b) { return (vm32)(a & b); }
LB_INLINE vm32 vm32_or(vm32 a, vm32 b) { return (vm32)(a | b); }
LB_INLINE vm32 vm32_not(vm32 a) { return (vm32)~a; }
LB_INLINE vm32 vm32_first(int64_t n) { return lb_mask(n); }
LB_INLINE uint32_t vm32_bits(vm32 a) { return a; }

LB_INLINE vi32 vi32_set1(int32_t a) { return _mm512_set1_epi32(a); }
LB_INLINE vi32 vi32_load(const int32_t *p) { return _mm512_loadu_si512(p); }
LB_INLINE void vi32_store(int32_t *p, vi32 a) { _mm512_storeu_si512(p, a); }
LB_INLINE vi32 vi32_load_n(const int32_t *p, int64_t n, vi32 fill) { return _mm512_mask_loadu_epi32(fill, lb_mask(n), p); }
LB_INLINE void vi32_store_n(int32_t *p, vi32 a, int64_t n) { _mm512_mask_storeu_epi32(p, lb_mask(n), a); }
LB_INLINE void vi32_store_bytes(void *p, vi32 a) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(a)); }
LB_INLINE void vi32_store_bytes_n(void *p, vi32 a, int64_t n) { _mm512_mask_cvtepi32_storeu_epi8(p, lb_mask(n), a); }
LB_INLINE vi32 vi32_add(vi32 a, vi32 b) { return _mm512_add_epi32(a, b); }
LB_INLINE vi32 vi32_sub(vi32 a, vi32 b) { return _mm512_sub_epi32(a, b); }
LB_INLINE vi32 vi32_mul(vi32 a, vi32 b) { return _mm512_mullo_epi32(a, b); }
LB_INLINE void vi32_mul_wide(vi32 a, vi32 b, vi32 *low, vi32 *high) {
  vi32 even = _mm512_mul_epu32(a, b);
  vi32 odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
  *low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
  *high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
}
LB_INLINE void vi32_transpose4(vi32 r[4]) {
  vi32 a = _mm512_unpacklo_epi32(r[0], r[1]);
  vi32 b = _mm512_unpackhi_epi32(r[0], r[1]);
  vi32 c = _mm512_unpacklo_epi32(r[2], r[3]);
  vi32 d = _mm512_unpackhi_epi32(r[2], r[3]);
  r[0] = _mm512_unpacklo_epi64(a, c);
  r[1] = _mm512_unpackhi_epi64(a, c);
  r[2] = _mm512_unpacklo_epi64(b, d);
  r[3] = _mm512_unpackhi_epi64(b, d);
}
LB_INLINE vi32 vi32_min(vi32 a, vi32 b) { return _mm512_min_epi32(a, b); }
LB_INLINE vi32 vi32_max(vi32 a, vi32 b) { return _mm512_max_epi32(a, b); }
LB_INLINE vi32 vi32_and(vi32 a, vi32 b) { return _mm512_and_si512(a, b); }
LB_INLINE vi32 vi32_or(vi32 a, vi32 b) { return _mm512_or_si512(a, b); }
LB_INLINE vi32 vi32_xor(vi32 a, vi32 b) { return _mm512_xor_si512(a, b); }
#define vi32_shl(a, n) _mm512_slli_epi32(a, n)
#define vi32_shr(a, n) _mm512_srli_epi32(a, n)
#define vi32_sar(a, n) _mm512_srai_epi32(a, n)
LB_INLINE vm32 vi32_eq(vi32 a, vi32 b) { return _mm512_cmpeq_epi32_mask(a, b); }
LB_INLINE vm32 vi32_gt(vi32 a, vi32 b) { return _mm512_cmpgt_epi32_mask(a, b); }
LB_INLINE vi32 vi32_blend(vm32 m, vi32 no, vi32 yes) { return _mm512_mask_blend_epi32(m, no, yes); }
LB_INLINE vi32 vi32_lookup(vi32 index, vi32 table) { return _mm512_permutexvar_epi32(index, table); }
LB_INLINE vf32 vi32_as_f32(vi32 a) { return _mm512_castsi512_ps(a); }
LB_INLINE vi32 vf32_as_i32(vf32 a) { return _mm512_castps_si512(a); }
LB_INLINE vf32 vi32_to_f32(vi32 a) { return _mm512_cvtepi32_ps(a); }
LB_INLINE vi32 vf32_to_i32(vf32 a) { return _mm512_cvtps_epi32(a); }

LB_INLINE vf64 vf64_set1(double a) { return _mm512_set1_pd(a); }
LB_INLINE vf64 vf64_load(const double *p) { return _mm512_loadu_pd(p); }
LB_INLINE void vf64_store(double *p, vf64 a) { _mm512_storeu_pd(p, a); }
LB_INLINE vf64 vf64_low(vf32 a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
LB_INLINE vf64 vf64_high(vf32 a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
LB_INLINE vf32 vf32_narrow(vf64 low, vf64 high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}
LB_INLINE vf64 vf64_add(vf64 a, vf64 b) { return _mm512_add_pd(a, b); }
LB_INLINE vf64 vf64_sub(vf64 a, vf64 b) { return _mm512_sub_pd(a, b); }
LB_INLINE vf64 vf64_mul(vf64 a, vf64 b) { return _mm512_mul_pd(a, b); }
LB_INLINE vf64 vf64_div(vf64 a, vf64 b) { return _mm512_div_pd(a, b); }
LB_INLINE vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return _mm512_fmadd_pd(a, b, c); }

LB_INLINE float vf32_sum(vf32 a) {
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
LB_INLINE void vf32_sum4(vf32 a, vf32 b, vf32 c, vf32 d, float *out) {
  vf32 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  vf32 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
  vf32 q = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  q = _mm512_add_ps(q, _mm512_permute_ps(q, 0x4e));
  q = _mm512_add_ps(q, _mm512_permute_ps(q, 0xb1));
  _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, q)));
}
LB_INLINE double vf64_sum(vf64 a) {
  __m256d h = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
  __m128d q = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}
LB_INLINE float vf32_max_lane(vf32 a) { return _mm512_reduce_max_ps(a); }
LB_INLINE float vf32_min_lane(vf32 a) { return _mm512_reduce_min_ps(a); }

LB_INLINE void vf32_columns4(const float *p, int64_t stride, vf32 out[4]) {
  __m512 rows[4];
  for (int r = 0; r < 4; r++) {
    const float *q = p + r * stride;
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(q));
    v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(q + 4 * stride));
    v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(q + 8 * stride));
    rows[r] = _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(q + 12 * stride));
  }
  __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[0], rows[1]));
  __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[0], rows[1]));
  __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[2], rows[3]));
  __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[2], rows[3]));
  out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
  out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
  out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
  out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
}

#include "simd_math.h"

#endif
