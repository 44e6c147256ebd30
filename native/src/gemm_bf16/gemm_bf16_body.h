// SPDX-License-Identifier: Apache-2.0
/*
 * gemm_bf16. C = act(alpha op(A) op(B) + beta C + bias).
 *
 * A bf16 [m, k] or [k, m], B bf16 [k, n] or [n, k], C f32 [m, n], bias f32 [n], any row stride. beta = 0 does not read C;
 * k = 0 makes the product 0. NaN and infinities spread by the rules of arithmetic.
 * Sums in float, in the order of k; k may be cut into parts, which are added to C in order: error of an element below
 * (k + 8) u S. One thread, blocks of C. 2 m n k flops.
 *
 * With BF16 instructions a word holds two elements; they add two exact products at a time and count subnormal numbers as 0.
 * Else a word holds an element as a float. Tails: filled up with zeros; stores are masked. Few rows or columns: see few.h.
 */
#include "../simd/simd_rows.h"
#include "gemm_bf16.h"

#define WORDS_CALL GemmBf16
typedef vf32 vacc;

#include "../simd/simd_bytes.h"

/* See simd_bytes.h. */
LB_PLAIN_LOOPS

#ifdef __AVX512BF16__
#define BF16_PER_WORD 2
#else
#define BF16_PER_WORD 1
#endif

LB_INLINE vf32 vacc_start(int32_t start) {
  (void)start;
  return vf32_zero();
}

LB_INLINE vf32 vacc_dot(vf32 sum, vi32 a, vi32 b) {
#ifdef __AVX512BF16__
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#else
  return vf32_fma(vi32_as_f32(a), vi32_as_f32(b), sum);
#endif
}

LB_INLINE float *words_at(const GemmBf16 *g, int64_t i, int64_t j) { return g->c + i * g->ldc + j; }

LB_INLINE void words_store(const GemmBf16 *g, int64_t i, int64_t j, int64_t n, vf32 sum) {
  float *at = words_at(g, i, j);
  vf32 value = vf32_mul(vf32_set1(g->alpha), sum);
  if (!g->begins) {
    value = vf32_fma(vf32_set1(g->alpha), sum, vf32_load_n(at, n, vf32_zero()));
  } else if (g->beta != 0) {
    vf32 before = vf32_mul(vf32_set1(g->beta), vf32_load_n(at, n, vf32_zero()));
    value = vf32_fma(vf32_set1(g->alpha), sum, before);
  }
  if (g->ends && (g->options & (LB_GEMM_BIAS | LB_GEMM_BIAS_GELU | LB_GEMM_BIAS_RELU))) {
    value = vf32_add(value, vf32_load_n(g->bias + j, n, vf32_zero()));
    if (g->options & LB_GEMM_BIAS_RELU) {
      /* max gives its second argument for NaN. */
      value = vf32_max(vf32_zero(), value);
    }
  }
  vf32_store_n(at, value, n);
}

#include "../simd/words.h"

LB_INLINE int64_t bf16_words(int64_t depth) { return (depth + BF16_PER_WORD - 1) / BF16_PER_WORD; }

/* gelu of a block of C. */
static void bf16_gelu(const GemmBf16 *g, int64_t from, int64_t to, int64_t col_from, int64_t col_to) {
  float *c = g->c + col_from;
  lb_rows_1(LB_AT_ONCE, vf32_gelu_each, c, g->ldc, c, g->ldc, from, to, col_to - col_from);
}

/* Lines of elements of sums become columns of words. */
static void bf16_turn(const uint16_t *from, int64_t stride, int64_t depth, int64_t lines, int32_t *to, int64_t step) {
#ifdef __AVX512BF16__
  words_turn(from, 2 * stride, 2 * depth, lines, to, step, 0, LB_NR * 2 * stride);
#else
  for (int64_t l = 0; l < lines; l++) {
    for (int64_t p = 0; p < depth; p++) {
      to[p * step + l] = (int32_t)((uint32_t)from[l * stride + p] << 16);
    }
  }
#endif
}

/* n <= LB_W elements of a row, widened. */
LB_INLINE vi32 bf16_row(const uint16_t *from, int64_t n) {
  uint16_t part[LB_W];
  if (n < LB_W) {
    memset(part, 0, sizeof part);
    memcpy(part, from, (size_t)n * sizeof(uint16_t));
    return vi32_load_u16(part);
  }
  return vi32_load_u16(from);
}

