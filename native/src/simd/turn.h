// SPDX-License-Identifier: Apache-2.0
/* Lines of words of 32 bits, which may lie at any byte, turned into columns. Included after the vector layer; x86 only. */
#ifndef LB_TURN_H
#define LB_TURN_H

#include <string.h>

#if defined(__AVX2__)

LB_INLINE __m128i turn_load(const char *from) { return _mm_loadu_si128((const __m128i *)from); }

/* Copies four words of each of four lines to places `step` words apart. */
LB_INLINE void turn_4_lines(const char *from, int64_t stride, int32_t *to, int64_t step, int32_t flip) {
  __m128i x = _mm_set1_epi32(flip);
  __m128i l0 = _mm_xor_si128(x, turn_load(from));
  __m128i l1 = _mm_xor_si128(x, turn_load(from + stride));
  __m128i l2 = _mm_xor_si128(x, turn_load(from + 2 * stride));
  __m128i l3 = _mm_xor_si128(x, turn_load(from + 3 * stride));
  __m128i low01 = _mm_unpacklo_epi32(l0, l1);
  __m128i low23 = _mm_unpacklo_epi32(l2, l3);
  __m128i high01 = _mm_unpackhi_epi32(l0, l1);
  __m128i high23 = _mm_unpackhi_epi32(l2, l3);
  _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi64(low01, low23));
  _mm_storeu_si128((__m128i *)(to + step), _mm_unpackhi_epi64(low01, low23));
  _mm_storeu_si128((__m128i *)(to + 2 * step), _mm_unpacklo_epi64(high01, high23));
  _mm_storeu_si128((__m128i *)(to + 3 * step), _mm_unpackhi_epi64(high01, high23));
}

#if LB_W == 16

/* The same of N lines, 12 or 16: each lane of 128 bits turns four of them. */
LB_INLINE void turn_many_lines(const int N, const char *from, int64_t stride, int32_t *to, int64_t step, int32_t flip) {
  __m512i lines[4];
  LB_UNROLL
  for (int r = 0; r < 4; r++) {
    const char *line = from + r * stride;
    __m512i v = _mm512_castsi128_si512(turn_load(line));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, turn_load(line + 4 * stride));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, turn_load(line + 8 * stride));
    if (N == 16) {
      v = _mm512_mask_broadcast_i32x4(v, 0xf000, turn_load(line + 12 * stride));
    }
    lines[r] = _mm512_xor_si512(v, _mm512_set1_epi32(flip));
  }
  __m512i low01 = _mm512_unpacklo_epi32(lines[0], lines[1]);
  __m512i low23 = _mm512_unpacklo_epi32(lines[2], lines[3]);
  __m512i high01 = _mm512_unpackhi_epi32(lines[0], lines[1]);
  __m512i high23 = _mm512_unpackhi_epi32(lines[2], lines[3]);
  vi32_store_n(to, _mm512_unpacklo_epi64(low01, low23), N);
  vi32_store_n(to + step, _mm512_unpackhi_epi64(low01, low23), N);
  vi32_store_n(to + 2 * step, _mm512_unpacklo_epi64(high01, high23), N);
  vi32_store_n(to + 3 * step, _mm512_unpackhi_epi64(high01, high23), N);
}

#endif

/* Turns `words` words of N lines, a multiple of 4, and fetches those `ahead` bytes further, each piece of 64 bytes once. */
LB_INLINE void turn_lines(const int N, const char *from, int64_t stride, int64_t words, int32_t *to, int64_t step,
                          int32_t flip, int64_t ahead) {
  for (int64_t w = 0; w < words; w += 4) {
#if LB_W == 16
    if (N >= 12) {
      turn_many_lines(N, from + 4 * w, stride, to + w * step, step, flip);
    }
#endif
    if (N == 4) {
      turn_4_lines(from + 4 * w, stride, to + w * step, step, flip);
    }
    const char *next = from + 4 * w + ahead + w % 16 / 4 * (N / 4) * stride;
    LB_UNROLL
    for (int r = 0; r < N / 4; r++) {
      LB_PREFETCH_FAR(next + r * stride);
    }
  }
}

/*
 * Copies lines of `bytes` bytes, `stride` bytes apart, as words: line l to column l of rows of `step` words. A last part of a
 * word is filled up with zero bytes; every word is then xored with flip. Lines that begin `ahead` bytes further are fetched.
 */
static inline void words_turn(const void *source, int64_t stride, int64_t bytes, int64_t lines, int32_t *to, int64_t step,
                              int32_t flip, int64_t ahead) {
  int64_t quads = bytes / 16 * 4;
  int64_t words = (bytes + 3) / 4;
  int64_t together;
  for (int64_t l = 0; l < lines; l += together) {
    const char *from = (const char *)source + l * stride;
    int64_t done = quads;
    if (LB_W == 16 && lines - l >= 16) {
      together = 16;
      turn_lines(16, from, stride, quads, to + l, step, flip, ahead);
    } else if (LB_W == 16 && lines - l >= 12) {
      together = 12;
      turn_lines(12, from, stride, quads, to + l, step, flip, ahead);
    } else if (lines - l >= 4) {
      together = 4;
      turn_lines(4, from, stride, quads, to + l, step, flip, ahead);
    } else {
      together = 1;
      done = 0;
    }
    for (int64_t r = 0; r < together; r++) {
      for (int64_t w = done; w < words; w++) {
        int32_t word = 0;
        memcpy(&word, from + r * stride + 4 * w, (size_t)lb_min(4, bytes - 4 * w));
        to[w * step + l + r] = word ^ flip;
      }
    }
  }
}

#endif

#endif
