// SPDX-License-Identifier: Apache-2.0
/*
 * gemm_ternary with float activations, and the quantizer of the other kind. y = x W^T scale + bias.
 *
 * x f32 [rows, k], W packed [cols, k], scale f32 [1] or [cols], bias f32 [cols] or null, y f32 [rows, cols].
 * k = 0 gives the bias. NaN and infinities stay in their row; times a weight of 0 they make NaN.
 * An element is the sum of one vector of float lanes, each a chain of fused multiply-adds in one order of k: error below
 * (k + 8) u S, and the same bits in whatever tile it is computed.
 * One thread. 2 rows cols k flops; reads 4 rows k + cols k / 4 bytes.
 *
 * Weights become floats by a lookup of their two bits; a tile of several rows of x shares them. Blocks of 256 columns;
 * the last one in masked vectors.
 */
#include <string.h>

#include "../simd/simd_bytes.h"
#include "gemm_ternary.h"

/* The tile: rows of W and rows of x. */
#if LB_W == 16
#define F32_WEIGHTS 4
#define F32_ROWS 5
#elif defined(__AVX2__)
#define F32_WEIGHTS 2
#define F32_ROWS 4
#else
#define F32_WEIGHTS 2
#define F32_ROWS 2
#endif

/* Adds the products of one block. `left` columns remain in it; TAIL tells that they are fewer than a block. */
LB_INLINE void ternary_f32_block(const int C, const int TAIL, const uint8_t *const w[], const float *x, int64_t stride,
                                 int64_t left, vf32 table, vf32 acc[][F32_ROWS]) {
  for (int64_t o = 0; o < TERNARY_BYTES; o += LB_W) {
    vi32 codes[F32_WEIGHTS];
    LB_UNROLL
    for (int r = 0; r < F32_WEIGHTS; r++) {
      codes[r] = vi32_load_u8(w[r] + o);
    }
    LB_UNROLL
    for (int p = 0; p < TERNARY_PLANES; p++) {
      int64_t at = p * TERNARY_BYTES + o;
      int64_t n = TAIL ? lb_min(LB_W, left - at) : LB_W;
      if (n <= 0) {
        break;
      }
      vf32 xs[F32_ROWS];
      LB_UNROLL
      for (int c = 0; c < C; c++) {
        const float *from = x + c * stride + at;
        xs[c] = TAIL ? vf32_load_n(from, n, vf32_zero()) : vf32_load(from);
      }
      LB_UNROLL
      for (int r = 0; r < F32_WEIGHTS; r++) {
        vf32 weight = vf32_lookup(table, codes[r]);
        codes[r] = vi32_shr(codes[r], 2);
        LB_UNROLL
        for (int c = 0; c < C; c++) {
          acc[r][c] = vf32_fma(weight, xs[c], acc[r][c]);
        }
      }
    }
  }
}

/* C rows of y from row i on, F32_WEIGHTS columns from column j on of which `cols` are there. */
LB_INLINE void ternary_f32_tile(const int C, const Ternary *t, int64_t i, int64_t j, int64_t cols) {
  static const float VALUES[16] = {-1, 0, 1, 2, -1, 0, 1, 2, -1, 0, 1, 2, -1, 0, 1, 2};
  vf32 table = vf32_load(VALUES);
  const uint8_t *w[F32_WEIGHTS];
  vf32 acc[F32_WEIGHTS][F32_ROWS];
  LB_UNROLL
  for (int r = 0; r < F32_WEIGHTS; r++) {
    /* Past the last column: that one again. */
    w[r] = t->weights + (j + lb_min(r, cols - 1)) * ternary_blocks(t->k) * TERNARY_BYTES;
    LB_UNROLL
    for (int c = 0; c < C; c++) {
      acc[r][c] = vf32_zero();
    }
  }
  const float *x = t->x + i * t->x_stride;
  int64_t left = t->k;
  for (; left >= TERNARY_BLOCK; left -= TERNARY_BLOCK) {
    ternary_f32_block(C, 0, w, x, t->x_stride, left, table, acc);
    x += TERNARY_BLOCK;
    LB_UNROLL
    for (int r = 0; r < F32_WEIGHTS; r++) {
      w[r] += TERNARY_BYTES;
    }
  }
  if (left > 0) {
    ternary_f32_block(C, 1, w, x, t->x_stride, left, table, acc);
  }
  LB_UNROLL
  for (int c = 0; c < C; c++) {
    float sums[F32_WEIGHTS];
#if F32_WEIGHTS == 4
    vf32_sum4(acc[0][c], acc[1][c], acc[2][c], acc[3][c], sums);
#else
    LB_UNROLL
    for (int r = 0; r < F32_WEIGHTS; r++) {
      sums[r] = vf32_sum(acc[r][c]);
    }
#endif
    /* One number at a time: a vector would wait for all of the sums to reach the cache. */
    for (int r = 0; r < lb_min(F32_WEIGHTS, cols); r++) {
      ternary_finish(t, i + c, j + r, sums[r]);
    }
  }
}

