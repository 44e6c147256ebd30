// SPDX-License-Identifier: Apache-2.0
/*
 * gemm_ternary with activations in int8. sum = q W^T, y = sum s scale + bias.
 *
 * q as the quantizer leaves it, rows padded with zeros; W packed [cols, k]; scale f32 [1] or [cols], bias f32 [cols] or null;
 * y f32 and acc i32 [rows, cols]. Sums are exact in int32_t, y takes four roundings. One thread; 2 rows cols k operations.
 *
 * A code w + 1 of 0, 1 or 2 stays where it lies in its byte: an AND takes the 64 codes of a plane out, 1, 4, 16 or 64 times
 * too large, and a dot product of bytes multiplies them by q. The sum of codes is then divided, exactly, and the sum of q
 * taken away. Products are at most 128 127: two fit an int16_t, which dot products without VNNI need.
 *
 * Tiles of many rows go through some blocks once for each plane, the highest first, and divide their sums by 4 between
 * planes: one sum an element. That takes the weights out of the first cache level four times, which rows of x pay for. A
 * single row keeps a sum for each plane and passes over the weights once, as fast as memory gives them.
 * A lane of a sum takes k / 16 products of 2 64 127 at most (k / 8 in AVX2): with k up to 524288 below 2^30.
 */
#include <string.h>

#include "../simd/simd_bytes.h"
#include "gemm_ternary.h"

/* See simd_bytes.h. */
LB_PLAIN_LOOPS

#ifdef __AVX2__

/* The tile: rows of W, and at most so many rows of q. Rows of W for a single row of q. */
#if LB_W == 16
#define I8_WEIGHTS 8
#define I8_ROWS 3
#define I8_SINGLE 4
#else
#define I8_WEIGHTS 4
#define I8_ROWS 2
#define I8_SINGLE 2
#endif

/* Blocks that are passed over plane by plane: the codes of a tile's rows and weights stay in the first cache level. */
#define I8_BLOCKS 16

/* How far ahead weights are fetched, in bytes. */
#define I8_AHEAD 4096

LB_INLINE vi32 ternary_load(const void *bytes) { return vi32_load((const int32_t *)bytes); }

/* y of up to four columns from the sums of codes. */
LB_INLINE void ternary_store4(const Ternary *t, int64_t i, int64_t j, int64_t cols, __m128i codes) {
  TernaryHead head;
  memcpy(&head, t->quantized + i * ternary_row(t->k), sizeof head);
  __m128i sum = _mm_sub_epi32(codes, _mm_set1_epi32(head.sum));
  __m128 value = _mm_mul_ps(_mm_cvtepi32_ps(sum), _mm_set1_ps(head.step));
  float *y = t->y + i * t->y_stride + j;
  int32_t *acc = t->acc == NULL ? NULL : t->acc + i * t->acc_stride + j;
  if (LB_LIKELY(cols >= 4)) {
    __m128 scale = t->scale_step == 0 ? _mm_set1_ps(t->scale[0]) : _mm_loadu_ps(t->scale + j);
    value = _mm_mul_ps(value, scale);
    _mm_storeu_ps(y, t->bias == NULL ? value : _mm_add_ps(value, _mm_loadu_ps(t->bias + j)));
    if (acc != NULL) {
      _mm_storeu_si128((__m128i *)acc, sum);
    }
    return;
  }
  float values[4];
  int32_t sums[4];
  _mm_storeu_ps(values, value);
  _mm_storeu_si128((__m128i *)sums, sum);
  for (int64_t c = 0; c < cols; c++) {
    ternary_finish(t, i, j + c, values[c]);
    if (acc != NULL) {
      acc[c] = sums[c];
    }
  }
}

