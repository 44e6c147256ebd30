// SPDX-License-Identifier: Apache-2.0
/*
 * gemm_i8. C = A op(B), or sum row_scale_i col_scale_j + bias_j.
 *
 * A i8 [m, k], B i8 [k, n] or [n, k], C i32 or f32 [m, n], scales and bias f32. All values, -128 included.
 * Sums are exact: intermediate ones are taken modulo 2^32. Floats take four roundings. One thread, blocks of C; k may be cut
 * into parts, whose int32 sums wait in C. 2 m n k operations.
 *
 * With VNNI a word holds four bytes; the dot product wants those of one factor unsigned: b + 128 is packed, and sums begin at
 * -128 times the sum of the row of A. Else a word holds two elements as int16_t. Tails: filled up with zeros in A, whatever B
 * then holds; stores are masked. Few rows or columns: see few.h; the unsigned factor is then the large operand.
 */
#include "gemm_i8.h"

#define WORDS_CALL GemmI8
typedef vi32 vacc;

#include "../simd/simd_bytes.h"

/* See simd_bytes.h. */
LB_PLAIN_LOOPS

#ifdef __AVX512VNNI__
#define I8_PER_WORD 4
#define I8_FLIP ((int32_t)0x80808080)
#else
#define I8_PER_WORD 2
#define I8_FLIP 0
#endif

LB_INLINE vi32 vacc_start(int32_t start) { return vi32_set1(start); }

LB_INLINE vi32 vacc_dot(vi32 sum, vi32 a, vi32 b) {
#ifdef __AVX512VNNI__
  return vi32_dot(sum, b, a);
#else
  return vi32_madd(sum, a, b);
#endif
}

LB_INLINE char *words_at(const GemmI8 *g, int64_t i, int64_t j) { return g->c + (i * g->ldc + j) * 4; }

LB_INLINE void words_store(const GemmI8 *g, int64_t i, int64_t j, int64_t n, vi32 sum) {
  char *at = words_at(g, i, j);
  if (!g->begins) {
    sum = vi32_add(sum, vi32_load_n((const int32_t *)(const void *)at, n, vi32_set1(0)));
  }
  if (!g->scales) {
    vi32_store_n((int32_t *)(void *)at, sum, n);
    return;
  }
  vf32 value = vf32_mul(vi32_to_f32(sum), vf32_set1(g->row_scale[i]));
  value = vf32_mul(value, vf32_load_n(g->col_scale + j, n, vf32_zero()));
  if (g->bias != NULL) {
    value = vf32_add(value, vf32_load_n(g->bias + j, n, vf32_zero()));
  }
  vf32_store_n((float *)(void *)at, value, n);
}

#include "../simd/words.h"

LB_INLINE int64_t i8_words(int64_t depth) { return (depth + I8_PER_WORD - 1) / I8_PER_WORD; }

/* Lines of elements of sums become columns of words. */
static void i8_turn(const int8_t *from, int64_t stride, int64_t depth, int64_t lines, int32_t *to, int64_t step,
                    int32_t flip) {
#ifdef __AVX512VNNI__
  words_turn(from, stride, depth, lines, to, step, flip, LB_NR * stride);
#else
  (void)flip;
  for (int64_t l = 0; l < lines; l++) {
    for (int64_t p = 0; p < depth; p += 2) {
      int32_t high = p + 1 < depth ? from[l * stride + p + 1] : 0;
      to[p / 2 * step + l] = (int32_t)((uint32_t)high << 16 | (uint16_t)from[l * stride + p]);
    }
  }
#endif
}

/* Where the sums of a row of A begin. */
static int32_t i8_start(const int8_t *row, int64_t depth) {
#ifdef __AVX512VNNI__
  vi32 sums = vi32_set1(0);
  int64_t p = 0;
  for (; p + LB_VB <= depth; p += LB_VB) {
    sums = vi32_dot(sums, vi32_set1(0x01010101), vi32_load((const int32_t *)(const void *)(row + p)));
  }
  uint32_t sum = (uint32_t)_mm512_reduce_add_epi32(sums);
  for (; p < depth; p++) {
    sum += (uint32_t)row[p];
  }
  return (int32_t)(0u - 128u * sum);
#else
  (void)row;
  (void)depth;
  return 0;
#endif
}

int32_t LB_TIER(lb_gemm_i8_pack_a)(const int8_t *restrict a, int64_t lda, int32_t *restrict packed, int64_t from, int64_t to,
                                   int64_t depth) {
  int64_t words = i8_words(depth);
  for (int64_t i = from; i < to; i += LB_MR) {
    int32_t *block = packed + words_rows_at(i, words);
    int64_t rows = lb_min(LB_MR, to - i);
    for (int64_t r = 0; r < rows; r++) {
      block[i % WORDS_ROWS + r] = i8_start(a + (i + r) * lda, depth);
    }
    i8_turn(a + i * lda, lda, depth, rows, block + WORDS_HEAD + i % WORDS_ROWS * words, rows, 0);
  }
  return LB_OK;
}