#define TERNARY_F32_ROWS(C)                                                                                     \
  LB_NOINLINE void ternary_f32_rows_##C(const Ternary *t, int64_t i, int64_t col_from, int64_t col_to) { \
    for (int64_t j = col_from; j < col_to; j += F32_WEIGHTS) {                                                  \
      ternary_f32_tile(C, t, i, j, col_to - j);                                                                 \
    }                                                                                                           \
  }

TERNARY_F32_ROWS(1)
TERNARY_F32_ROWS(2)
#if F32_ROWS >= 4
TERNARY_F32_ROWS(3)
TERNARY_F32_ROWS(4)
#endif
#if F32_ROWS >= 5
TERNARY_F32_ROWS(5)
#endif

static void (*const TERNARY_F32[])(const Ternary *, int64_t, int64_t, int64_t) = {
    ternary_f32_rows_1, ternary_f32_rows_2,
#if F32_ROWS >= 4
    ternary_f32_rows_3, ternary_f32_rows_4,
#endif
#if F32_ROWS >= 5
    ternary_f32_rows_5,
#endif
};

int32_t LB_TIER(lb_gemm_ternary_f32)(const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to) {
  int64_t rows;
  for (int64_t i = from; i < to; i += rows) {
    rows = ternary_next(to - i, F32_ROWS);
    TERNARY_F32[rows - 1](t, i, col_from, col_to);
  }
  return LB_OK;
}

/* The largest |x|, or the bits of a NaN: without their sign floats are ordered as their bits are, NaN above all. */
static uint32_t ternary_top(const float *x, int64_t k) {
  uint32_t top = 0;
  for (int64_t p = 0; p < k; p++) {
    uint32_t bits;
    memcpy(&bits, x + p, sizeof bits);
    bits &= 0x7fffffff;
    top = bits > top ? bits : top;
  }
  return top;
}

/* q = round(x factor) for |x factor| < 128: adding 1.5 2^23 leaves the rounded number in the low bits. */
static int32_t ternary_codes(const float *restrict x, int64_t k, float factor, int8_t *restrict q) {
  int32_t sum = 0;
  for (int64_t p = 0; p < k; p++) {
    float shifted = x[p] * factor + LB_ROUND;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    int8_t code = (int8_t)(uint8_t)bits;
    q[p] = code;
    sum += code;
  }
  return sum;
}

int32_t LB_TIER(lb_gemm_ternary_quantize)(const float *restrict x, int64_t x_stride, char *restrict quantized, int64_t from,
                                          int64_t to, int64_t k) {
  for (int64_t i = from; i < to; i++) {
    char *row = quantized + i * ternary_row(k);
    int8_t *q = (int8_t *)row + TERNARY_HEAD;
    uint32_t bits = ternary_top(x + i * x_stride, k);
    float top;
    memcpy(&top, &bits, sizeof top);
    float factor = 127 / top;
    TernaryHead head = {0, top / 127};
    if (factor > 0 && factor < INFINITY) {
      head.sum = ternary_codes(x + i * x_stride, k, factor, q);
    } else {
      memset(q, 0, (size_t)k);
    }
    memset(q + k, 0, (size_t)(ternary_blocks(k) * TERNARY_BLOCK - k));
    memcpy(row, &head, sizeof head);
  }
  return LB_OK;
}
