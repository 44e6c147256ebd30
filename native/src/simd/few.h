// SPDX-License-Identifier: Apache-2.0
/*
 * Products with few rows or columns, where packing would cost more than the product: the large operand is read once, where it
 * lies. The lines are the few rows (or columns) of C, and are copied to scratch as words: see words.h, whose functions of a
 * stem are used here too. A stem defines besides, before it includes this:
 *
 * - FEW_TYPE, an element, and FEW_PER_WORD, how many of them a word holds: 1, 2 or 4
 * - FEW_RAW, 1 if words hold elements as they lie in memory
 * - few_load(p), FEW_COLS elements as LB_W words
 * - FEW_FLIP, with which words of the large operand are xored before vacc_dot has them as its last factor
 * - few_start(line, k), where the sums of a line of k elements start; few_begin(sum, start) adds it
 * - vacc_of(words) and vacc_words(sum), between LB_W sums and words
 * - vacc_sum4(a, b, c, d, to), which adds the sums of the lanes of four to four words
 *
 * Dots: the large operand is stored along k, and each element is a dot product, summed in lanes. Sums: it is stored across k,
 * and lines are sums of multiples of its rows. The order in which an element is summed depends on k and the number of lines.
 */
#ifndef LB_FEW_H
#define LB_FEW_H

#include "few_call.h"

/* Vectors of words that some rows of FEW_COLS columns make, and elements that LB_W words hold. */
#define FEW_VECTORS FEW_PER_WORD
#define FEW_COLS (FEW_PER_WORD * LB_W)

/* Lines that are multiplied at a time with four rows of the large operand. */
#if LB_W == 16
#define FEW_GROUP 6
#elif defined(__AVX2__)
#define FEW_GROUP 2
#else
#define FEW_GROUP 1
#endif

/* Words of each line that are multiplied at a time with as many words of each column. */
#define FEW_DEEP 4

/* Rows of the large operand in a strip of dot products. */
#define FEW_DOTS 256

/* Bytes of all lines, or at least of each, that are multiplied at a time in dot products: they stay in the first level. */
#define FEW_NEAR 16384
#define FEW_SHORT 2048

/* How far ahead the large operand is fetched, in bytes as they are read, and the bytes of a cache line. */
#define FEW_FAR 8192
#define FEW_CACHE_LINE 64

/* What is fetched lies `here` elements further in the same rows or, from element `near` on, `next` further in later ones. */
typedef struct {
  int64_t near, here, next;
} FewAhead;

/* Where to fetch what is read later, from rows of `length` elements, `together` at a time and `apart` elements for those. */
LB_INLINE FewAhead few_ahead(int64_t together, int64_t length, int64_t apart) {
  int64_t far = FEW_FAR / (together * (int64_t)sizeof(FEW_TYPE));
  int64_t here = far / length * apart + far % length;
  return (FewAhead){length - far % length, here, here + apart - length};
}

LB_INLINE int64_t few_further(const FewAhead *ahead, int64_t at) { return at < ahead->near ? ahead->here : ahead->next; }

/* Whether the elements from one on, as few_load has them, are the first ones of a cache line if that begins with a row. */
LB_INLINE int few_new_line(int64_t at) { return at * (int64_t)sizeof(FEW_TYPE) % FEW_CACHE_LINE == 0; }

/* The first n elements, and zeros; reads no others. */
LB_INLINE vi32 few_load_n(const FEW_TYPE *from, int64_t n) {
#if FEW_RAW
  return _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, (uint32_t)(n * (int64_t)sizeof *from)), from);
#else
  FEW_TYPE part[FEW_COLS];
  memset(part, 0, sizeof part);
  memcpy(part, from, (size_t)n * sizeof *from);
  return few_load(part);
#endif
}

/* Elements of the large operand. */
LB_INLINE vi32 few_large(const int whole, const FEW_TYPE *from, int64_t n) {
  vi32 words = whole ? few_load(from) : few_load_n(from, n);
  return FEW_FLIP == 0 ? words : vi32_xor(words, vi32_set1(FEW_FLIP));
}

