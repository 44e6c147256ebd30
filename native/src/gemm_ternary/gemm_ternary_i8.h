// SPDX-License-Identifier: Apache-2.0
/*
 * gemm_ternary with activations in int8. sum = q W^T, y = sum s scale + bias.
 *
 * q as the quantizer leaves it, rows padded with zeros; W packed [cols, k]; scale f32 [1] or [cols], bias f32 [cols] or null;
 * y f32 and acc i32 [rows, cols]. Sums are exact in int32_t, y takes four roundings. One thread; 2 rows cols k operations.
 *
 * Codes are w + 1, 0 to 2, and the sum of q is taken away at the end: dot products of unsigned bytes and signed ones. Two
 * products, of 12 127 at most, fit an int16_t, which dot products without VNNI need.
 *
 * Several rows of q: a panel of rows of W is turned, packed as it is, so that a vector holds a word of each. Shifts and ANDs
 * take the four planes of it apart, four codes of every row of W, which are multiplied by four values of each row of q. Sums
 * of a panel that is cut into chunks of k wait in y. One or two rows of q: W is read once, where it lies, as fast as memory
 * gives it; every second plane stays where it is in its bytes, 4 times too large, in a sum of its own, which is divided,
 * exactly, at the end.
 */
#include <string.h>

#include "../simd/simd_bytes.h"
#include "../simd/turn.h"
#include "gemm_ternary.h"

/* See simd_bytes.h. */
LB_PLAIN_LOOPS

#ifdef __AVX2__

/* The tile: at most so many rows of q; vectors of columns, more of them for few rows. */
#if LB_W == 16
#define I8_ROWS 12
#define I8_FEW 5
#define I8_FEW_VECTORS 4
#else
#define I8_ROWS 4
#define I8_FEW 0
#define I8_FEW_VECTORS 2
#endif
#define I8_VECTORS 2

/* Turning W does not pay for so few rows of q. Rows of W that are then read at the same time. */
#define I8_SINGLE_ROWS 2
#define I8_SINGLE 4

/* How far ahead weights of a single row are fetched at least, in bytes. */
#define I8_AHEAD 8192

/* Tiles of at least so many rows fetch the rows of q that come next: with each word of W the four planes of one of them. */
#define I8_FETCHED 8

/* Bytes of a panel: it stays in the first cache level. */
#define I8_PANEL (1 << 15)

LB_INLINE vi32 ternary_load(const void *bytes) { return vi32_load((const int32_t *)bytes); }

/* A panel: columns [j, j + cols) of y for the blocks [from, to) of k, of `all` blocks. */
typedef struct {
  const int32_t *words;
  int64_t j;
  int64_t cols;
  int64_t from;
  int64_t to;
  int64_t all;
} TernaryPanel;

/* Adds the products of a plane of a word of each column with four values of each row of q. */
LB_INLINE void ternary_dots(const int R, const int V, const vi32 codes[], const char *q, int64_t stride,
                            vi32 acc[][I8_FEW_VECTORS]) {
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    int32_t four;
    memcpy(&four, q + r * stride, sizeof four);
    vi32 x = vi32_set1(four);
    LB_UNROLL
    for (int v = 0; v < V; v++) {
      acc[r][v] = vi32_dot(acc[r][v], codes[v], x);
    }
  }
}

/* The products of the last block, of which only `left` columns are there: plane by plane, without the padding. */
LB_INLINE void ternary_last(const int R, const int V, const int32_t *words, int64_t left, const char *q, int64_t stride,
                            vi32 acc[][I8_FEW_VECTORS]) {
  for (int p = 0; left > 0; p++) {
    for (int64_t w = 0; w < lb_min(TERNARY_BYTES, left); w += 4) {
      vi32 codes[I8_FEW_VECTORS];
      LB_UNROLL
      for (int v = 0; v < V; v++) {
        vi32 packed = vi32_load(words + w / 4 * V * LB_W + v * LB_W);
        codes[v] = vi32_and(vi32_sar_by(packed, 2 * p), vi32_set1(0x03030303));
      }
      ternary_dots(R, V, codes, q + w, stride, acc);
    }
    q += TERNARY_BYTES;
    left -= TERNARY_BYTES;
  }
}

