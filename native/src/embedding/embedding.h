// SPDX-License-Identifier: Apache-2.0
#ifndef LB_EMBEDDING_H
#define LB_EMBEDDING_H

#include "../arch.h"

LB_DECLARE(lb_embedding_forward, (const float *restrict table, int64_t table_stride, const int64_t *restrict ids,
                                  float *restrict y, int64_t y_stride, int64_t from, int64_t to, int64_t cols, float scale));
LB_DECLARE(lb_embedding_backward, (const int64_t *restrict ids, int64_t count, const float *restrict gy, int64_t gy_stride,
                                   float *restrict gtable, int64_t gtable_stride, int64_t from, int64_t to, float scale,
                                   int64_t padding));

#endif