/* Copies a line as words, filled up with zeros to whole vectors. */
static void few_copy(const FEW_TYPE *from, int64_t along, int64_t k, int32_t *to) {
  for (int64_t p = 0; p < k; p += FEW_COLS, to += LB_W) {
    int64_t n = lb_min(FEW_COLS, k - p);
    if (along == 1) {
      vi32_store(to, n == FEW_COLS ? few_load(from + p) : few_load_n(from + p, n));
    } else {
      FEW_TYPE part[FEW_COLS];
      for (int64_t e = 0; e < n; e++) {
        part[e] = from[(p + e) * along];
      }
      vi32_store(to, few_load_n(part, n));
    }
  }
}

/* Lines as words, `pitch` words apart, and their sums for a strip of the large operand, `strip` words apart. */
typedef struct {
  int64_t lines;
  const int32_t *x;
  int64_t pitch;
  int32_t *sums;
  int64_t strip;
} FewLines;

/* Adds the dot products of k elements of four rows with L lines; the rows that come next lie `apart` elements further. */
LB_INLINE void few_dots(const int L, const FewLines *f, const FEW_TYPE *const rows[4], int64_t apart, int64_t k) {
  const FEW_TYPE *row[4] = {rows[0], rows[1], rows[2], rows[3]};
  const int32_t *x = f->x;
  const int64_t pitch = f->pitch;
  vacc acc[FEW_GROUP][4];
  LB_UNROLL
  for (int l = 0; l < L; l++) {
    LB_UNROLL
    for (int s = 0; s < 4; s++) {
      acc[l][s] = vacc_start(0);
    }
  }
  FewAhead ahead = few_ahead(4, k, apart);
  int64_t p = 0;
  for (; p + FEW_COLS <= k; p += FEW_COLS, x += LB_W) {
    vi32 r[4];
    LB_UNROLL
    for (int s = 0; s < 4; s++) {
      r[s] = few_large(1, row[s] + p, FEW_COLS);
    }
    if (few_new_line(p)) {
      int64_t further = p + few_further(&ahead, p);
      LB_UNROLL
      for (int s = 0; s < 4; s++) {
        LB_PREFETCH_FAR(row[s] + further);
      }
    }
    LB_UNROLL
    for (int l = 0; l < L; l++) {
      vi32 xs = vi32_load(x + l * pitch);
      LB_UNROLL
      for (int s = 0; s < 4; s++) {
        acc[l][s] = vacc_dot(acc[l][s], xs, r[s]);
      }
    }
  }
  if (p < k) {
    LB_UNROLL
    for (int s = 0; s < 4; s++) {
      vi32 r = few_large(0, row[s] + p, k - p);
      LB_UNROLL
      for (int l = 0; l < L; l++) {
        acc[l][s] = vacc_dot(acc[l][s], vi32_load(x + l * pitch), r);
      }
    }
  }
  LB_UNROLL
  for (int l = 0; l < L; l++) {
    vacc_sum4(acc[l][0], acc[l][1], acc[l][2], acc[l][3], f->sums + l * f->strip);
  }
}

typedef void FewDots(const FewLines *f, const FEW_TYPE *const rows[4], int64_t apart, int64_t k);

#define FEW_DOTS_OF(L)                                                                                       \
  LB_NOINLINE void few_dots_##L(const FewLines *f, const FEW_TYPE *const rows[4], int64_t apart, int64_t k) { \
    few_dots(L, f, rows, apart, k);                                                                          \
  }

FEW_DOTS_OF(1)
#if FEW_GROUP >= 2
FEW_DOTS_OF(2)
#endif
#if FEW_GROUP >= 6
FEW_DOTS_OF(3)
FEW_DOTS_OF(4)
FEW_DOTS_OF(5)
FEW_DOTS_OF(6)
#endif

static FewDots *const FEW_DOTS_OF_LINES[FEW_GROUP] = {
    few_dots_1,
#if FEW_GROUP >= 2
    few_dots_2,
#endif
#if FEW_GROUP >= 6
    few_dots_3, few_dots_4, few_dots_5, few_dots_6,
#endif
};

/* Elements of the sums that are multiplied at a time, in equal parts. */
static int64_t few_depth(int64_t lines, int64_t k) {
  int64_t most = lb_max(FEW_NEAR / lines, FEW_SHORT) / (int64_t)sizeof(FEW_TYPE);
  int64_t parts = (k + most - 1) / most;
  return (k + parts * FEW_COLS - 1) / (parts * FEW_COLS) * FEW_COLS;
}