/*
 * Stores what the sums of codes of a tile make of y, or in parts of k the sums themselves, which wait in y. PLAIN: all columns
 * of the tile are there, its sums are complete, and nobody asks for them. PLAIN and `biased` are constants for such a tile, so
 * that it is stored without a branch or a mask.
 */
LB_INLINE void ternary_store_tile(const int R, const int V, const int PLAIN, const int biased, const Ternary *t,
                                  const TernaryPanel *panel, int64_t i, vi32 acc[][I8_FEW_VECTORS]) {
  int begins = PLAIN || panel->from == 0;
  int ends = PLAIN || panel->to == panel->all;
  int64_t row = ternary_row(t->k);
  const char *heads = t->quantized + i * row;
  float *y = t->y + i * t->y_stride + panel->j;
  int32_t *sums = PLAIN || t->acc == NULL ? NULL : t->acc + i * t->acc_stride + panel->j;
  int64_t n[I8_FEW_VECTORS];
  vf32 scale[I8_FEW_VECTORS];
  vf32 bias[I8_FEW_VECTORS];
  LB_UNROLL
  for (int v = 0; v < V; v++) {
    int64_t j = panel->j + v * LB_W;
    n[v] = PLAIN ? LB_W : lb_max(0, lb_min(LB_W, panel->cols - v * LB_W));
    scale[v] = t->scale_step == 0 ? vf32_set1(t->scale[0]) : vf32_load_n(t->scale + j, n[v], vf32_zero());
    bias[v] = biased ? vf32_load_n(t->bias + j, n[v], vf32_zero()) : vf32_zero();
  }
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    TernaryHead head;
    memcpy(&head, heads + r * row, sizeof head);
    LB_UNROLL
    for (int v = 0; v < V; v++) {
      float *at = y + r * t->y_stride + v * LB_W;
      vi32 sum = acc[r][v];
      if (!begins) {
        sum = vi32_add(sum, vi32_load_n((const int32_t *)(const void *)at, n[v], vi32_set1(0)));
      }
      if (!ends) {
        vi32_store_n((int32_t *)(void *)at, sum, n[v]);
        continue;
      }
      sum = vi32_sub(sum, vi32_set1(head.sum));
      if (sums != NULL) {
        vi32_store_n(sums + r * t->acc_stride + v * LB_W, sum, n[v]);
      }
      vf32 value = vf32_mul(vf32_mul(vi32_to_f32(sum), vf32_set1(head.step)), scale[v]);
      value = biased ? vf32_add(value, bias[v]) : value;
      if (PLAIN) {
        vf32_store(at, value);
      } else {
        vf32_store_n(at, value, n[v]);
      }
    }
  }
}

LB_INLINE void ternary_store(const int R, const int V, const Ternary *t, const TernaryPanel *panel, int64_t i,
                             vi32 acc[][I8_FEW_VECTORS]) {
  int biased = t->bias != NULL;
  if (panel->from > 0 || panel->to < panel->all || panel->cols < V * LB_W || t->acc != NULL) {
    ternary_store_tile(R, V, 0, biased, t, panel, i, acc);
  } else if (biased) {
    ternary_store_tile(R, V, 1, 1, t, panel, i, acc);
  } else {
    ternary_store_tile(R, V, 1, 0, t, panel, i, acc);
  }
}

/*
 * R rows of y from row i on, the columns of a panel of V vectors. Weights from `ahead` on, where the lines of another panel
 * begin `line` bytes apart, are fetched.
 */
