// SPDX-License-Identifier: Apache-2.0
/*
 * dropout. y = residual + keep scale x. Element i = r cols + c is kept if word i mod 4 of Philox4x32-10 with counter
 * (i / 4, stream) and key seed is at least the threshold, as unsigned numbers.
 *
 * x, residual, y f32 [rows, cols], any row stride, 4-byte aligned; residual may be null; y may be x or residual.
 * A dropped element is exactly 0 (the residual alone), also where x is NaN or infinite.
 * One multiplication, one addition, not fused: the same bits at every tier.
 * A call does rows [from, to) on the calling thread: it makes the words of 1024 consecutive elements at a time, across the ends
 * of rows, and then uses them; none where the threshold is 0 and all is kept. The bits of an element depend on that element
 * alone.
 * 40 integer operations for a vector of words; reads rows cols (with a residual twice that), writes rows cols floats. Tails in
 * masked vectors.
 *
 * Philox: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
#include "dropout.h"

#define DROPOUT_WORDS 1024
#define PHILOX_ROUNDS 10
#define PHILOX_MULTIPLIER_0 0xD2511F53u
#define PHILOX_MULTIPLIER_1 0xCD9E8D57u
#define PHILOX_KEY_0 0x9E3779B9u
#define PHILOX_KEY_1 0xBB67AE85u

/* The counters of LB_W blocks, in the order of lanes that leaves the words of successive blocks side by side in the end. */
static void dropout_counters(uint64_t block, vi32 *low, vi32 *high) {
  int32_t l[LB_W];
  int32_t h[LB_W];
  for (int i = 0; i < LB_W; i++) {
    uint64_t b = block + (uint64_t)(i % 4 * (LB_W / 4) + i / 4);
    l[i] = (int32_t)(uint32_t)b;
    h[i] = (int32_t)(uint32_t)(b >> 32);
  }
  *low = vi32_load(l);
  *high = vi32_load(h);
}

/* Stores the words of blocks from `block` on, a multiple of LB_W blocks. */
static void dropout_words(uint64_t seed, uint64_t stream, uint64_t block, int64_t blocks, int32_t *words) {
  const vi32 multiplier0 = vi32_set1((int32_t)PHILOX_MULTIPLIER_0);
  const vi32 multiplier1 = vi32_set1((int32_t)PHILOX_MULTIPLIER_1);
  vi32 low;
  vi32 high;
  dropout_counters(block, &low, &high);
  for (int64_t b = 0; b < blocks; b += LB_W) {
    vi32 c0 = low;
    vi32 c1 = high;
    vi32 c2 = vi32_set1((int32_t)(uint32_t)stream);
    vi32 c3 = vi32_set1((int32_t)(uint32_t)(stream >> 32));
    uint32_t key0 = (uint32_t)seed;
    uint32_t key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
      vi32 low0;
      vi32 high0;
      vi32 low1;
      vi32 high1;
      vi32_mul_wide(c0, multiplier0, &low0, &high0);
      vi32_mul_wide(c2, multiplier1, &low1, &high1);
      c0 = vi32_xor(vi32_xor(high1, c1), vi32_set1((int32_t)key0));
      c2 = vi32_xor(vi32_xor(high0, c3), vi32_set1((int32_t)key1));
      c1 = low1;
      c3 = low0;
      key0 += PHILOX_KEY_0;
      key1 += PHILOX_KEY_1;
    }
    vi32 w[4] = {c0, c1, c2, c3};
    vi32_transpose4(w);
    for (int k = 0; k < 4; k++) {
      vi32_store(words + 4 * b + k * LB_W, w[k]);
    }
    uint64_t next = block + (uint64_t)b + LB_W;
    if ((uint32_t)next > UINT32_MAX - LB_W || (uint32_t)next < LB_W) {
      dropout_counters(next, &low, &high);
    } else {
      low = vi32_add(low, vi32_set1(LB_W));
    }
  }
}

LB_INLINE vf32 dropout_kept(vf32 x, vf32 base, vf32 scale, int add) {
  vf32 kept = vf32_mul(x, scale);
  return add ? vf32_add(kept, base) : kept;
}

