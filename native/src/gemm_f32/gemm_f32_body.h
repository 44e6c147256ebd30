// SPDX-License-Identifier: Apache-2.0
/*
 * gemm_f32. C = act(alpha op(A) op(B) + beta C + bias); the gradients of A and B are products of this stem with other
 * transpositions.
 *
 * A f32 [m, k] or [k, m], B f32 [k, n] or [n, k], C f32 [m, n], bias f32 [n], any row stride, 4-byte aligned, C separate.
 * beta = 0 does not read C; k = 0 makes the product 0. NaN and infinities spread by the rules of arithmetic.
 * Sums in float over equal blocks of at most GEMM_DEPTH in the order of k, blocks added to C in order: error of an element
 * below 8 u sqrt(k) sum |a_i b_i|. The bits of an element do not depend on the block of C that a call is given.
 * One thread; callers split C into blocks, each of which packs what it needs.
 * 2 m n k flops; reads m k + k n (+ m n) and writes m n floats, and the packed operand once more from the caches.
 *
 * Blocks after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): packed panels of op(B)
 * fill most of the second cache level while rows of op(A) pass through the first. The processor computes a tile from the
 * second level as fast as from the first, so what matters is what is done beside the tiles. A is read where it lies; while
 * some rows of it are multiplied, the next ones are fetched; the first tile that reads a transposed A, or rows that share
 * cache sets, copies it for those beside it. B is packed by the first row of tiles while it multiplies, at the cost of its
 * stores only; a transposed B beforehand; for few rows B is not packed at all. Tails: panels are filled up with zeros, tiles
 * have as many rows as there are, stores are masked.
 */
#include <string.h>

#include "gemm_f32.h"
#include "gemm_f32_tile.h"

/* v = act(v + bias) of n vectors of the same columns. */
LB_INLINE void gemm_act_each(const int n, int32_t options, vf32 bias, vf32 *v) {
  LB_EACH(n) { v[k] = vf32_add(v[k], bias); }
  if (options & LB_GEMM_BIAS_GELU) {
    vf32_gelu_each(n, v);
  } else if (options & LB_GEMM_BIAS_RELU) {
    /* max gives its second argument for NaN. */
    LB_EACH(n) { v[k] = vf32_max(vf32_zero(), v[k]); }
  }
}

/* Applies the bias and what follows it to `most` rows at a time, and returns the first row that it leaves. */
LB_INLINE int64_t gemm_finish_rows(const int most, const GemmF32 *g, float *c, int64_t r, int64_t rows, vf32 bias, int64_t n) {
  for (; r + most <= rows; r += most) {
    vf32 v[LB_AT_ONCE];
    LB_EACH(most) { v[k] = vf32_load_n(c + (r + k) * g->ldc, n, vf32_zero()); }
    gemm_act_each(most, g->options, bias, v);
    LB_EACH(most) { vf32_store_n(c + (r + k) * g->ldc, v[k], n); }
  }
  return r;
}

/* Applies the bias and what follows it to a part of C. */
LB_NOINLINE void gemm_finish(const GemmF32 *g, int64_t i, int64_t j, int64_t rows, int64_t cols) {
  for (int64_t q = 0; q < cols; q += LB_W) {
    int64_t n = lb_min(LB_W, cols - q);
    vf32 bias = vf32_load_n(g->bias + j + q, n, vf32_zero());
    float *c = g->c + i * g->ldc + j + q;
    int64_t done = gemm_finish_rows(LB_AT_ONCE, g, c, 0, rows, bias, n);
    gemm_finish_rows(1, g, c, done, rows, bias, n);
  }
}

/* A block of the sums: columns [j, j + cols) of C, elements [p, p + depth) of the sums, and packed panels. */
typedef struct {
  int64_t j, cols, p, depth;
  float *panels;
} GemmBlock;

/* Where rows of op(A) from one on begin, for a block of the sums. */
LB_INLINE const float *gemm_a(const GemmF32 *g, const GemmBlock *k, int64_t i) {
  return g->options & LB_GEMM_TRANS_A ? g->a + k->p * g->lda + i : g->a + i * g->lda + k->p;
}

