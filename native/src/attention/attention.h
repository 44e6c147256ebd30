// SPDX-License-Identifier: Apache-2.0
#ifndef LB_ATTENTION_H
#define LB_ATTENTION_H

#include "../arch.h"

/* Rows of the maps of one example and head: what becomes of them between the products. */
typedef struct {
  int64_t queries, keys;
  float *scores;
  int64_t scores_stride;
  float *maps;
  int64_t maps_stride;
  const uint8_t *mask; /* or null */
  int64_t mask_stride;
  float masked_score;
  int32_t causal;
} AttentionRows;

/* Scores, of which only the first `length` keys are written yet, get their masked ones and become maps. */
LB_DECLARE(lb_attention_maps, (const AttentionRows *rows, int64_t length));

/* The gradient by the maps becomes that by the scores. */
LB_DECLARE(lb_attention_slopes, (const float *restrict maps, int64_t maps_stride, float *restrict gmaps, int64_t gmaps_stride,
                                 const float *restrict gscores, int64_t gscores_stride, int64_t queries, int64_t keys));

#endif
