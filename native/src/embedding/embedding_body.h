// SPDX-License-Identifier: Apache-2.0
/*
 * embedding. y_i = scale table[ids_i]; gtable[ids_i] += scale gy_i.
 *
 * table, gtable f32 [vocab, cols], y, gy f32 [count, cols], any row stride, 4-byte aligned; ids i64 [count], 8-byte aligned.
 * Float without fused operations and in ascending order of i: the same bits at every tier.
 * Forward a call does positions [from, to); backward columns [from, to) of all positions, so that no two calls add to one
 * element, however often an index occurs.
 * One pass; reads and writes count cols floats (backward reads twice that), 1 flop an element (backward 2). Tails in masked
 * vectors.
 */
#include "embedding.h"

int32_t LB_TIER(lb_embedding_forward)(const float *restrict table, int64_t table_stride, const int64_t *restrict ids,
                                      float *restrict y, int64_t y_stride, int64_t from, int64_t to, int64_t cols,
                                      float scale) {
  vf32 factor = vf32_set1(scale);
  for (int64_t r = from; r < to; r++) {
    const float *x = table + ids[r] * table_stride;
    float *yr = y + r * y_stride;
    int64_t i = 0;
    for (; i + LB_W <= cols; i += LB_W) {
      vf32_store(yr + i, vf32_mul(vf32_load(x + i), factor));
    }
    if (i < cols) {
      vf32_store_n(yr + i, vf32_mul(vf32_load_n(x + i, cols - i, factor), factor), cols - i);
    }
  }
  return LB_OK;
}

int32_t LB_TIER(lb_embedding_backward)(const int64_t *restrict ids, int64_t count, const float *restrict gy, int64_t gy_stride,
                                       float *restrict gtable, int64_t gtable_stride, int64_t from, int64_t to, float scale,
                                       int64_t padding) {
  vf32 factor = vf32_set1(scale);
  for (int64_t r = 0; r < count; r++) {
    if (ids[r] == padding) {
      continue;
    }
    const float *g = gy + r * gy_stride;
    float *sums = gtable + ids[r] * gtable_stride;
    int64_t i = from;
    for (; i + LB_W <= to; i += LB_W) {
      vf32_store(sums + i, vf32_add(vf32_load(sums + i), vf32_mul(vf32_load(g + i), factor)));
    }
    if (i < to) {
      int64_t n = to - i;
      vf32 term = vf32_mul(vf32_load_n(g + i, n, factor), factor);
      vf32_store_n(sums + i, vf32_add(vf32_load_n(sums + i, n, factor), term), n);
    }
  }
  return LB_OK;
}