/* Rows of one element of each sum become rows of words. */
static void bf16_rows(const uint16_t *from, int64_t stride, int64_t depth, int64_t lines, int32_t *to, int64_t step) {
  for (int64_t p = 0; p < depth; p += BF16_PER_WORD) {
    const uint16_t *row = from + p * stride;
    for (int64_t l = 0; l < lines; l += LB_W) {
      int64_t n = lb_min(LB_W, lines - l);
#ifdef __AVX512BF16__
      vi32 word = bf16_row(row + l, n);
      word = p + 1 < depth ? vi32_or(word, vi32_shl(bf16_row(row + stride + l, n), 16)) : word;
#else
      vi32 word = vi32_shl(bf16_row(row + l, n), 16);
#endif
      vi32_store_n(to + l, word, n);
    }
    to += step;
  }
}

/* Packs rows of op(A) or columns of op(B); turn tells that the elements of a sum are neighbours in memory. */
int32_t LB_TIER(lb_gemm_bf16_pack)(int by_rows, int turn, const uint16_t *restrict x, int64_t stride,
                                   int32_t *restrict packed, int64_t from, int64_t to, int64_t depth) {
  int64_t words = bf16_words(depth);
  int64_t most = by_rows ? LB_MR : LB_NR;
  for (int64_t i = from; i < to; i += most) {
    int64_t lines = lb_min(most, to - i);
    int64_t step = by_rows ? lines : most;
    int32_t *tile;
    if (by_rows) {
      tile = packed + words_rows_at(i, words) + WORDS_HEAD + i % WORDS_ROWS * words;
    } else {
      tile = packed + words_cols_at(i, words) + i % WORDS_COLS * words;
      words_clear(tile, step, lines, words);
    }
    if (turn) {
      bf16_turn(x + i * stride, stride, depth, lines, tile, step);
    } else {
      bf16_rows(x + i, stride, depth, lines, tile, step);
    }
  }
  return LB_OK;
}

int32_t LB_TIER(lb_gemm_bf16)(const GemmBf16 *g, const int32_t *packed_a, const int32_t *packed_b, int64_t from, int64_t to,
                              int64_t col_from, int64_t col_to, int64_t depth) {
  words_multiply(g, bf16_words(depth), packed_a, packed_b, from, to, col_from, col_to);
  if (g->ends && (g->options & LB_GEMM_BIAS_GELU)) {
    bf16_gelu(g, from, to, col_from, col_to);
  }
  return LB_OK;
}

#define FEW_TYPE uint16_t
#define FEW_PER_WORD BF16_PER_WORD
#define FEW_FLIP 0
#define FEW_RAW (BF16_PER_WORD == 2)

LB_INLINE vi32 few_load(const uint16_t *from) {
#if FEW_RAW
  return vi32_load((const int32_t *)(const void *)from);
#else
  return vi32_shl(vi32_load_u16(from), 16);
#endif
}

LB_INLINE int32_t few_start(const int32_t *line, int64_t k) {
  (void)line, (void)k;
  return 0;
}

LB_INLINE vf32 few_begin(vf32 sum, vi32 start) {
  (void)start;
  return sum;
}

LB_INLINE vf32 vacc_of(vi32 words) { return vi32_as_f32(words); }
LB_INLINE vi32 vacc_words(vf32 sum) { return vf32_as_i32(sum); }

LB_INLINE void vacc_sum4(vf32 a, vf32 b, vf32 c, vf32 d, int32_t *to) {
  float sums[4];
  vf32_sum4(a, b, c, d, sums);
  for (int i = 0; i < 4; i++) {
    float before;
    memcpy(&before, to + i, sizeof before);
    sums[i] += before;
  }
  memcpy(to, sums, sizeof sums);
}

#include "../simd/few.h"

int32_t LB_TIER(lb_gemm_bf16_few)(const Few *few, const GemmBf16 *g, int64_t from, int64_t to) {
  few_multiply(few, g, from, to);
  if (g->options & LB_GEMM_BIAS_GELU) {
    bf16_gelu(g, few->turned ? from : 0, few->turned ? to : few->lines, few->turned ? 0 : from, few->turned ? few->lines : to);
  }
  return LB_OK;
}