/* The dot products of rows [0, count) of the large operand. */
static void few_dot_strip(const FewLines *f, const FEW_TYPE *large, int64_t stride, int64_t k, int64_t count) {
  int64_t groups = (f->lines + FEW_GROUP - 1) / FEW_GROUP;
  int64_t depth = few_depth(f->lines, lb_max(1, k));
  for (int64_t p = 0; p < k; p += depth) {
    for (int64_t i = 0; i < count; i += 4) {
      const FEW_TYPE *rows[4];
      for (int64_t s = 0; s < 4; s++) {
        /* Past the last row: that one again. */
        rows[s] = large + lb_min(i + s, count - 1) * stride + p;
      }
      FewLines some = {0, f->x + p / FEW_PER_WORD, f->pitch, f->sums + i, f->strip};
      for (int64_t g = 0; g < groups; g++) {
        some.x += some.lines * f->pitch;
        some.sums += some.lines * f->strip;
        some.lines = (f->lines * (g + 1)) / groups - f->lines * g / groups;
        FEW_DOTS_OF_LINES[some.lines - 1](&some, rows, 4 * stride, lb_min(depth, k - p));
      }
    }
  }
}

/*
 * `rows` rows of at most FEW_PER_WORD elements of the sums, of n columns, as words of each column. The first four columns are
 * in the first vector, the next four in the second, and so on around the FEW_VECTORS vectors.
 */
LB_INLINE void few_words(const int whole, const FEW_TYPE *from, int64_t stride, int64_t rows, int64_t n, vi32 words[]) {
  vi32 r[FEW_PER_WORD];
  LB_UNROLL
  for (int p = 0; p < FEW_PER_WORD; p++) {
    r[p] = few_large(whole, from + p * stride, p < rows ? n : 0);
  }
#if FEW_PER_WORD == 4
  vi32_mix_bytes(r, words);
#elif FEW_PER_WORD == 2
  vi32_mix_halves(r[0], r[1], words);
#else
  words[0] = r[0];
#endif
}

/* Rows of the large operand from an element of the sums on, all or the n columns that are left, and what is fetched. */
typedef struct {
  const FEW_TYPE *from;
  int64_t stride;
  int64_t rows;
  int64_t n;
  /* So many elements further, unless 0. */
  int64_t further;
} FewRows;

/* Adds the products of D words of each line with D words of each of FEW_COLS columns. */
LB_INLINE void few_add(const int D, const int whole, const FewLines *f, const FewRows *r, int64_t p, int64_t column) {
  vi32 words[FEW_DEEP][FEW_VECTORS];
  LB_UNROLL
  for (int d = 0; d < D; d++) {
    const FEW_TYPE *from = r->from + column + d * FEW_PER_WORD * r->stride;
    few_words(whole, from, r->stride, r->rows - d * FEW_PER_WORD, r->n, words[d]);
    if (r->further != 0) {
      LB_UNROLL
      for (int e = 0; e < FEW_PER_WORD; e++) {
        LB_PREFETCH_FAR(from + e * r->stride + r->further);
      }
    }
  }
  const int32_t *x = f->x + p / FEW_PER_WORD;
  int32_t *sums = f->sums + column;
  for (int64_t l = 0; l < f->lines; l++) {
    vacc acc[FEW_VECTORS];
    LB_UNROLL
    for (int v = 0; v < FEW_VECTORS; v++) {
      acc[v] = vacc_of(vi32_load(sums + v * LB_W));
    }
    LB_UNROLL
    for (int d = 0; d < D; d++) {
      vi32 xs = vi32_set1(x[d]);
      LB_UNROLL
      for (int v = 0; v < FEW_VECTORS; v++) {
        acc[v] = vacc_dot(acc[v], xs, words[d][v]);
      }
    }
    LB_UNROLL
    for (int v = 0; v < FEW_VECTORS; v++) {
      vi32_store(sums + v * LB_W, vacc_words(acc[v]));
    }
    x += f->pitch;
    sums += f->strip;
  }
}

/* Puts sums of FEW_COLS columns into the order of the columns. */
LB_INLINE void few_order(int32_t *sums) {
  int32_t groups[FEW_COLS];
  for (int v = 0; v < FEW_VECTORS; v++) {
    for (int g = 0; g < LB_W / 4; g++) {
      memcpy(groups + 4 * (g * FEW_VECTORS + v), sums + v * LB_W + 4 * g, 4 * sizeof(int32_t));
    }
  }
  memcpy(sums, groups, sizeof groups);
}