/* Packs columns [q, q + cols) of a block into a panel of a width, filled up with zeros. */
static void gemm_pack_panel(const GemmF32 *g, const GemmBlock *k, int64_t q, int64_t cols, int64_t width) {
  float *to = k->panels + q * k->depth;
  if (!(g->options & LB_GEMM_TRANS_B)) {
    const float *from = g->b + k->p * g->ldb + k->j + q;
    for (int64_t r = 0; r < k->depth; r++, from += g->ldb) {
      for (int64_t v = 0; v < width; v += LB_W, to += LB_W) {
        vf32_store(to, vf32_load_n(from + v, lb_max(0, lb_min(LB_W, cols - v)), vf32_zero()));
      }
    }
    return;
  }
  for (int64_t v = 0; v < width; v += LB_W) {
    const float *from = g->b + (k->j + q + v) * g->ldb + k->p;
    int64_t r = 0;
    if (v + LB_W <= cols) {
      for (; r + 4 <= k->depth; r += 4) {
        vf32 out[4];
        for (int s = 0; s < LB_W && r % GEMM_CACHE_LINE == 0; s++) {
          LB_PREFETCH(from + s * g->ldb + r + 4 * GEMM_CACHE_LINE);
        }
        vf32_columns4(from + r, g->ldb, out);
        for (int s = 0; s < 4; s++) {
          vf32_store(to + (r + s) * width + v, out[s]);
        }
      }
    }
    for (; r < k->depth; r++) {
      for (int64_t s = 0; s < LB_W; s++) {
        to[r * width + v + s] = v + s < cols ? from[s * g->ldb + r] : 0.0f;
      }
    }
  }
}

/* The width of the panel that begins at a column: the last one may be of one vector. */
LB_INLINE int64_t gemm_panel_width(const GemmBlock *k, int64_t q) { return k->cols - q <= LB_W ? LB_W : LB_NR; }

/* Packs the panels of a block, only the one that is not full if the tiles pack the others. */
static void gemm_pack(const GemmF32 *g, const GemmBlock *k, int packing) {
  for (int64_t q = packing ? k->cols / LB_NR * LB_NR : 0; q < k->cols; q += LB_NR) {
    gemm_pack_panel(g, k, q, lb_min(LB_NR, k->cols - q), gemm_panel_width(k, q));
  }
}

/* Whether most rows of A that a tile reads lie in the same sets of the first cache level. */
LB_INLINE int gemm_rows_share_sets(const GemmF32 *g) {
  return (g->lda + GEMM_ALIAS_SLACK) % GEMM_ALIAS <= 2 * GEMM_ALIAS_SLACK;
}

/* A row of tiles. packing: this one packs the full panels of B. */
static void gemm_row(const GemmF32 *g, const GemmBlock *k, const GemmHeight *h, int64_t i, int packing, GemmAhead *ahead) {
  int by_k = (g->options & LB_GEMM_TRANS_A) != 0;
  /* The first tile copies for the others what would not stay in the first cache level together. */
  int copying = (by_k || gemm_rows_share_sets(g)) && !packing && k->cols > LB_NR;
  GemmTile t = {k->depth, gemm_a(g, k, i), g->lda, NULL, g->ldb, LB_NR, NULL, g->scratch + GEMM_PANELS, g->alpha,
                k->p == 0 ? g->beta : 1.0f, g->c + i * g->ldc + k->j, g->ldc, ahead, LB_NR};
  for (int64_t q = 0; q < k->cols; q += LB_NR, t.c += LB_NR) {
    t.cols = lb_min(LB_NR, k->cols - q);
    t.panel = k->panels + q * k->depth;
    t.b = t.panel;
    if (packing && t.cols == LB_NR) {
      t.b = g->b + k->p * g->ldb + k->j + q;
      (by_k ? gemm_cols_packing : gemm_rows_packing)(&t);
    } else if (copying && q == 0) {
      h->copying[by_k](&t);
      t.a = t.copy;
      t.distance = by_k ? h->rows : GEMM_COPY_LINE(k->depth);
    } else {
      (gemm_panel_width(k, q) < LB_NR ? h->narrow : h->packed)[by_k](&t);
    }
    if (g->options >= LB_GEMM_BIAS && k->p + k->depth == g->k) {
      gemm_finish(g, i, k->j + q, h->rows, t.cols);
    }
  }
}

/* Plans to fetch rows [i, i + rows) of op(A) while `pass` rows are multiplied. */
LB_INLINE GemmAhead gemm_ahead(const GemmF32 *g, const GemmBlock *k, int64_t i, int64_t rows, int64_t pass) {
  int trans_a = (g->options & LB_GEMM_TRANS_A) != 0;
  int64_t length = trans_a ? rows : k->depth;
  int64_t lines = (trans_a ? k->depth : rows) * ((length + 2 * GEMM_CACHE_LINE - 2) / GEMM_CACHE_LINE);
  int64_t tiles = (pass + LB_MR - 1) / LB_MR * ((k->cols + LB_NR - 1) / LB_NR);
  int64_t times = lb_max(1, tiles * (k->depth / GEMM_PACE));
  return (GemmAhead){gemm_a(g, k, i), g->lda, rows <= 0 ? 0 : trans_a ? k->depth : rows, length, 0, 0,
                     (lines + times - 1) / times};
}