/* C rows of y from row i on, I8_WEIGHTS columns from column j on of which `cols` are there. */
LB_INLINE void ternary_i8_tile(const int C, const Ternary *t, int64_t i, int64_t j, int64_t cols) {
  int64_t bytes = ternary_blocks(t->k) * TERNARY_BYTES;
  const uint8_t *first = t->weights + j * bytes;
  const uint8_t *w[I8_WEIGHTS];
  const char *row[I8_ROWS];
  vi32 acc[I8_WEIGHTS][I8_ROWS];
  LB_UNROLL
  for (int c = 0; c < C; c++) {
    row[c] = t->quantized + (i + c) * ternary_row(t->k) + TERNARY_HEAD;
  }
  LB_UNROLL
  for (int r = 0; r < I8_WEIGHTS; r++) {
    /* Past the last column: that one again. */
    w[r] = first + lb_min(r, cols - 1) * bytes;
    LB_UNROLL
    for (int c = 0; c < C; c++) {
      acc[r][c] = vi32_set1(0);
    }
  }
  for (int64_t from = 0; from < bytes; from += I8_BLOCKS * TERNARY_BYTES) {
    int64_t to = lb_min(bytes, from + I8_BLOCKS * TERNARY_BYTES);
    vi32 mask = vi32_set1((int32_t)0xc0c0c0c0);
    LB_UNROLL
    for (int r = 0; r < I8_WEIGHTS; r++) {
      LB_UNROLL
      for (int c = 0; c < C; c++) {
        acc[r][c] = vi32_shl(acc[r][c], 6);
      }
    }
    for (int p = TERNARY_PLANES - 1; p >= 0; p--) {
      /* Each plane fetches a quarter of the weights of a later tile, which follow in memory. */
      const uint8_t *ahead = first + p * (I8_WEIGHTS / TERNARY_PLANES) * bytes + I8_AHEAD;
      const char *q[I8_ROWS];
      int shift = p == TERNARY_PLANES - 1 ? 0 : 2;
      LB_UNROLL
      for (int c = 0; c < C; c++) {
        q[c] = row[c] + p * TERNARY_BYTES;
        LB_UNROLL
        for (int r = 0; r < I8_WEIGHTS; r++) {
          acc[r][c] = vi32_sar_by(acc[r][c], shift);
        }
      }
      int64_t b = from;
      do {
        LB_UNROLL
        for (int h = 0; h < TERNARY_BYTES; h += LB_VB) {
          vi32 qs[I8_ROWS];
          LB_UNROLL
          for (int c = 0; c < C; c++) {
            qs[c] = ternary_load(q[c] + TERNARY_PLANES * b + h);
          }
          LB_UNROLL
          for (int r = 0; r < I8_WEIGHTS; r++) {
            vi32 codes = vi32_and(ternary_load(w[r] + b + h), mask);
            LB_UNROLL
            for (int c = 0; c < C; c++) {
              acc[r][c] = vi32_dot(acc[r][c], codes, qs[c]);
            }
          }
        }
        LB_UNROLL
        for (int r = 0; r < I8_WEIGHTS / TERNARY_PLANES; r++) {
          LB_PREFETCH(ahead + b + r * bytes);
        }
        b += TERNARY_BYTES;
      } while (b < to);
      mask = vi32_shr(mask, 2);
    }
  }
  LB_UNROLL
  for (int c = 0; c < C; c++) {
    LB_UNROLL
    for (int r = 0; r < I8_WEIGHTS; r += 4) {
      if (r < cols) {
        ternary_store4(t, i + c, j + r, cols - r, vi32_sum4(acc[r][c], acc[r + 1][c], acc[r + 2][c], acc[r + 3][c]));
      }
    }
  }
}

#define TERNARY_I8_ROWS(C)                                                                              \
  LB_NOINLINE void ternary_i8_rows_##C(const Ternary *t, int64_t i, int64_t col_from, int64_t col_to) { \
    for (int64_t j = col_from; j < col_to; j += I8_WEIGHTS) {                                           \
      ternary_i8_tile(C, t, i, j, col_to - j);                                                          \
    }                                                                                                   \
  }

TERNARY_I8_ROWS(2)
#if I8_ROWS >= 3
TERNARY_I8_ROWS(3)
#endif

