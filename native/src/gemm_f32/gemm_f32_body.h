// SPDX-License-Identifier: Apache-2.0
/*
 * gemm_f32. C = act(alpha op(A) op(B) + beta C + bias); the gradients of A and B are products of this stem with other
 * transpositions.
 *
 * A f32 [m, k] or [k, m], B f32 [k, n] or [n, k], C f32 [m, n], bias f32 [n], any row stride, 4-byte aligned, C separate.
 * beta = 0 does not read C; k = 0 makes the product 0. NaN and infinities spread by the rules of arithmetic.
 * Sums in float over blocks of GEMM_DEPTH in the order of k, blocks added to C in order: error of an element below 8 u
 * sqrt(k) sum |a_i b_i|. The bits of an element do not depend on the block of C that a call is given.
 * One thread; callers split C into blocks, each of which packs what it needs.
 * 2 m n k flops; reads m k + k n (+ m n) and writes m n floats, and the packed operands once more from the caches.
 *
 * Blocks after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): a panel of op(B), a tile
 * wide and GEMM_DEPTH long, stays in the first cache level while rows of op(A) stream past it from the second. Rows of A
 * are copied as they are, at a fixed distance, so that the loop over k reads them with constant offsets; a transposed A is
 * copied tile by tile. Tails: panels are filled up with zeros, tiles have as many rows as there are, stores are masked.
 */
#include <string.h>

#include "gemm_f32.h"

/* The tile: as many accumulators as registers allow beside those of B and one of A. */
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

/* act(v + bias) of a vector of columns. */
LB_INLINE vf32 gemm_act(int32_t options, vf32 v, vf32 bias) {
  v = vf32_add(v, bias);
  if (options & LB_GEMM_BIAS_GELU) {
    return vf32_gelu(v);
  }
  /* max gives its second argument for NaN. */
  return options & LB_GEMM_BIAS_RELU ? vf32_max(vf32_zero(), v) : v;
}

#include "gemm_f32_thin.h"

/* Applies the bias and what follows it to a part of C. */
LB_NOINLINE void gemm_finish(const GemmF32 *g, int64_t i, int64_t j, int64_t rows, int64_t cols) {
  for (int64_t q = 0; q < cols; q += LB_W) {
    int64_t n = lb_min(LB_W, cols - q);
    vf32 bias = vf32_load_n(g->bias + j + q, n, vf32_zero());
    for (int64_t r = i; r < i + rows; r++) {
      float *c = g->c + r * g->ldc + j + q;
      vf32_store_n(c, gemm_act(g->options, vf32_load_n(c, n, vf32_zero()), bias), n);
    }
  }
}

/*
 * A tile: R rows and up to LB_NR columns of C become alpha times the sums plus beta C. row and step are the distances of a's
 * elements by row and by k, constants after inlining.
 */
LB_INLINE void gemm_tile(const int R, const int64_t row, const int64_t step, int64_t depth, const float *restrict a,
                         const float *restrict b, float alpha, float beta, float *restrict c, int64_t ldc, int64_t cols) {
  vf32 acc[LB_MR][LB_NV];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    LB_UNROLL
    for (int v = 0; v < LB_NV; v++) {
      acc[r][v] = vf32_zero();
    }
  }
  float *ahead = c;
  for (int r = 0; r < R; r++) {
    LB_PREFETCH(ahead);
    LB_PREFETCH(ahead + cols - 1);
    ahead += ldc;
  }
  for (int64_t p = 0; p < depth; p++) {
    vf32 bs[LB_NV];
    LB_UNROLL
    for (int v = 0; v < LB_NV; v++) {
      bs[v] = vf32_load(b + v * LB_W);
    }
    LB_UNROLL
    for (int r = 0; r < R; r++) {
      vf32 as = vf32_set1(a[r * row]);
      LB_UNROLL
      for (int v = 0; v < LB_NV; v++) {
        acc[r][v] = vf32_fma(as, bs[v], acc[r][v]);
      }
    }
    a += step;
    b += LB_NR;
  }
  /* Addresses of rows, computed before the loop, would take registers that it needs. */
  LB_FORGET(c);
  LB_FORGET(ldc);
  vf32 factor = vf32_set1(alpha);
  vf32 before = vf32_set1(beta);
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    LB_UNROLL
    for (int v = 0; v < LB_NV; v++) {
      float *to = c + r * ldc + v * LB_W;
      int64_t n = cols - v * LB_W;
      if (n >= LB_W) {
        vf32 sum = beta == 0 ? vf32_mul(factor, acc[r][v]) : vf32_fma(factor, acc[r][v], vf32_mul(before, vf32_load(to)));
        vf32_store(to, sum);
      } else if (n > 0) {
        vf32 sum = beta == 0 ? vf32_mul(factor, acc[r][v])
                             : vf32_fma(factor, acc[r][v], vf32_mul(before, vf32_load_n(to, n, vf32_zero())));
        vf32_store_n(to, sum, n);
      }
    }
  }
}

