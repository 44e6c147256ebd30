// SPDX-License-Identifier: Apache-2.0
/*
 * Tiles of C: R rows and V vectors of columns, summed in registers over one block of k. Every tile adds the products of an
 * element in the order of k, so that the bits of C do not depend on which tile an element falls into.
 */

/*
 * The highest tile, and the vectors of its rows: as many accumulators as registers allow beside those of B and one of A.
 * Tiles of at most four rows that read B where it lies are wider, so that they have enough sums in progress too.
 */
#if LB_W == 16
#define LB_MR 12
#define LB_NV 2
#define LB_NV_8 3
#define LB_NV_4 6
#elif defined(__AVX2__)
#define LB_MR 6
#define LB_NV 2
#define LB_NV_4 3
#else
#define LB_MR 4
#define LB_NV 1
#define LB_NV_4 1
#endif
#define LB_NR (LB_NV * LB_W)

/* Products between which a tile fetches something for later: at once, that would hold up what is needed now. */
#define GEMM_PACE 16

/*
 * Rows of B by which a tile of R rows fetches ahead where B is not packed: enough to wait for memory, and for low tiles,
 * which read B fastest, no more than the second cache level keeps of rows that lie a power of two apart.
 */
#define GEMM_ROWS_AHEAD(R) ((R) > 8 ? 96 : 48)

/* A multiple of the columns of all tiles that read B where it lies. */
#define GEMM_DIRECT_STEP 96

/* A part of A that is read soon: rows of whole cache lines, some lines of which are fetched at a time. */
typedef struct {
  const float *at;
  int64_t ld, rows, length;
  /* The row and the element that come next. */
  int64_t row, col;
  int64_t lines;
} GemmAhead;

LB_INLINE void gemm_fetch(GemmAhead *f) {
  for (int64_t i = f->row < f->rows ? f->lines : 0; i > 0; i--) {
    LB_PREFETCH(f->at + f->col);
    f->col += GEMM_CACHE_LINE;
    if (f->col >= f->length) {
      f->col = 0;
      f->at += f->ld;
      f->row++;
    }
  }
}

/* What a tile reads and writes. */
typedef struct {
  int64_t depth;
  /* Elements of op(A): rows this distance apart and k adjacent; or k this distance apart and rows adjacent. */
  const float *a;
  int64_t distance;
  /* Rows of op(B); `next` elements further lies what is read after this tile. */
  const float *b;
  int64_t pitch;
  int64_t next;
  /* Where the rows of B are packed. */
  float *panel;
  /* Where a copying tile leaves op(A): adjacent rows again adjacent, others GEMM_COPY_LINE(depth) apart. */
  float *copy;
  float alpha, beta;
  float *c;
  int64_t ldc;
  GemmAhead *ahead;
  /* Columns that exist in C. */
  int64_t cols;
} GemmTile;

/* Where a tile reads B: in a packed panel, where it lies, or there while it packs the panel for the tiles that follow. */
enum { GEMM_PACKED, GEMM_DIRECT, GEMM_PACKING };

/* C becomes alpha times the sums plus beta C. */
LB_INLINE void gemm_tile_end(const int R, const int V, const GemmTile *t, vf32 acc[][LB_NV_4]) {
  vf32 factor = vf32_set1(t->alpha);
  vf32 before = vf32_set1(t->beta);
  float *c = t->c;
  LB_UNROLL
  for (int r = 0; r < R; r++, c += t->ldc) {
    LB_UNROLL
    for (int v = 0; v < V; v++) {
      float *to = c + v * LB_W;
      int64_t n = t->cols - v * LB_W;
      if (n >= LB_W) {
        vf32 sum = t->beta == 0 ? vf32_mul(factor, acc[r][v])
                                : vf32_fma(factor, acc[r][v], vf32_mul(before, vf32_load(to)));
        vf32_store(to, sum);
      } else if (n > 0) {
        vf32 sum = t->beta == 0 ? vf32_mul(factor, acc[r][v])
                                : vf32_fma(factor, acc[r][v], vf32_mul(before, vf32_load_n(to, n, vf32_zero())));
        vf32_store_n(to, sum, n);
      }
    }
  }
}

