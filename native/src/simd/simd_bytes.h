// SPDX-License-Identifier: Apache-2.0
/*
 * What kernels over bytes need beside the vector layer; included after it. A vi32 is also a vector of LB_VB bytes.
 *
 * - vi32_load_u8 and vi32_load_u16 widen LB_W unsigned numbers. vf32_lookup takes lane (index mod LB_W) of a table.
 * - vi32_madd(sum, a, b) adds to each lane the products of its two int16_t of a and of b.
 * - vi32_dot(sum, u, s), not in the portable tier: adds to each lane the products of its four unsigned bytes of u and signed
 *   bytes of s. Neighbouring products must add up to an int16_t where there is no VNNI.
 * - vi32_sar_by, not in the portable tier: a shift by a variable number of bits.
 * - vi32_sum4, not in the portable tier: the sums of the lanes of four vectors.
 * - vi32_load_i8 widens 2 LB_W signed bytes to int16_t.
 * - vi32_mix_halves(a, b, out) pairs halves: of every eight, the first four pairs are in out[0], the others in out[1].
 * - vi32_mix_bytes(rows, out), with LB_W = 16 only: of every sixteen bytes of four rows, the first four quads, one byte of each
 *   row, are in out[0], the next in out[1], and so on.
 */
#ifndef LB_SIMD_BYTES_H
#define LB_SIMD_BYTES_H

#define LB_VB (4 * LB_W)

/*
 * For files whose tiles live in arrays of accumulators: partial redundancy elimination in GCC 12 takes them apart into copies,
 * one in registers and one in memory that each turn of the loop stores to.
 */
#if defined(__GNUC__) && !defined(__clang__)
#define LB_PLAIN_LOOPS _Pragma("GCC optimize(\"no-tree-pre\")")
#else
#define LB_PLAIN_LOOPS
#endif

#if LB_W == 16

LB_INLINE vi32 vi32_load_u8(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
LB_INLINE vi32 vi32_load_u16(const uint16_t *p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
LB_INLINE vf32 vf32_lookup(vf32 table, vi32 index) { return _mm512_permutexvar_ps(index, table); }
LB_INLINE vi32 vi32_madd(vi32 sum, vi32 a, vi32 b) { return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b)); }

LB_INLINE vi32 vi32_dot(vi32 sum, vi32 u, vi32 s) {
#ifdef __AVX512VNNI__
  return _mm512_dpbusd_epi32(sum, u, s);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(u, s), _mm512_set1_epi16(1)));
#endif
}

LB_INLINE vi32 vi32_load_i8(const int8_t *p) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
LB_INLINE void vi32_mix_halves(vi32 a, vi32 b, vi32 out[2]) {
  out[0] = _mm512_unpacklo_epi16(a, b);
  out[1] = _mm512_unpackhi_epi16(a, b);
}
LB_INLINE void vi32_mix_bytes(const vi32 rows[4], vi32 out[4]) {
  vi32_mix_halves(_mm512_unpacklo_epi8(rows[0], rows[1]), _mm512_unpacklo_epi8(rows[2], rows[3]), out);
  vi32_mix_halves(_mm512_unpackhi_epi8(rows[0], rows[1]), _mm512_unpackhi_epi8(rows[2], rows[3]), out + 2);
}

LB_INLINE vi32 vi32_sar_by(vi32 a, int n) { return _mm512_sra_epi32(a, _mm_cvtsi32_si128(n)); }

LB_INLINE __m128i vi32_sum4(vi32 a, vi32 b, vi32 c, vi32 d) {
  vi32 ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  vi32 cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  vi32 all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

#elif defined(__AVX2__)

LB_INLINE vi32 vi32_load_u8(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
LB_INLINE vi32 vi32_load_u16(const uint16_t *p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)); }
LB_INLINE vf32 vf32_lookup(vf32 table, vi32 index) { return _mm256_permutevar8x32_ps(table, index); }
LB_INLINE vi32 vi32_madd(vi32 sum, vi32 a, vi32 b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

LB_INLINE vi32 vi32_dot(vi32 sum, vi32 u, vi32 s) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
}

LB_INLINE vi32 vi32_load_i8(const int8_t *p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)); }
LB_INLINE void vi32_mix_halves(vi32 a, vi32 b, vi32 out[2]) {
  out[0] = _mm256_unpacklo_epi16(a, b);
  out[1] = _mm256_unpackhi_epi16(a, b);
}

LB_INLINE vi32 vi32_sar_by(vi32 a, int n) { return _mm256_sra_epi32(a, _mm_cvtsi32_si128(n)); }

LB_INLINE __m128i vi32_sum4(vi32 a, vi32 b, vi32 c, vi32 d) {
  vi32 all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

#else

LB_INLINE vi32 vi32_load_u8(const uint8_t *p) { LB_LANES(vi32, LB_W, p[i]); }
LB_INLINE vi32 vi32_load_u16(const uint16_t *p) { LB_LANES(vi32, LB_W, p[i]); }
LB_INLINE vi32 vi32_madd(vi32 sum, vi32 a, vi32 b) {
  LB_LANES(vi32, LB_W,
           (int32_t)((uint32_t)sum.v[i] + (uint32_t)((int16_t)a.v[i] * (int16_t)b.v[i]) +
                     (uint32_t)((a.v[i] >> 16) * (b.v[i] >> 16))));
}
LB_INLINE vi32 vi32_load_i8(const int8_t *p) {
  LB_LANES(vi32, LB_W, (int32_t)((uint32_t)p[2 * i + 1] << 16 | (uint16_t)p[2 * i]));
}
LB_INLINE int32_t lb_halves(const vi32 *a, const vi32 *b, int half) {
  int shift = half % 2 * 16;
  uint32_t low = (uint32_t)a->v[half / 2] >> shift & 0xffff;
  return (int32_t)(((uint32_t)b->v[half / 2] >> shift) << 16 | low);
}
LB_INLINE void vi32_mix_halves(vi32 a, vi32 b, vi32 out[2]) {
  for (int i = 0; i < LB_W; i++) {
    out[0].v[i] = lb_halves(&a, &b, i / 4 * 8 + i % 4);
    out[1].v[i] = lb_halves(&a, &b, i / 4 * 8 + 4 + i % 4);
  }
}
LB_INLINE vf32 vf32_lookup(vf32 table, vi32 index) { LB_LANES(vf32, LB_W, table.v[index.v[i] & (LB_W - 1)]); }

#endif

#endif
