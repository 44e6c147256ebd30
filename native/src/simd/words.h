// SPDX-License-Identifier: Apache-2.0
/*
 * Products of packed matrices whose elements are words of 32 bits: a float, two bfloat16 or int16_t, four bytes. A stem
 * defines, before it includes this:
 *
 * - WORDS_CALL, the type of a call, and vacc, a vector of LB_W sums
 * - vacc_start(start) for the first value of the sums of a row, an int32_t
 * - vacc_dot(sum, a, b), the products of the words of two vi32 added to sum
 * - words_at(call, i, j), the address of element (i, j) of C
 * - words_store(call, i, j, n, sum), which takes the n <= LB_W sums from element (i, j) on
 *
 * Packed rows: blocks of WORDS_ROWS rows; a block has WORDS_HEAD words, of which the first WORDS_ROWS are the starts of its
 * rows, then its tiles of LB_MR rows, each word after word. Only the last tile of the last block is lower.
 * Packed columns: panels of WORDS_COLS columns, filled up with zeros, each made of strips of LB_NR columns, word after word.
 */
#ifndef LB_WORDS_H
#define LB_WORDS_H

#include "simd_bytes.h"
#include "turn.h"

#define WORDS_ROWS 12
#define WORDS_COLS 32
#define WORDS_HEAD 16

/* The tile: as many accumulators as registers allow beside those of the columns and one of the rows. */
#if LB_W == 16
#define LB_MR 12
#define LB_NV 2
#elif defined(__AVX2__)
#define LB_MR 6
#define LB_NV 2
#else
#define LB_MR 4
#define LB_NV 1
#endif
#define LB_NR (LB_NV * LB_W)

/* Where a block of packed rows and a panel of packed columns begin, in words. */
LB_INLINE int64_t words_rows_at(int64_t row, int64_t words) { return row / WORDS_ROWS * (WORDS_HEAD + WORDS_ROWS * words); }
LB_INLINE int64_t words_cols_at(int64_t col, int64_t words) { return col / WORDS_COLS * (WORDS_COLS * words); }

LB_INLINE void words_tile(const int R, const WORDS_CALL *call, int64_t words, const int32_t *restrict start,
                          const int32_t *restrict a, const int32_t *restrict b, int64_t i, int64_t j, int64_t cols) {
  vacc acc[LB_MR][LB_NV];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    LB_UNROLL
    for (int v = 0; v < LB_NV; v++) {
      acc[r][v] = vacc_start(start[r]);
      /* Rows of C are far from each other: nothing else brings them near before the stores. */
      if (v * LB_W < cols) {
        LB_PREFETCH_WRITE(words_at(call, i + r, j + v * LB_W));
      }
    }
  }
  for (int64_t p = 0; p < words; p++) {
    vi32 bs[LB_NV];
    LB_UNROLL
    for (int v = 0; v < LB_NV; v++) {
      bs[v] = vi32_load(b + v * LB_W);
    }
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      vi32 as = vi32_set1(a[r]);
      LB_UNROLL
      for (int v = 0; v < LB_NV; v++) {
        acc[r][v] = vacc_dot(acc[r][v], as, bs[v]);
      }
    }
    a += R;
    b += LB_NR;
  }
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    LB_UNROLL
    for (int v = 0; v < LB_NV; v++) {
      if (v * LB_W < cols) {
        words_store(call, i + r, j + v * LB_W, lb_min(LB_W, cols - v * LB_W), acc[r][v]);
      }
    }
  }
}

typedef void WordsTile(const WORDS_CALL *call, int64_t words, const int32_t *restrict start, const int32_t *restrict a,
                       const int32_t *restrict b, int64_t i, int64_t j, int64_t cols);

#define WORDS_TILE(R)                                                                                               \
  LB_NOINLINE void words_tile_##R(const WORDS_CALL *call, int64_t words, const int32_t *restrict start,             \
                                  const int32_t *restrict a, const int32_t *restrict b, int64_t i, int64_t j,       \
                                  int64_t cols) {                                                                   \
    words_tile(R, call, words, start, a, b, i, j, cols);                                                            \
  }

WORDS_TILE(1)
WORDS_TILE(2)
WORDS_TILE(3)
WORDS_TILE(4)
#if LB_MR >= 6
WORDS_TILE(5)
WORDS_TILE(6)
#endif
#if LB_MR >= 12
WORDS_TILE(7)
WORDS_TILE(8)
WORDS_TILE(9)
WORDS_TILE(10)
WORDS_TILE(11)
WORDS_TILE(12)
#endif

static WordsTile *const WORDS_TILES[LB_MR] = {
    words_tile_1, words_tile_2, words_tile_3, words_tile_4,
#if LB_MR >= 6
    words_tile_5, words_tile_6,
#endif
#if LB_MR >= 12
    words_tile_7, words_tile_8, words_tile_9, words_tile_10, words_tile_11, words_tile_12,
#endif
};

/*
 * The rows [from, to) and columns [col_from, col_to) of a product; from and col_from are multiples of WORDS_ROWS and
 * WORDS_COLS, to and col_to also, or the ends of the packed operands.
 */
static void words_multiply(const WORDS_CALL *call, int64_t words, const int32_t *rows, const int32_t *cols, int64_t from,
                           int64_t to, int64_t col_from, int64_t col_to) {
  for (int64_t j = col_from; j < col_to; j += LB_NR) {
    const int32_t *b = cols + words_cols_at(j, words) + j % WORDS_COLS * words;
    for (int64_t i = from; i < to; i += LB_MR) {
      const int32_t *block = rows + words_rows_at(i, words);
      const int32_t *a = block + WORDS_HEAD + i % WORDS_ROWS * words;
      WORDS_TILES[lb_min(LB_MR, to - i) - 1](call, words, block + i % WORDS_ROWS, a, b, i, j, lb_min(LB_NR, col_to - j));
    }
  }
}

/* Zeros in columns [from, step) of rows of `step` words. */
static void words_clear(int32_t *to, int64_t step, int64_t from, int64_t words) {
  for (int64_t w = 0; w < words && from < step; w++) {
    memset(to + w * step + from, 0, (size_t)(step - from) * sizeof(int32_t));
  }
}

#endif