/* The sums of multiples of k rows, of columns [0, count). */
static void few_sum_strip(const FewLines *f, const FEW_TYPE *large, int64_t stride, int64_t k, int64_t count) {
  const int64_t deep = FEW_DEEP * FEW_PER_WORD;
  int64_t whole = count / FEW_COLS * FEW_COLS;
  FewAhead ahead = few_ahead(deep, count, deep * stride);
  int64_t p = 0;
  for (; p + deep <= k; p += deep) {
    FewRows r = {large + p * stride, stride, deep, FEW_COLS, 0};
    for (int64_t c = 0; c < whole; c += FEW_COLS) {
      r.further = few_new_line(c) ? few_further(&ahead, c) : 0;
      few_add(FEW_DEEP, 1, f, &r, p, c);
    }
    if (whole < count) {
      r.n = count - whole;
      r.further = few_further(&ahead, whole);
      few_add(FEW_DEEP, 0, f, &r, p, whole);
    }
  }
  for (; p < k; p += FEW_PER_WORD) {
    FewRows r = {large + p * stride, stride, k - p, 0, 0};
    for (int64_t c = 0; c < count; c += FEW_COLS) {
      r.n = lb_min(FEW_COLS, count - c);
      few_add(1, 0, f, &r, p, c);
    }
  }
  for (int64_t l = 0; l < f->lines && FEW_VECTORS > 1; l++) {
    for (int64_t c = 0; c < count; c += FEW_COLS) {
      few_order(f->sums + l * f->strip + c);
    }
  }
}

/* Makes elements of C from the sums of elements [i, i + count) of all lines. */
static void few_finish(const FewLines *f, const WORDS_CALL *call, int turned, int64_t i, int64_t count,
                       const int32_t *starts) {
  if (!turned) {
    for (int64_t l = 0; l < f->lines; l++) {
      for (int64_t c = 0; c < count; c += LB_W) {
        vacc sum = vacc_of(vi32_load(f->sums + l * f->strip + c));
        words_store(call, l, i + c, lb_min(LB_W, count - c), few_begin(sum, vi32_set1(starts[l])));
      }
    }
    return;
  }
  for (int64_t r = 0; r < count; r++) {
    for (int64_t l = 0; l < f->lines; l += LB_W) {
      int32_t row[LB_W] = {0};
      int64_t n = lb_min(LB_W, f->lines - l);
      for (int64_t e = 0; e < n; e++) {
        row[e] = f->sums[(l + e) * f->strip + r];
      }
      words_store(call, i + r, l, n, few_begin(vacc_of(vi32_load(row)), vi32_load(starts + l)));
    }
  }
}

/* The elements [from, to) of all lines of C. */
static void few_multiply(const Few *few, const WORDS_CALL *call, int64_t from, int64_t to) {
  int32_t *starts = few->scratch;
  int32_t *sums = starts + FEW_STARTS;
  int32_t *x = sums + FEW_SUMS;
  int64_t k = few->k;
  const FEW_TYPE *lines = few->x;
  const FEW_TYPE *large = few->large;
  if (few->lines == 0) {
    return;
  }
  int64_t most = few->dots ? FEW_DOTS : FEW_SUMS / few->lines / FEW_COLS * FEW_COLS;
  int64_t strip = lb_min(most, (to - from + FEW_COLS - 1) / FEW_COLS * FEW_COLS);
  FewLines f = {few->lines, x, few_pitch((k + FEW_PER_WORD - 1) / FEW_PER_WORD), sums, strip};
  memset(starts, 0, FEW_STARTS * sizeof(int32_t));
  for (int64_t l = 0; l < f.lines; l++) {
    few_copy(lines + l * few->across, few->along, k, x + l * f.pitch);
    starts[l] = few_start(x + l * f.pitch, k);
  }
  for (int64_t i = from; i < to; i += strip) {
    int64_t count = lb_min(strip, to - i);
    memset(sums, 0, (size_t)(f.lines * strip) * sizeof(int32_t));
    if (few->dots) {
      few_dot_strip(&f, large + i * few->stride, few->stride, k, count);
    } else {
      few_sum_strip(&f, large + i, few->stride, k, count);
    }
    few_finish(&f, call, few->turned, i, count, starts);
  }
}

#endif