typedef void GemmTile(int64_t depth, const float *restrict a, const float *restrict b, float alpha, float beta,
                      float *restrict c, int64_t ldc, int64_t cols);

/* The tiles of each height, over copied rows and over copies of a transposed A. */
#define GEMM_TILES_OF(R)                                                                                                \
  LB_NOINLINE void gemm_rows_##R(int64_t depth, const float *restrict a, const float *restrict b, float alpha, float beta, \
                                 float *restrict c, int64_t ldc, int64_t cols) {                                        \
    gemm_tile(R, GEMM_PITCH, 1, depth, a, b, alpha, beta, c, ldc, cols);                                                \
  }                                                                                                                     \
  LB_NOINLINE void gemm_cols_##R(int64_t depth, const float *restrict a, const float *restrict b, float alpha, float beta, \
                                 float *restrict c, int64_t ldc, int64_t cols) {                                        \
    gemm_tile(R, 1, LB_MR, depth, a, b, alpha, beta, c, ldc, cols);                                                     \
  }

GEMM_TILES_OF(1)
GEMM_TILES_OF(2)
GEMM_TILES_OF(3)
GEMM_TILES_OF(4)
#if LB_MR >= 6
GEMM_TILES_OF(5)
GEMM_TILES_OF(6)
#endif
#if LB_MR >= 12
GEMM_TILES_OF(7)
GEMM_TILES_OF(8)
GEMM_TILES_OF(9)
GEMM_TILES_OF(10)
GEMM_TILES_OF(11)
GEMM_TILES_OF(12)
#endif

static GemmTile *gemm_tile_of(int trans_a, int64_t rows) {
  static GemmTile *const TILES[2][LB_MR] = {
      {gemm_rows_1, gemm_rows_2, gemm_rows_3, gemm_rows_4,
#if LB_MR >= 6
       gemm_rows_5, gemm_rows_6,
#endif
#if LB_MR >= 12
       gemm_rows_7, gemm_rows_8, gemm_rows_9, gemm_rows_10, gemm_rows_11, gemm_rows_12,
#endif
      },
      {gemm_cols_1, gemm_cols_2, gemm_cols_3, gemm_cols_4,
#if LB_MR >= 6
       gemm_cols_5, gemm_cols_6,
#endif
#if LB_MR >= 12
       gemm_cols_7, gemm_cols_8, gemm_cols_9, gemm_cols_10, gemm_cols_11, gemm_cols_12,
#endif
      }};
  return TILES[trans_a][rows - 1];
}

/* Copies rows [i, i + rows) and columns [p, p + depth) of op(A): rows at GEMM_PITCH, or tiles of a transposed A by k. */
static void gemm_copy_a(const GemmF32 *g, int64_t i, int64_t rows, int64_t p, int64_t depth, float *to) {
  if (!(g->options & LB_GEMM_TRANS_A)) {
    for (int64_t r = 0; r < rows; r++) {
      memcpy(to + r * GEMM_PITCH, g->a + (i + r) * g->lda + p, (size_t)depth * sizeof(float));
    }
    return;
  }
  for (int64_t r = 0; r < rows; r += LB_MR) {
    int64_t height = lb_min(LB_MR, rows - r);
    float *tile = to + r * GEMM_DEPTH;
    for (int64_t q = 0; q < depth; q++) {
      const float *from = g->a + (p + q) * g->lda + i + r;
      for (int64_t h = 0; h < height; h += LB_W) {
        int64_t n = lb_min(LB_W, height - h);
        vf32_store_n(tile + q * LB_MR + h, vf32_load_n(from + h, n, vf32_zero()), n);
      }
    }
  }
}

