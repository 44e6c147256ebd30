// SPDX-License-Identifier: Apache-2.0
/* What products with few rows or columns are given; see few.h. */
#ifndef LB_FEW_CALL_H
#define LB_FEW_CALL_H

#include <stddef.h>

#include "../arch.h"

/* Scratch, in words of 32 bits: where the sums of lines start, sums of a strip of all lines, and the lines. */
#define FEW_STARTS 16
#define FEW_SUMS 4096

/* The distance of lines in scratch: whole vectors, and not all in the same set of a cache. */
LB_INLINE int64_t few_pitch(int64_t words) { return (words + 15) / 16 * 16 + 16; }

/* The lines are the few rows or columns of C. */
typedef struct {
  /* The small operand: elements of a line are `along` apart, lines `across`. */
  const void *x;
  int64_t along, across;
  int64_t lines;
  /* The large one, rows `stride` apart: one for each element of a line of C if dots, else one for each element of the sums. */
  const void *large;
  int64_t stride;
  int dots;
  int64_t k;
  /* Whether lines are columns of C. */
  int turned;
  int32_t *scratch;
} Few;

/* Describes a product for which few_ok holds. */
LB_INLINE Few few_call(int32_t options, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
                       int64_t ldb, void *scratch) {
  int trans_a = (options & LB_GEMM_TRANS_A) != 0;
  int trans_b = (options & LB_GEMM_TRANS_B) != 0;
  if (m <= LB_GEMM_FEW) {
    return (Few){a, trans_a ? lda : 1, trans_a ? 1 : lda, m, b, ldb, trans_b, k, 0, scratch};
  }
  return (Few){b, trans_b ? 1 : ldb, trans_b ? ldb : 1, n, a, lda, !trans_a, k, 1, scratch};
}

/* Whether a range and sizes are those of a product with few rows or columns. */
LB_INLINE int few_ok(int64_t m, int64_t n, int64_t k, int64_t from, int64_t to) {
  return m >= 0 && n >= 0 && k >= 0 && (m <= LB_GEMM_FEW || n <= LB_GEMM_FEW) && from >= 0 && to >= from &&
         to <= (m <= LB_GEMM_FEW ? n : m);
}

#endif