/* The sums of codes of I8_SINGLE rows of W with one row of q. */
LB_INLINE void ternary_single(const Ternary *t, const char *q, int64_t j, int64_t cols, vi32 out[]) {
  int64_t blocks = ternary_blocks(t->k);
  const uint8_t *w[I8_SINGLE];
  vi32 acc[I8_SINGLE][TERNARY_PLANES];
  LB_UNROLL
  for (int r = 0; r < I8_SINGLE; r++) {
    w[r] = t->weights + (j + lb_min(r, cols - 1)) * blocks * TERNARY_BYTES;
    LB_UNROLL
    for (int p = 0; p < TERNARY_PLANES; p++) {
      acc[r][p] = vi32_set1(0);
    }
  }
  for (int64_t b = 0; b < blocks * TERNARY_BYTES; b += TERNARY_BYTES) {
    LB_UNROLL
    for (int h = 0; h < TERNARY_BYTES; h += LB_VB) {
      vi32 mask = vi32_set1(0x03030303);
      vi32 bytes[I8_SINGLE];
      LB_UNROLL
      for (int r = 0; r < I8_SINGLE; r++) {
        bytes[r] = ternary_load(w[r] + b + h);
      }
      LB_UNROLL
      for (int p = 0; p < TERNARY_PLANES; p++) {
        vi32 qs = ternary_load(q + TERNARY_PLANES * b + p * TERNARY_BYTES + h);
        LB_UNROLL
        for (int r = 0; r < I8_SINGLE; r++) {
          acc[r][p] = vi32_dot(acc[r][p], vi32_and(bytes[r], mask), qs);
        }
        mask = vi32_shl(mask, 2);
      }
    }
    LB_UNROLL
    for (int r = 0; r < I8_SINGLE; r++) {
      LB_PREFETCH(w[r] + b + I8_AHEAD);
    }
  }
  LB_UNROLL
  for (int r = 0; r < I8_SINGLE; r++) {
    vi32 sum = vi32_add(acc[r][2], vi32_sar(acc[r][3], 2));
    sum = vi32_add(acc[r][1], vi32_sar(sum, 2));
    out[r] = vi32_add(acc[r][0], vi32_sar(sum, 2));
  }
}

LB_NOINLINE void ternary_i8_rows_1(const Ternary *t, int64_t i, int64_t col_from, int64_t col_to) {
  const char *q = t->quantized + i * ternary_row(t->k) + TERNARY_HEAD;
  for (int64_t j = col_from; j < col_to; j += 4) {
    vi32 sums[4];
    LB_UNROLL
    for (int r = 0; r < 4; r += I8_SINGLE) {
      ternary_single(t, q, lb_min(j + r, col_to - 1), lb_max(1, col_to - j - r), sums + r);
    }
    ternary_store4(t, i, j, col_to - j, vi32_sum4(sums[0], sums[1], sums[2], sums[3]));
  }
}

static void (*const TERNARY_I8[])(const Ternary *, int64_t, int64_t, int64_t) = {ternary_i8_rows_1, ternary_i8_rows_2,
#if I8_ROWS >= 3
                                                                                ternary_i8_rows_3
#endif
};

int32_t LB_TIER(lb_gemm_ternary_i8)(const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to) {
  int64_t rows;
  for (int64_t i = from; i < to; i += rows) {
    rows = ternary_next(to - i, I8_ROWS);
    TERNARY_I8[rows - 1](t, i, col_from, col_to);
  }
  return LB_OK;
}

#else

static int32_t ternary_dot(const uint8_t *restrict w, const int8_t *restrict q, int64_t blocks) {
  int32_t sum = 0;
  for (int64_t b = 0; b < blocks; b++) {
    for (int j = 0; j < TERNARY_BYTES; j++) {
      int32_t codes = w[j];
      sum += (codes & 3) * q[j] + (codes >> 2 & 3) * q[j + 64] + (codes >> 4 & 3) * q[j + 128] + (codes >> 6) * q[j + 192];
    }
    w += TERNARY_BYTES;
    q += TERNARY_BLOCK;
  }
  return sum;
}

int32_t LB_TIER(lb_gemm_ternary_i8)(const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to) {
  int64_t blocks = ternary_blocks(t->k);
  for (int64_t i = from; i < to; i++) {
    const char *row = t->quantized + i * ternary_row(t->k);
    TernaryHead head;
    memcpy(&head, row, sizeof head);
    for (int64_t j = col_from; j < col_to; j++) {
      int32_t codes = ternary_dot(t->weights + j * blocks * TERNARY_BYTES, (const int8_t *)row + TERNARY_HEAD, blocks);
      int32_t sum = codes - head.sum;
      if (t->acc != NULL) {
        t->acc[i * t->acc_stride + j] = sum;
      }
      ternary_finish(t, i, j, (float)sum * head.step);
    }
  }
  return LB_OK;
}

#endif