/* Copies the elements of R rows of A that the next GEMM_PACE products take, `left` of which there are. */
LB_INLINE void gemm_copy_rows(const int R, const GemmTile *t, int64_t left, float *to, int64_t line) {
  const float *from = t->a + (t->depth - left);
  LB_UNROLL
  for (int r = 0; r < R; r++, from += t->distance, to += line) {
    LB_UNROLL
    for (int64_t v = 0; v < GEMM_PACE; v += LB_W) {
      vf32 x = left >= v + LB_W ? vf32_load(from + v) : vf32_load_n(from + v, lb_max(0, left - v), vf32_zero());
      vf32_store(to + v, x);
    }
  }
}

/*
 * A tile. R, V, by_k, where and copying are constants after inlining; by_k: the rows of op(A) are adjacent; copying: op(A)
 * is copied for the tiles that follow, rows that are not adjacent for this one too.
 */
LB_INLINE void gemm_tile(const int R, const int V, const int by_k, const int where, const int copying, const GemmTile *t) {
  vf32 acc[LB_MR][LB_NV_4];
  LB_UNROLL
  for (int r = 0; r < R; r++) {
    LB_UNROLL
    for (int v = 0; v < V; v++) {
      acc[r][v] = vf32_zero();
    }
  }
  const float *old = t->c;
  int64_t olds = R;
  GemmAhead *ahead = t->ahead;
  const float *b = t->b;
  float *panel = t->panel;
  float *copy = t->copy;
  const int64_t pitch = where == GEMM_PACKED ? V * LB_W : t->pitch;
  const int64_t next = t->next;
  /* Four rows of A to a pointer: their addresses are the pointer and one, two or three times the distance. */
  const int64_t row = by_k ? 1 : copying ? GEMM_COPY_LINE(t->depth) : t->distance;
  const int64_t step = by_k ? t->distance : 1;
  const float *a0 = copying && !by_k ? copy : t->a;
  const float *a4 = a0 + 4 * row;
  const float *a8 = a0 + 8 * row;
  const int64_t row3 = 3 * row;
  for (int64_t left = t->depth; left > 0; left -= GEMM_PACE) {
    if (olds > 0) {
      LB_PREFETCH(old);
      LB_PREFETCH(old + t->cols - 1);
      old += t->ldc;
      olds--;
    }
    gemm_fetch(ahead);
    if (copying && !by_k) {
      gemm_copy_rows(R, t, left, copy, row);
      copy += GEMM_PACE;
    }
    /* The row of B that is fetched: of this tile or, towards the end, of the next. */
    int64_t rows_ahead = left > GEMM_ROWS_AHEAD(R) ? GEMM_ROWS_AHEAD(R) : GEMM_ROWS_AHEAD(R) - t->depth;
    const float *row_ahead = b + rows_ahead * pitch + (rows_ahead == GEMM_ROWS_AHEAD(R) ? 0 : next);
    for (int64_t p = lb_min(left, GEMM_PACE); p > 0; p--) {
      vf32 bs[LB_NV_4];
      LB_UNROLL
      for (int v = 0; v < V; v++) {
        bs[v] = vf32_load(b + v * LB_W);
        if (where == GEMM_PACKING) {
          vf32_store(panel + v * LB_W, bs[v]);
        }
        if (where != GEMM_PACKED) {
          /* The last element: where B is not aligned, the line of the first was fetched with the columns before. */
          LB_PREFETCH_FAR(row_ahead + v * LB_W + LB_W - 1);
        }
      }
      if (copying && by_k) {
        LB_PREFETCH(a0 + GEMM_PACE * step);
        LB_PREFETCH(a0 + GEMM_PACE * step + R - 1);
        vf32_store_n(copy, vf32_load_n(a0, R, vf32_zero()), R);
        copy += R;
      }
      LB_UNROLL
      for (int r = 0; r < R; r++) {
        const float *four = r < 4 ? a0 : r < 8 ? a4 : a8;
        vf32 as = vf32_set1(four[by_k ? r % 4 : r % 4 == 3 ? row3 : r % 4 * row]);
        LB_UNROLL
        for (int v = 0; v < V; v++) {
          acc[r][v] = vf32_fma(as, bs[v], acc[r][v]);
        }
      }
      a0 += step;
      a4 += step;
      a8 += step;
      /* GCC 12 would merge the loads of elements with those of the next k, slowly, and read past the last ones. */
      LB_FORGET(a0);
      LB_FORGET(a4);
      b += pitch;
      row_ahead += pitch;
      panel += LB_NR;
    }
  }
  gemm_tile_end(R, V, t, acc);
}