/* Packs a panel of a transposed B: columns [j, j + cols), at most LB_NR, and rows [p, p + depth) of op(B). */
static void gemm_pack_transposed(const GemmF32 *g, int64_t j, int64_t cols, int64_t p, int64_t depth, float *restrict to) {
  for (int64_t v = 0; v < LB_NR; v += LB_W) {
    const float *from = g->b + (j + v) * g->ldb + p;
    int64_t q = 0;
    if (v + LB_W <= cols) {
      for (; q + 4 <= depth; q += 4) {
        vf32 out[4];
        vf32_columns4(from + q, g->ldb, out);
        for (int s = 0; s < 4; s++) {
          vf32_store(to + (q + s) * LB_NR + v, out[s]);
        }
      }
    }
    for (; q < depth; q++) {
      for (int64_t s = 0; s < LB_W; s++) {
        to[q * LB_NR + v + s] = v + s < cols ? from[s * g->ldb + q] : 0.0f;
      }
    }
  }
}

/* Packs the panels of columns [j, j + cols) and rows [p, p + depth) of op(B), the last one filled up with zeros. */
static void gemm_pack_b(const GemmF32 *g, int64_t j, int64_t cols, int64_t p, int64_t depth, float *restrict panels) {
  int64_t panel = GEMM_PANEL(depth, LB_NR);
  if (g->options & LB_GEMM_TRANS_B) {
    for (int64_t q = 0; q < cols; q += LB_NR) {
      gemm_pack_transposed(g, j + q, lb_min(LB_NR, cols - q), p, depth, panels + q / LB_NR * panel);
    }
    return;
  }
  /* A row of B after the other, into all panels: memory is read in order. */
  for (int64_t r = 0; r < depth; r++) {
    const float *from = g->b + (p + r) * g->ldb + j;
    float *to = panels + r * LB_NR;
    /* Rows lie on pages of their own, where the processor does not look ahead by itself. */
    const float *ahead = r + 4 < depth ? from + 4 * g->ldb : from;
    for (int64_t q = 0; q < cols; q += LB_NR, to += panel) {
      for (int64_t v = 0; v < LB_NR; v += LB_W) {
        int64_t n = cols - q - v;
        LB_PREFETCH(ahead + q + v);
        vf32_store(to + v, n >= LB_W ? vf32_load(from + q + v) : vf32_load_n(from + q + v, lb_max(0, n), vf32_zero()));
      }
    }
  }
}

/* The rows [i, i + rows) of the columns whose panels are packed, for one block of k. */
static void gemm_block(const GemmF32 *g, int64_t i, int64_t rows, int64_t j, int64_t cols, int64_t p, int64_t depth,
                       const float *panels, float *copy) {
  int trans_a = (g->options & LB_GEMM_TRANS_A) != 0;
  float beta = p == 0 ? g->beta : 1.0f;
  gemm_copy_a(g, i, rows, p, depth, copy);
  for (int64_t q = 0; q < cols; q += LB_NR) {
    const float *panel = panels + q / LB_NR * GEMM_PANEL(depth, LB_NR);
    int64_t width = lb_min(LB_NR, cols - q);
    for (int64_t r = 0; r < rows; r += LB_MR) {
      int64_t height = lb_min(LB_MR, rows - r);
      float *c = g->c + (i + r) * g->ldc + j + q;
      gemm_tile_of(trans_a, height)(depth, copy + r * (trans_a ? GEMM_DEPTH : GEMM_PITCH), panel, g->alpha, beta, c, g->ldc,
                                    width);
      if (g->options >= LB_GEMM_BIAS && p + depth == g->k) {
        gemm_finish(g, i + r, j + q, height, width);
      }
    }
  }
}

int32_t LB_TIER(lb_gemm_f32)(const GemmF32 *g, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to) {
  if (gemm_kind(g) != GEMM_TILES) {
    gemm_thin(g, row_from, row_to, col_from, col_to);
    return LB_OK;
  }
  float *panels = g->scratch;
  float *copy = panels + GEMM_PANEL(GEMM_DEPTH, GEMM_WIDTH);
  for (int64_t j = col_from; j < col_to; j += GEMM_WIDTH) {
    int64_t cols = lb_min(GEMM_WIDTH, col_to - j);
    int64_t p = 0;
    /* Once at least: with k = 0 the sums are 0, and C still becomes act(beta C + bias). */
    do {
      int64_t depth = lb_min(GEMM_DEPTH, g->k - p);
      gemm_pack_b(g, j, cols, p, depth, panels);
      for (int64_t i = row_from; i < row_to; i += GEMM_HEIGHT) {
        gemm_block(g, i, lb_min(GEMM_HEIGHT, row_to - i), j, cols, p, depth, panels, copy);
      }
      p += depth;
    } while (p < g->k);
  }
  return LB_OK;
}
