// SPDX-License-Identifier: Apache-2.0
/*
 * attention. A = scale Q K^T, P = softmax of A over the entries that are not masked, C = P V; dP = dC V^T, dV = P^T dC,
 * dA = P (dP - sum dP P) + further dA, dQ = scale dA K, dK = scale dA^T Q.
 *
 * Q, C, dQ, dC f32 [batch queries, heads width], K, V, dK, dV f32 [batch keys, heads width]; A, P, dP (overwritten with dA)
 * f32 [batch heads queries, keys]; any row stride, 4-byte aligned; no output overlaps an input.
 * Masked entries: A = masked_score, P = 0; a row without a real key has P = 0. NaN or +infinity among the real scores of a
 * row makes its real maps NaN. Keys beyond the length are not read by the forward.
 * Products by gemm_f32, rows by softmax, with their accumulation, tails and errors; attention.c strings them together, here
 * is what lies between. The bits of an example and head depend on it alone.
 * A and C 2 queries keys width flops for each example and head, their backwards twice that; maps and scores pass through the
 * second cache level once, or memory where queries keys floats do not fit there.
 */
#include "../simd/simd_rows.h"
#include "../softmax/softmax.h"
#include "attention.h"

/* Rows of maps at a time. */
#define ATTENTION_ROWS 8

/* Floats of a cache line. */
#define ATTENTION_LINE 16

static void attention_fill(float *p, int64_t n, float value) {
  for (int64_t i = 0; i < n; i++) {
    p[i] = value;
  }
}

/* A row under a mask. The maps serve as the copy in which masked scores are -infinity, whose probability is 0. */
static void attention_masked_row(float *restrict scores, float *restrict maps, const uint8_t *restrict mask, int64_t n,
                                 float masked_score) {
  for (int64_t k = 0; k < n; k++) {
    maps[k] = mask[k] ? scores[k] : -INFINITY;
    scores[k] = mask[k] ? scores[k] : masked_score;
  }
  LB_TIER(lb_softmax_forward)(maps, 0, maps, 0, 0, 1, n);
  /* NaN fills its row, but not where it is masked. */
  if (n > 0 && maps[0] != maps[0]) {
    for (int64_t k = 0; k < n; k++) {
      maps[k] = mask[k] ? maps[k] : 0.0f;
    }
  }
}

LB_INLINE void attention_fetch(const AttentionAhead *ahead, int64_t row) {
  for (int i = 0; i < ATTENTION_AHEAD; i++) {
    for (int64_t c = 0; row < ahead[i].rows && c < ahead[i].cols; c += ATTENTION_LINE) {
      LB_PREFETCH_FAR(ahead[i].p + row * ahead[i].stride + c);
    }
  }
}

int32_t LB_TIER(lb_attention_maps)(const AttentionMaps *a, int64_t length) {
  /* Rows of the same length go to softmax together. */
  int64_t most = a->mask || a->causal ? 1 : ATTENTION_ROWS;
  int64_t rows;
  for (int64_t q = 0; q < a->queries; q += rows) {
    rows = lb_min(most, a->queries - q);
    float *scores = a->scores + q * a->scores_stride;
    float *maps = a->maps + q * a->maps_stride;
    int64_t real = a->causal ? lb_min(length, q + 1) : length;
    for (int64_t r = 0; r < rows; r++) {
      attention_fetch(a->ahead, q + r);
    }
    if (a->mask) {
      attention_masked_row(scores, maps, a->mask + q * a->mask_stride, real, a->masked_score);
    } else {
      LB_TIER(lb_softmax_forward)(scores, a->scores_stride, maps, a->maps_stride, 0, rows, real);
    }
    for (int64_t r = 0; r < rows; r++) {
      attention_fill(scores + r * a->scores_stride + real, a->keys - real, a->masked_score);
      attention_fill(maps + r * a->maps_stride + real, a->keys - real, 0.0f);
    }
  }
  return LB_OK;
}

int32_t LB_TIER(lb_attention_slopes)(const float *restrict maps, int64_t maps_stride, float *restrict gmaps,
                                     int64_t gmaps_stride, const float *restrict gscores, int64_t gscores_stride,
                                     int64_t queries, int64_t keys) {
  /* Row by row, so that a row is still in the first cache level when the further gradient comes. */
  for (int64_t q = 0; q < queries; q++) {
    float *g = gmaps + q * gmaps_stride;
    LB_TIER(lb_softmax_backward)(maps + q * maps_stride, 0, g, 0, g, 0, 0, 1, keys);
    if (gscores) {
      lb_rows_2(1, lb_sum_each, g, 0, gscores + q * gscores_stride, 0, g, 0, 0, 1, keys);
    }
  }
  return LB_OK;
}
