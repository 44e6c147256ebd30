// SPDX-License-Identifier: Apache-2.0
#include "embedding.h"

int32_t lb_embedding_forward(int32_t tier, const float *restrict table, int64_t table_stride, const int64_t *restrict ids,
                             float *restrict y, int64_t y_stride, int64_t from, int64_t to, int64_t cols, float scale) {
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_embedding_forward, (table, table_stride, ids, y, y_stride, from, to, cols, scale));
}

int32_t lb_embedding_backward(int32_t tier, const int64_t *restrict ids, int64_t count, const float *restrict gy,
                              int64_t gy_stride, float *restrict gtable, int64_t gtable_stride, int64_t from, int64_t to,
                              float scale, int64_t padding) {
  if (!lb_rows_ok(from, to, count)) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_embedding_backward,
                     (ids, count, gy, gy_stride, gtable, gtable_stride, from, to, scale, padding));
}
