// SPDX-License-Identifier: Apache-2.0
#ifndef LB_ATTENTION_H
#define LB_ATTENTION_H

#include "../arch.h"

/*
 * What the next example and head needs, fetched into the second cache level row by row while the rows of this one are worked
 * on. Heads lie side by side: the processor itself does not see where the next one is.
 */
#define ATTENTION_AHEAD 4
typedef struct {
  const float *p;
  int64_t rows, cols, stride;
} AttentionAhead;

/* The maps of one example and head, between the products. */
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
  AttentionAhead ahead[ATTENTION_AHEAD];
} AttentionMaps;

/* Scores, of which only the first `length` keys are written yet, get their masked ones and become maps. */
LB_DECLARE(lb_attention_maps, (const AttentionMaps *a, int64_t length));

/* The gradient by the maps becomes that by the scores. */
LB_DECLARE(lb_attention_slopes, (const float *restrict maps, int64_t maps_stride, float *restrict gmaps, int64_t gmaps_stride,
                                 const float *restrict gscores, int64_t gscores_stride, int64_t queries, int64_t keys));

#endif
