// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>

#include "attention.h"

/* Elements of the largest maps that are fetched ahead: with those being worked on they fit the second cache level. */
#define ATTENTION_AHEAD_MAP (1 << 15)

/* The sizes of a call, and where its range ends. */
typedef struct {
  int32_t tier;
  int64_t heads, queries, keys, width;
  int64_t to;
  void *scratch;
} Attention;

static int attention_ok(const Attention *a, int64_t from) {
  return a->heads >= 1 && a->queries >= 1 && a->keys >= 1 && lb_rows_ok(from, a->to, a->width);
}

/* Where one example and head begins among heads side by side, of so many positions for an example. */
static int64_t attention_side(const Attention *a, int64_t head, int64_t positions, int64_t stride) {
  return head / a->heads * positions * stride + head % a->heads * a->width;
}

/* Where it begins among the maps. */
static int64_t attention_map(const Attention *a, int64_t head, int64_t stride) { return head * a->queries * stride; }

/* What to fetch for the head after this one: its rows of a matrix of heads side by side, or of maps. */
static AttentionAhead attention_ahead_side(const Attention *a, int64_t head, int64_t positions, const float *x,
                                           int64_t stride) {
  if (head + 1 == a->to) {
    return (AttentionAhead){0};
  }
  return (AttentionAhead){x + attention_side(a, head + 1, positions, stride), positions, a->width, stride};
}

static AttentionAhead attention_ahead_map(const Attention *a, int64_t head, const float *map, int64_t stride) {
  /* Maps that are larger would be out of the cache again before they are used. */
  if (head + 1 == a->to || a->queries * a->keys > ATTENTION_AHEAD_MAP) {
    return (AttentionAhead){0};
  }
  return (AttentionAhead){map + attention_map(a, head + 1, stride), a->queries, a->keys, stride};
}

/* out = scale op(x) op(y) */
static void attention_product(const Attention *a, int32_t options, int64_t m, int64_t n, int64_t k, float scale, const float *x,
                              int64_t x_stride, const float *y, int64_t y_stride, float *out, int64_t out_stride) {
  lb_gemm_f32(a->tier, options, m, n, k, scale, x, 0, x_stride, y, 0, y_stride, 0, out, 0, out_stride, NULL, 0, m, 0, n,
              a->scratch);
}

/* The first `keys` columns of out, a map, become scale X Y^T; X has the shape of the queries, Y that of the keys. */
static void attention_queries_keys(const Attention *a, int64_t head, int64_t keys, float scale, const float *x,
                                   int64_t x_stride, const float *y, int64_t y_stride, float *out, int64_t out_stride) {
  attention_product(a, LB_GEMM_TRANS_B, a->queries, keys, a->width, scale,
                    x + attention_side(a, head, a->queries, x_stride), x_stride,
                    y + attention_side(a, head, a->keys, y_stride), y_stride, out + attention_map(a, head, out_stride),
                    out_stride);
}

/* out = scale M X; X has the shape of the keys, out that of the queries. */
static void attention_map_keys(const Attention *a, int64_t head, float scale, const float *map, int64_t map_stride,
                               const float *x, int64_t x_stride, float *out, int64_t out_stride) {
  attention_product(a, 0, a->queries, a->width, a->keys, scale, map + attention_map(a, head, map_stride), map_stride,
                    x + attention_side(a, head, a->keys, x_stride), x_stride,
                    out + attention_side(a, head, a->queries, out_stride), out_stride);
}

/* out = scale M^T X; X has the shape of the queries, out that of the keys. */
static void attention_map_queries(const Attention *a, int64_t head, float scale, const float *map, int64_t map_stride,
                                  const float *x, int64_t x_stride, float *out, int64_t out_stride) {
  attention_product(a, LB_GEMM_TRANS_A, a->keys, a->width, a->queries, scale, map + attention_map(a, head, map_stride),
                    map_stride, x + attention_side(a, head, a->queries, x_stride), x_stride,
                    out + attention_side(a, head, a->keys, out_stride), out_stride);
}

int64_t lb_attention_scratch(int32_t tier, int64_t queries, int64_t keys, int64_t width) {
  return lb_gemm_f32_scratch(tier, lb_max(width, lb_max(queries, keys)));
}

