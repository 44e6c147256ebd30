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
 * - vacc_sum4(a, b, c, d, to), the sums of the lanes of four, as words
 *
 * Dots: the large operand is stored along k, and each element is a dot product, summed in lanes. Sums: it is stored across k,
 * and lines are sums of multiples of its rows. What an element is made of, in which order, depends on k alone.
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

/* The dot products of four rows with L lines; `pitch` is the distance of lines, `strip` that of their sums. */
LB_INLINE void few_dots(const int L, const FEW_TYPE *const rows[4], const int32_t *x, int64_t pitch, int64_t k, int32_t *sums,
                        int64_t strip) {
  vacc acc[FEW_GROUP][4];
  LB_UNROLL
  for (int l = 0; l < L; l++) {
    LB_UNROLL
    for (int s = 0; s < 4; s++) {
      acc[l][s] = vacc_start(0);
    }
  }
  const FEW_TYPE *row[4] = {rows[0], rows[1], rows[2], rows[3]};
  int64_t p = 0;
  for (; p + FEW_COLS <= k; p += FEW_COLS) {
    vi32 r[4];
    LB_UNROLL
    for (int s = 0; s < 4; s++) {
      r[s] = few_large(1, row[s] + p, FEW_COLS);
    }
    LB_UNROLL
    for (int l = 0; l < L; l++) {
      vi32 xs = vi32_load(x + l * pitch);
      LB_UNROLL
      for (int s = 0; s < 4; s++) {
        acc[l][s] = vacc_dot(acc[l][s], xs, r[s]);
      }
    }
    x += LB_W;
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
    vacc_sum4(acc[l][0], acc[l][1], acc[l][2], acc[l][3], sums + l * strip);
  }
}

typedef void FewDots(const FEW_TYPE *const rows[4], const int32_t *x, int64_t pitch, int64_t k, int32_t *sums, int64_t strip);

#define FEW_DOTS_OF(L)                                                                                                       \
  LB_NOINLINE void few_dots_##L(const FEW_TYPE *const rows[4], const int32_t *x, int64_t pitch, int64_t k, int32_t *sums,    \
                                int64_t strip) {                                                                            \
    few_dots(L, rows, x, pitch, k, sums, strip);                                                                            \
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

/* The dot products of rows [0, count) of the large operand. */
static void few_dot_strip(const Few *f, const FEW_TYPE *large, int64_t count, const int32_t *x, int64_t pitch, int32_t *sums,
                          int64_t strip) {
  int64_t groups = (f->lines + FEW_GROUP - 1) / FEW_GROUP;
  for (int64_t i = 0; i < count; i += 4) {
    const FEW_TYPE *rows[4];
    for (int64_t s = 0; s < 4; s++) {
      /* Past the last row: that one again. */
      rows[s] = large + lb_min(i + s, count - 1) * f->stride;
    }
    int64_t line = 0;
    for (int64_t g = 0; g < groups; g++) {
      int64_t lines = (f->lines - line + groups - g - 1) / (groups - g);
      FEW_DOTS_OF_LINES[lines - 1](rows, x + line * pitch, pitch, f->k, sums + line * strip + i, strip);
      line += lines;
    }
  }
}

/*
 * `rows` rows of at most FEW_PER_WORD elements of the sums, of n columns, as words of each column. Of FEW_VECTORS groups of four
 * columns each, the first is in the first vector, the second in the second, and so on.
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

/* Adds the products of D words of each line with D words of each of n columns. */
LB_INLINE void few_add(const int D, const int whole, const Few *f, const FEW_TYPE *from, int64_t rows, int64_t n,
                       const int32_t *x, int64_t pitch, int32_t *sums, int64_t strip) {
  vi32 words[FEW_DEEP][FEW_VECTORS];
  LB_UNROLL
  for (int d = 0; d < D; d++) {
    few_words(whole, from + d * FEW_PER_WORD * f->stride, f->stride, rows - d * FEW_PER_WORD, n, words[d]);
  }
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
    x += pitch;
    sums += strip;
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
static void few_sum_strip(const Few *f, const FEW_TYPE *large, int64_t count, const int32_t *x, int64_t pitch, int32_t *sums,
                          int64_t strip) {
  const int64_t deep = FEW_DEEP * FEW_PER_WORD;
  int64_t whole = count / FEW_COLS * FEW_COLS;
  memset(sums, 0, (size_t)(f->lines * strip) * sizeof(int32_t));
  for (int64_t p = 0; p < f->k;) {
    const FEW_TYPE *from = large + p * f->stride;
    const int32_t *words = x + p / FEW_PER_WORD;
    if (p + deep <= f->k) {
      for (int64_t c = 0; c < whole; c += FEW_COLS) {
        few_add(FEW_DEEP, 1, f, from + c, deep, FEW_COLS, words, pitch, sums + c, strip);
      }
      if (whole < count) {
        few_add(FEW_DEEP, 0, f, from + whole, deep, count - whole, words, pitch, sums + whole, strip);
      }
      p += deep;
    } else {
      for (int64_t c = 0; c < count; c += FEW_COLS) {
        few_add(1, 0, f, from + c, f->k - p, lb_min(FEW_COLS, count - c), words, pitch, sums + c, strip);
      }
      p += FEW_PER_WORD;
    }
  }
  for (int64_t l = 0; l < f->lines && FEW_VECTORS > 1; l++) {
    for (int64_t c = 0; c < count; c += FEW_COLS) {
      few_order(sums + l * strip + c);
    }
  }
}

/* Makes elements of C from the sums of elements [i, i + count) of all lines. */
static void few_finish(const Few *f, const WORDS_CALL *call, int64_t i, int64_t count, const int32_t *starts,
                       const int32_t *sums, int64_t strip) {
  if (!f->turned) {
    for (int64_t l = 0; l < f->lines; l++) {
      for (int64_t c = 0; c < count; c += LB_W) {
        vacc sum = vacc_of(vi32_load(sums + l * strip + c));
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
        row[e] = sums[(l + e) * strip + r];
      }
      words_store(call, i + r, l, n, few_begin(vacc_of(vi32_load(row)), vi32_load(starts + l)));
    }
  }
}

/* The elements [from, to) of all lines of C. */
static void few_multiply(const Few *f, const WORDS_CALL *call, int64_t from, int64_t to) {
  int32_t *starts = f->scratch;
  int32_t *sums = starts + FEW_STARTS;
  int32_t *x = sums + FEW_SUMS;
  int64_t pitch = few_pitch((f->k + FEW_PER_WORD - 1) / FEW_PER_WORD);
  const FEW_TYPE *lines = f->x;
  const FEW_TYPE *large = f->large;
  if (f->lines == 0) {
    return;
  }
  memset(starts, 0, FEW_STARTS * sizeof(int32_t));
  for (int64_t l = 0; l < f->lines; l++) {
    few_copy(lines + l * f->across, f->along, f->k, x + l * pitch);
    starts[l] = few_start(x + l * pitch, f->k);
  }
  int64_t strip = f->dots ? FEW_DOTS : FEW_SUMS / f->lines / FEW_COLS * FEW_COLS;
  for (int64_t i = from; i < to; i += strip) {
    int64_t count = lb_min(strip, to - i);
    if (f->dots) {
      few_dot_strip(f, large + i * f->stride, count, x, pitch, sums, strip);
    } else {
      few_sum_strip(f, large + i, count, x, pitch, sums, strip);
    }
    few_finish(f, call, i, count, starts, sums, strip);
  }
}

#endif