LB_INLINE void ternary_tile(const int R, const int V, const Ternary *t, const TernaryPanel *panel, int64_t i,
                            const uint8_t *ahead, int64_t line) {
  int64_t stride = ternary_row(t->k);
  const char *first = t->quantized + i * stride + TERNARY_HEAD + panel->from * TERNARY_BLOCK;
  const char *q = first;
  const int32_t *words = panel->words;
  /* Columns of the last block; nearly as many as there are in a block are counted as all. */
  int64_t left = t->k - (panel->to - 1) * TERNARY_BLOCK;
  int64_t to = left > TERNARY_BLOCK - TERNARY_BYTES ? panel->to : panel->to - 1;
  vi32 mask = vi32_set1(0x03030303);
  vi32 acc[I8_ROWS][I8_FEW_VECTORS];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    LB_UNROLL
    for (int v = 0; v < V; v++) {
      acc[r][v] = vi32_set1(0);
      /* Rows of y are far from each other: nothing else brings them near before the stores. */
      if (v * LB_W < panel->cols) {
        LB_PREFETCH_WRITE(t->y + (i + r) * t->y_stride + panel->j + v * LB_W);
      }
    }
  }
  for (int64_t b = panel->from; b < to; b++) {
    const uint8_t *next = ahead;
    /* The rows of q for the next block; after the last one, for the tile below. */
    const char *soon = b + 1 < to ? q + TERNARY_BLOCK : first + R * stride;
    for (int64_t w = 0; w < TERNARY_BYTES; w += 4) {
      LB_UNROLL
      for (int v = 0; v < V * LB_W / 16; v++) {
        LB_PREFETCH_FAR(next);
        next += line;
      }
      LB_UNROLL
      for (int p = 0; p < TERNARY_PLANES; p++) {
        vi32 codes[I8_FEW_VECTORS];
        LB_UNROLL
        for (int v = 0; v < V; v++) {
          codes[v] = vi32_and(vi32_shr(vi32_load(words + v * LB_W), 2 * p), mask);
        }
        if (R >= I8_FETCHED) {
          LB_PREFETCH(soon + p * TERNARY_BYTES);
        }
        ternary_dots(R, V, codes, q + p * TERNARY_BYTES, stride, acc);
      }
      words += V * LB_W;
      q += 4;
      soon += stride;
    }
    q += TERNARY_BLOCK - TERNARY_BYTES;
    ahead += TERNARY_BYTES;
  }
  if (to < panel->to) {
    ternary_last(R, V, words, left, q, stride, acc);
  }
  ternary_store(R, V, t, panel, i, acc);
}

typedef void TernaryTile(const Ternary *t, const TernaryPanel *panel, int64_t i, const uint8_t *ahead, int64_t line);

#define TERNARY_TILE(R)                                                                                           \
  LB_NOINLINE void ternary_tile_##R(const Ternary *t, const TernaryPanel *panel, int64_t i, const uint8_t *ahead, \
                                    int64_t line) {                                                               \
    ternary_tile(R, R <= I8_FEW ? I8_FEW_VECTORS : I8_VECTORS, t, panel, i, ahead, line);                         \
  }

#if I8_ROWS < 12
TERNARY_TILE(2)
#endif
TERNARY_TILE(3)
TERNARY_TILE(4)
#if I8_ROWS >= 12
TERNARY_TILE(5)
TERNARY_TILE(6)
TERNARY_TILE(7)
TERNARY_TILE(8)
TERNARY_TILE(9)
TERNARY_TILE(10)
TERNARY_TILE(11)
TERNARY_TILE(12)
#endif

static TernaryTile *const TERNARY_TILES[I8_ROWS + 1] = {
    NULL,
    NULL,
#if I8_ROWS < 12
    ternary_tile_2,
#else
    NULL,
#endif
    ternary_tile_3,
    ternary_tile_4,
#if I8_ROWS >= 12
    ternary_tile_5, ternary_tile_6, ternary_tile_7, ternary_tile_8, ternary_tile_9, ternary_tile_10, ternary_tile_11,
    ternary_tile_12,
#endif
};

/* More than I8_SINGLE_ROWS rows. Heights of tiles differ by one; with more than one tile none has few rows. */
LB_NOINLINE void ternary_panels(const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to) {
  _Alignas(64) int32_t words[I8_PANEL / 4];
  int64_t blocks = ternary_blocks(t->k);
  int64_t bytes = blocks * TERNARY_BYTES;
  int64_t width = (to - from <= I8_FEW ? I8_FEW_VECTORS : I8_VECTORS) * LB_W;
  int64_t chunk = I8_PANEL / (width * TERNARY_BYTES);
  for (int64_t j = col_from; j < col_to; j += width) {
    TernaryPanel panel = {words, j, lb_min(width, col_to - j), 0, 0, blocks};
    if (panel.cols < width) {
      memset(words, 0, (size_t)(lb_min(chunk, blocks) * width * TERNARY_BYTES));
    }
    /* Once at least: with k = 0 there are no sums, but y. */
    do {
      panel.to = lb_min(blocks, panel.from + chunk);
      const uint8_t *first = t->weights + j * bytes + panel.from * TERNARY_BYTES;
      const uint8_t *ahead = panel.to < blocks ? first + chunk * TERNARY_BYTES : t->weights + (j + width) * bytes;
      int64_t line = bytes;
      words_turn(first, bytes, (panel.to - panel.from) * TERNARY_BYTES, panel.cols, words, width, 0, 0);
      int64_t rows;
      for (int64_t i = from; i < to; i += rows) {
        rows = ternary_next(to - i, I8_ROWS);
        TERNARY_TILES[rows](t, &panel, i, ahead, line);
        /* Once is enough. */
        ahead = first;
        line = 0;
      }
      panel.from = panel.to;
    } while (panel.from < blocks);
  }
}

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