int32_t lb_attention_weights(int32_t tier, float scale, int32_t causal, float masked_score, const float *restrict query,
                             int64_t query_stride, const float *restrict key, int64_t key_stride,
                             const int32_t *restrict lengths, const uint8_t *restrict mask, int64_t mask_stride,
                             float *restrict scores, int64_t scores_stride, float *restrict maps, int64_t maps_stride,
                             int64_t from, int64_t to, int64_t heads, int64_t queries, int64_t keys, int64_t width,
                             void *restrict scratch) {
  Attention a = {tier, heads, queries, keys, width, to, scratch};
  if (!attention_ok(&a, from)) {
    return LB_BAD_SIZE;
  }
  for (int64_t head = from; head < to; head++) {
    int64_t example = head / heads;
    int64_t length = lengths ? lengths[example] : keys;
    if (length < 0 || length > keys) {
      return LB_BAD_SIZE;
    }
  }
  for (int64_t head = from; head < to; head++) {
    int64_t example = head / heads;
    int64_t length = lengths ? lengths[example] : keys;
    AttentionMaps rows = {queries,
                          keys,
                          scores + attention_map(&a, head, scores_stride),
                          scores_stride,
                          maps + attention_map(&a, head, maps_stride),
                          maps_stride,
                          mask ? mask + example * queries * mask_stride : NULL,
                          mask_stride,
                          masked_score,
                          causal,
                          {attention_ahead_side(&a, head, queries, query, query_stride),
                           attention_ahead_side(&a, head, keys, key, key_stride),
                           attention_ahead_map(&a, head, scores, scores_stride),
                           attention_ahead_map(&a, head, maps, maps_stride)}};
    attention_queries_keys(&a, head, length, scale, query, query_stride, key, key_stride, scores, scores_stride);
    LB_DISPATCH(tier, lb_attention_maps, (&rows, length));
  }
  return LB_OK;
}

int32_t lb_attention_context(int32_t tier, const float *restrict maps, int64_t maps_stride, const float *restrict value,
                             int64_t value_stride, float *restrict context, int64_t context_stride, int64_t from, int64_t to,
                             int64_t heads, int64_t queries, int64_t keys, int64_t width, void *restrict scratch) {
  Attention a = {tier, heads, queries, keys, width, to, scratch};
  if (!attention_ok(&a, from)) {
    return LB_BAD_SIZE;
  }
  for (int64_t head = from; head < to; head++) {
    attention_map_keys(&a, head, 1, maps, maps_stride, value, value_stride, context, context_stride);
  }
  return LB_OK;
}

int32_t lb_attention_context_backward(int32_t tier, const float *restrict maps, int64_t maps_stride,
                                      const float *restrict value, int64_t value_stride, const float *restrict gcontext,
                                      int64_t gcontext_stride, float *restrict gmaps, int64_t gmaps_stride,
                                      float *restrict gvalue, int64_t gvalue_stride, int64_t from, int64_t to, int64_t heads,
                                      int64_t queries, int64_t keys, int64_t width, void *restrict scratch) {
  Attention a = {tier, heads, queries, keys, width, to, scratch};
  if (!attention_ok(&a, from)) {
    return LB_BAD_SIZE;
  }
  for (int64_t head = from; head < to; head++) {
    attention_queries_keys(&a, head, keys, 1, gcontext, gcontext_stride, value, value_stride, gmaps, gmaps_stride);
    attention_map_queries(&a, head, 1, maps, maps_stride, gcontext, gcontext_stride, gvalue, gvalue_stride);
  }
  return LB_OK;
}

int32_t lb_attention_weights_backward(int32_t tier, float scale, const float *restrict query, int64_t query_stride,
                                      const float *restrict key, int64_t key_stride, const float *restrict maps,
                                      int64_t maps_stride, float *restrict gmaps, int64_t gmaps_stride,
                                      const float *restrict gscores, int64_t gscores_stride, float *restrict gquery,
                                      int64_t gquery_stride, float *restrict gkey, int64_t gkey_stride, int64_t from,
                                      int64_t to, int64_t heads, int64_t queries, int64_t keys, int64_t width,
                                      void *restrict scratch) {
  Attention a = {tier, heads, queries, keys, width, to, scratch};
  if (!attention_ok(&a, from)) {
    return LB_BAD_SIZE;
  }
  for (int64_t head = from; head < to; head++) {
    LB_DISPATCH(tier, lb_attention_slopes,
                (maps + attention_map(&a, head, maps_stride), maps_stride, gmaps + attention_map(&a, head, gmaps_stride),
                 gmaps_stride, gscores ? gscores + attention_map(&a, head, gscores_stride) : NULL, gscores_stride, queries,
                 keys));
    attention_map_keys(&a, head, scale, gmaps, gmaps_stride, key, key_stride, gquery, gquery_stride);
    attention_map_queries(&a, head, scale, gmaps, gmaps_stride, query, query_stride, gkey, gkey_stride);
  }
  return LB_OK;
}