/* n <= LB_W bytes of a row, widened. */
LB_INLINE vi32 i8_row(const int8_t *from, int64_t n) {
  uint8_t part[LB_W];
  if (n < LB_W) {
    memset(part, 0, sizeof part);
    memcpy(part, from, (size_t)n);
    return vi32_load_u8(part);
  }
  return vi32_load_u8((const uint8_t *)from);
}

/* Rows [p, p + I8_PER_WORD) of B, as far as there are, as the words of n <= LB_W columns. */
LB_INLINE vi32 i8_words_of_rows(const int8_t *from, int64_t ldb, int64_t rows, int64_t n) {
#ifdef __AVX512VNNI__
  vi32 word = i8_row(from, n);
  word = rows > 1 ? vi32_or(word, vi32_shl(i8_row(from + ldb, n), 8)) : word;
  word = rows > 2 ? vi32_or(word, vi32_shl(i8_row(from + 2 * ldb, n), 16)) : word;
  word = rows > 3 ? vi32_or(word, vi32_shl(i8_row(from + 3 * ldb, n), 24)) : word;
  return vi32_xor(word, vi32_set1(I8_FLIP));
#else
  vi32 low = vi32_shr(vi32_sar(vi32_shl(i8_row(from, n), 24), 8), 16);
  return rows > 1 ? vi32_or(low, vi32_shl(vi32_sar(vi32_shl(i8_row(from + ldb, n), 24), 24), 16)) : low;
#endif
}

int32_t LB_TIER(lb_gemm_i8_pack_b)(int32_t options, const int8_t *restrict b, int64_t ldb, int32_t *restrict packed,
                                   int64_t from, int64_t to, int64_t depth) {
  int64_t words = i8_words(depth);
  for (int64_t j = from; j < to; j += LB_NR) {
    int32_t *strip = packed + words_cols_at(j, words) + j % WORDS_COLS * words;
    int64_t cols = lb_min(LB_NR, to - j);
    words_clear(strip, LB_NR, cols, words);
    if (options & LB_GEMM_TRANS_B) {
      i8_turn(b + j * ldb, ldb, depth, cols, strip, LB_NR, I8_FLIP);
      continue;
    }
    for (int64_t p = 0; p < depth; p += I8_PER_WORD) {
      const int8_t *row = b + p * ldb + j;
      for (int64_t c = 0; c < cols; c += LB_W) {
        vi32 word = i8_words_of_rows(row + c, ldb, depth - p, lb_min(LB_W, cols - c));
        vi32_store(strip + p / I8_PER_WORD * LB_NR + c, word);
      }
    }
  }
  return LB_OK;
}

int32_t LB_TIER(lb_gemm_i8)(const GemmI8 *g, const int32_t *packed_a, const int32_t *packed_b, int64_t from, int64_t to,
                            int64_t col_from, int64_t col_to, int64_t depth) {
  words_multiply(g, i8_words(depth), packed_a, packed_b, from, to, col_from, col_to);
  return LB_OK;
}

#define FEW_TYPE int8_t
#define FEW_PER_WORD I8_PER_WORD
#define FEW_FLIP I8_FLIP
#define FEW_RAW (I8_PER_WORD == 4)

LB_INLINE vi32 few_load(const int8_t *from) {
#if FEW_RAW
  return vi32_load((const int32_t *)(const void *)from);
#else
  return vi32_load_i8(from);
#endif
}

LB_INLINE int32_t few_start(const int32_t *line, int64_t k) { return i8_start((const int8_t *)line, k); }
LB_INLINE vi32 few_begin(vi32 sum, vi32 start) { return vi32_add(sum, start); }
LB_INLINE vi32 vacc_of(vi32 words) { return words; }
LB_INLINE vi32 vacc_words(vi32 sum) { return sum; }

LB_INLINE void vacc_sum4(vi32 a, vi32 b, vi32 c, vi32 d, int32_t *to) {
#ifdef __AVX2__
  __m128i before = _mm_loadu_si128((const __m128i *)to);
  _mm_storeu_si128((__m128i *)to, _mm_add_epi32(before, vi32_sum4(a, b, c, d)));
#else
  for (int i = 0; i < LB_W; i++) {
    vi32 lanes = {{a.v[i], b.v[i], c.v[i], d.v[i]}};
    vi32_store_n(to, vi32_add(vi32_load_n(to, 4, lanes), lanes), 4);
  }
#endif
}

#include "../simd/few.h"

int32_t LB_TIER(lb_gemm_i8_few)(const Few *few, const GemmI8 *g, int64_t from, int64_t to) {
  few_multiply(few, g, from, to);
  return LB_OK;
}