/*
 * The sums of codes of I8_SINGLE rows of W with one row of q. What begins at `ahead` is fetched in the order in which it lies in
 * memory.
 */
LB_INLINE void ternary_single(const uint8_t *const w[], int64_t blocks, const char *q, const uint8_t *ahead, vi32 out[]) {
  vi32 first = vi32_set1(0x03030303);
  vi32 second = vi32_set1(0x0c0c0c0c);
  /* Of the planes 0 and 2, and of 1 and 3, which count four times. */
  vi32 acc[I8_SINGLE][2];
  LB_UNROLL
  for (int r = 0; r < I8_SINGLE; r++) {
    acc[r][0] = vi32_set1(0);
    acc[r][1] = vi32_set1(0);
  }
  for (int64_t b = 0; b < blocks * TERNARY_BYTES; b += TERNARY_BYTES) {
    LB_UNROLL
    for (int h = 0; h < TERNARY_BYTES; h += LB_VB) {
      vi32 qs[TERNARY_PLANES];
      LB_UNROLL
      for (int p = 0; p < TERNARY_PLANES; p++) {
        qs[p] = ternary_load(q + TERNARY_PLANES * b + p * TERNARY_BYTES + h);
      }
      LB_UNROLL
      for (int r = 0; r < I8_SINGLE; r++) {
        vi32 bytes = ternary_load(w[r] + b + h);
        vi32 upper = vi32_shr(bytes, 4);
        acc[r][0] = vi32_dot(acc[r][0], vi32_and(bytes, first), qs[0]);
        acc[r][1] = vi32_dot(acc[r][1], vi32_and(bytes, second), qs[1]);
        acc[r][0] = vi32_dot(acc[r][0], vi32_and(upper, first), qs[2]);
        acc[r][1] = vi32_dot(acc[r][1], vi32_and(upper, second), qs[3]);
      }
    }
    LB_UNROLL
    for (int r = 0; r < I8_SINGLE; r++) {
      LB_PREFETCH_FAR(ahead + I8_SINGLE * b + r * TERNARY_BYTES);
    }
  }
  LB_UNROLL
  for (int r = 0; r < I8_SINGLE; r++) {
    out[r] = vi32_add(acc[r][0], vi32_sar(acc[r][1], 2));
  }
}

/* Few rows of y. After the first of them W comes from the cache. */
LB_NOINLINE void ternary_single_rows(const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to) {
  int64_t blocks = ternary_blocks(t->k);
  int64_t bytes = blocks * TERNARY_BYTES;
  /* As far as the rows that are read next, or further. */
  int64_t ahead = lb_max(I8_AHEAD, I8_SINGLE * bytes);
  for (int64_t j = col_from; j < col_to; j += I8_SINGLE) {
    for (int64_t i = from; i < to; i++) {
      const char *q = t->quantized + i * ternary_row(t->k) + TERNARY_HEAD;
      const uint8_t *w[I8_SINGLE];
      vi32 sums[I8_SINGLE];
      LB_UNROLL
      for (int r = 0; r < I8_SINGLE; r++) {
        /* Past the last column: that one again. */
        w[r] = t->weights + lb_min(j + r, col_to - 1) * bytes;
      }
      ternary_single(w, blocks, q, w[0] + ahead, sums);
      ternary_store4(t, i, j, col_to - j, vi32_sum4(sums[0], sums[1], sums[2], sums[3]));
    }
  }
}

int32_t LB_TIER(lb_gemm_ternary_i8)(const Ternary *t, int64_t from, int64_t to, int64_t col_from, int64_t col_to) {
  if (to - from <= I8_SINGLE_ROWS) {
    ternary_single_rows(t, from, to, col_from, col_to);
  } else {
    ternary_panels(t, from, to, col_from, col_to);
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