/* The rows [from, to) of a block. */
static void gemm_block(const GemmF32 *g, const GemmBlock *k, int64_t from, int64_t to) {
  int trans_a = (g->options & LB_GEMM_TRANS_A) != 0;
  int packing = !(g->options & LB_GEMM_TRANS_B) && to - from >= LB_MR;
  gemm_pack(g, k, packing);
  /* Of a transposed A whole cache lines are fetched, for several rows of tiles. */
  for (int64_t i = from; i < to;) {
    int64_t rows = trans_a ? lb_min(GEMM_FETCHED, to - i) : gemm_height(to - i)->rows;
    int64_t end = i + rows;
    GemmAhead ahead = gemm_ahead(g, k, end, lb_min(trans_a ? GEMM_FETCHED : LB_MR, to - end), rows);
    while (i < end) {
      const GemmHeight *h = gemm_height(end - i);
      gemm_row(g, k, h, i, packing && i == from, &ahead);
      i += h->rows;
    }
  }
}

/* The rows [from, to) of a block of few rows, with B where it lies. */
static void gemm_block_direct(const GemmF32 *g, const GemmBlock *k, int64_t from, int64_t to) {
  int by_k = (g->options & LB_GEMM_TRANS_A) != 0;
  GemmAhead nothing = {NULL, 0, 0, 0, 0, 0, 0};
  for (int64_t i = from; i < to;) {
    const GemmHeight *h = gemm_height(to - i);
    int64_t direct = k->cols / h->direct_cols * h->direct_cols;
    GemmTile t = {k->depth, gemm_a(g, k, i), g->lda, g->b + k->p * g->ldb + k->j, g->ldb, h->direct_cols, NULL, NULL,
                  g->alpha, k->p == 0 ? g->beta : 1.0f, g->c + i * g->ldc + k->j, g->ldc, &nothing, h->direct_cols};
    for (int64_t q = 0; q < direct; q += h->direct_cols) {
      h->direct[by_k](&t);
      t.b += h->direct_cols;
      t.c += h->direct_cols;
    }
    if (g->options >= LB_GEMM_BIAS && k->p + k->depth == g->k) {
      gemm_finish(g, i, k->j, h->rows, direct);
    }
    if (direct < k->cols) {
      GemmBlock rest = *k;
      rest.j += direct;
      rest.cols -= direct;
      gemm_pack(g, &rest, 0);
      gemm_row(g, &rest, h, i, 0, &nothing);
    }
    i += h->rows;
  }
}

/* The product as tiles. */
static void gemm_tiles(const GemmF32 *g, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to) {
  int direct = !(g->options & LB_GEMM_TRANS_B) && row_to - row_from <= GEMM_DIRECT_ROWS;
  /* By k and not by the distance of the rows of A, on which no bit of the result may depend. */
  int deep = !(g->options & LB_GEMM_TRANS_A) && g->m > GEMM_DIRECT_ROWS && g->k % GEMM_ALIAS != 0;
  int64_t depth = gemm_equal(g->k, deep ? GEMM_DEPTH : GEMM_SHORT_DEPTH, 8);
  int64_t width = col_to - col_from;
  /* B where it lies need only stay in the cache where several heights of tiles read it. */
  if (!direct || gemm_height(row_to - row_from)->rows < row_to - row_from) {
    int64_t step = direct ? GEMM_DIRECT_STEP : 32;
    width = gemm_equal(width, GEMM_PANELS / lb_max(depth, 1) / step * step, direct ? step : LB_NR);
  }
  for (int64_t j = col_from; j < col_to; j += width) {
    GemmBlock k = {j, lb_min(width, col_to - j), 0, 0, g->scratch};
    /* Once at least: with k = 0 the sums are 0, and C still becomes act(beta C + bias). */
    do {
      k.depth = lb_min(depth, g->k - k.p);
      (direct ? gemm_block_direct : gemm_block)(g, &k, row_from, row_to);
      k.p += k.depth;
    } while (k.p < g->k);
  }
}

#include "gemm_f32_thin.h"

int32_t LB_TIER(lb_gemm_f32)(const GemmF32 *g, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to) {
  (gemm_kind(g) == GEMM_TILES ? gemm_tiles : gemm_thin)(g, row_from, row_to, col_from, col_to);
  return LB_OK;
}
