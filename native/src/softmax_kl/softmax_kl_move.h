// SPDX-License-Identifier: Apache-2.0
/* softmax_kl: rows on their way in and out, n elements. The compiler makes vectors of the loops over bf16. */
#ifndef LB_SOFTMAX_KL_MOVE_H
#define LB_SOFTMAX_KL_MOVE_H

#include <string.h>

#include "softmax_kl.h"

/* Copies past the caches. */
static void kl_stream(const float *from, float *to, int64_t n) {
  int64_t i = 0;
  for (; i < n && (uintptr_t)(to + i) % sizeof(vf32) != 0; i++) {
    to[i] = from[i];
  }
  for (; i + LB_W <= n; i += LB_W) {
    vf32_stream(to + i, vf32_load(from + i));
  }
  for (; i < n; i++) {
    to[i] = from[i];
  }
}

/* From bf16, exact. */
static void kl_widen(const uint16_t *restrict from, float *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)from[i] << 16;
    memcpy(to + i, &bits, sizeof bits);
  }
}

/* To the nearest bf16, half to even: half a unit is added, or less by the smallest bit where the last place is even. */
static void kl_round(const float *restrict from, uint16_t *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, from + i, sizeof bits);
    uint32_t upper = bits >> 16;
    uint32_t rounded = (bits + 0x7fff + (upper & 1)) >> 16;
    /* The fraction bits that remain of a NaN may all be 0, which would be an infinity. */
    to[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? upper | 0x40 : rounded);
  }
}

/* The same past the caches; room: memory for KL_BLOCK elements, aligned to a vector. */
static void kl_round_past(const float *from, uint16_t *to, int64_t n, void *room) {
  uint16_t *block = room;
  int64_t vector = (int64_t)(sizeof(vf32) / sizeof(uint16_t));
  int64_t at = lb_min(n, (int64_t)(-(uintptr_t)to % sizeof(vf32) / sizeof(uint16_t)));
  kl_round(from, to, at);
  for (; at < n; at += KL_BLOCK) {
    int64_t count = lb_min(KL_BLOCK, n - at);
    int64_t i = 0;
    kl_round(from + at, block, count);
    for (; i + vector <= count; i += vector) {
      vf32 v;
      memcpy(&v, block + i, sizeof v);
      vf32_stream((float *)(void *)(to + at + i), v);
    }
    memcpy(to + at + i, block + i, (size_t)(count - i) * sizeof(uint16_t));
  }
}

#endif