typedef void GemmKernel(const GemmTile *t);

/* The tiles of a height, each for rows of op(A) and for adjacent ones. */
typedef struct {
  int64_t rows;
  GemmKernel *packed[2];
  GemmKernel *copying[2];
  /* Of one vector. */
  GemmKernel *narrow[2];
  GemmKernel *direct[2];
  int64_t direct_cols;
} GemmHeight;

#define GEMM_KERNELS_OF(R, WIDE)                                                                           \
  LB_NOINLINE void gemm_rows_##R(const GemmTile *t) { gemm_tile(R, LB_NV, 0, GEMM_PACKED, 0, t); }         \
  LB_NOINLINE void gemm_cols_##R(const GemmTile *t) { gemm_tile(R, LB_NV, 1, GEMM_PACKED, 0, t); }         \
  LB_NOINLINE void gemm_rows_copying_##R(const GemmTile *t) { gemm_tile(R, LB_NV, 0, GEMM_PACKED, 1, t); } \
  LB_NOINLINE void gemm_cols_copying_##R(const GemmTile *t) { gemm_tile(R, LB_NV, 1, GEMM_PACKED, 1, t); } \
  LB_NOINLINE void gemm_rows_narrow_##R(const GemmTile *t) { gemm_tile(R, 1, 0, GEMM_PACKED, 0, t); }      \
  LB_NOINLINE void gemm_cols_narrow_##R(const GemmTile *t) { gemm_tile(R, 1, 1, GEMM_PACKED, 0, t); }      \
  LB_NOINLINE void gemm_rows_direct_##R(const GemmTile *t) { gemm_tile(R, WIDE, 0, GEMM_DIRECT, 0, t); }   \
  LB_NOINLINE void gemm_cols_direct_##R(const GemmTile *t) { gemm_tile(R, WIDE, 1, GEMM_DIRECT, 0, t); }

#define GEMM_HEIGHT_OF(R, WIDE)                                                                                 \
  {                                                                                                             \
    R, {gemm_rows_##R, gemm_cols_##R}, {gemm_rows_copying_##R, gemm_cols_copying_##R},                          \
        {gemm_rows_narrow_##R, gemm_cols_narrow_##R}, {gemm_rows_direct_##R, gemm_cols_direct_##R}, WIDE * LB_W \
  }

GEMM_KERNELS_OF(1, LB_NV_4)
GEMM_KERNELS_OF(2, LB_NV_4)
GEMM_KERNELS_OF(3, LB_NV_4)
GEMM_KERNELS_OF(4, LB_NV_4)
#if LB_MR == 6
GEMM_KERNELS_OF(6, LB_NV)
#elif LB_MR == 12
GEMM_KERNELS_OF(8, LB_NV_8)
GEMM_KERNELS_OF(12, LB_NV)
#endif

static const GemmHeight GEMM_HEIGHTS[] = {
#if LB_MR == 6
    GEMM_HEIGHT_OF(6, LB_NV),
#elif LB_MR == 12
    GEMM_HEIGHT_OF(12, LB_NV), GEMM_HEIGHT_OF(8, LB_NV_8),
#endif
    GEMM_HEIGHT_OF(4, LB_NV_4), GEMM_HEIGHT_OF(3, LB_NV_4), GEMM_HEIGHT_OF(2, LB_NV_4), GEMM_HEIGHT_OF(1, LB_NV_4)};

LB_NOINLINE void gemm_rows_packing(const GemmTile *t) { gemm_tile(LB_MR, LB_NV, 0, GEMM_PACKING, 0, t); }
LB_NOINLINE void gemm_cols_packing(const GemmTile *t) { gemm_tile(LB_MR, LB_NV, 1, GEMM_PACKING, 0, t); }

/* The tiles of the next of this many rows: the highest, or two of two thirds rather than one and a low one. */
LB_INLINE const GemmHeight *gemm_height(int64_t rows) {
  const GemmHeight *h = GEMM_HEIGHTS;
  while (h->rows > rows || (LB_MR % 3 == 0 && h->rows == LB_MR && rows == LB_MR / 3 * 4)) {
    h++;
  }
  return h;
}