LB_INLINE vf32 dropout_vector(vf32 x, vf32 base, vi32 words, vi32 flipped, vf32 scale, int add) {
  /* Comparing as signed numbers after this flip is comparing as unsigned ones before it. */
  vm32 dropped = vi32_gt(flipped, vi32_xor(words, vi32_set1(INT32_MIN)));
  return vf32_blend(dropped, dropout_kept(x, base, scale, add), base);
}

LB_INLINE void dropout_segment(const float *x, const float *residual, float *y, const int32_t *words, int64_t n, vi32 flipped,
                               vf32 scale, int add) {
  vf32 zero = vf32_zero();
  int64_t i = 0;
  for (; i + LB_W <= n; i += LB_W) {
    vf32 base = add ? vf32_load(residual + i) : zero;
    vf32_store(y + i, dropout_vector(vf32_load(x + i), base, vi32_load(words + i), flipped, scale, add));
  }
  if (i < n) {
    int64_t rest = n - i;
    vf32 base = add ? vf32_load_n(residual + i, rest, zero) : zero;
    vi32 w = vi32_load_n(words + i, rest, flipped);
    vf32_store_n(y + i, dropout_vector(vf32_load_n(x + i, rest, zero), base, w, flipped, scale, add), rest);
  }
}

/* A row of which all is kept. Masked stores take several times as long as whole ones: only at the end. */
LB_INLINE void dropout_keep(const float *x, const float *residual, float *y, int64_t n, vf32 scale, int add) {
  vf32 zero = vf32_zero();
  int64_t i = 0;
  for (; i + LB_W <= n; i += LB_W) {
    vf32_store(y + i, dropout_kept(vf32_load(x + i), add ? vf32_load(residual + i) : zero, scale, add));
  }
  if (i < n) {
    int64_t rest = n - i;
    vf32 base = add ? vf32_load_n(residual + i, rest, zero) : zero;
    vf32_store_n(y + i, dropout_kept(vf32_load_n(x + i, rest, zero), base, scale, add), rest);
  }
}

int32_t LB_TIER(lb_dropout)(const float *x, int64_t x_stride, const float *residual, int64_t residual_stride, float *y,
                            int64_t y_stride, int64_t from, int64_t to, int64_t cols, int64_t seed, int64_t stream,
                            uint32_t threshold, float scale) {
  int32_t words[DROPOUT_WORDS];
  const vi32 flipped = vi32_set1((int32_t)(threshold ^ 0x80000000u));
  const vf32 factor = vf32_set1(scale);
  if (threshold == 0) {
    for (int64_t r = from; r < to; r++) {
      if (residual == NULL) {
        dropout_keep(x + r * x_stride, NULL, y + r * y_stride, cols, factor, 0);
      } else {
        dropout_keep(x + r * x_stride, residual + r * residual_stride, y + r * y_stride, cols, factor, 1);
      }
    }
    return LB_OK;
  }
  const int64_t end = to * cols;
  int64_t row = from;
  int64_t col = 0;
  for (int64_t i = from * cols; i < end;) {
    int64_t block = i / 4;
    int64_t batch_end = lb_min(end, 4 * block + DROPOUT_WORDS);
    dropout_words((uint64_t)seed, (uint64_t)stream, (uint64_t)block, (batch_end - 4 * block + 3) / 4, words);
    while (i < batch_end) {
      int64_t n = lb_min(cols - col, batch_end - i);
      const int32_t *w = words + (i - 4 * block);
      const float *xs = x + row * x_stride + col;
      float *ys = y + row * y_stride + col;
      if (residual == NULL) {
        dropout_segment(xs, NULL, ys, w, n, flipped, factor, 0);
      } else {
        dropout_segment(xs, residual + row * residual_stride + col, ys, w, n, flipped, factor, 1);
      }
      i += n;
      col += n;
      if (col == cols) {
        col = 0;
        row++;
      }
    }
  }
  return LB_OK;
}
