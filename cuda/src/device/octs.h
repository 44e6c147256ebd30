// SPDX-License-Identifier: Apache-2.0
//
// bfloat16, the upper half of a float: every one is a float, and the way back rounds to nearest, half to even. Rows of them in
// groups of eight, which are widened to two quads and moved 16 bytes at a time where the row begins at a multiple of 16. Which
// thread has which elements does not depend on that, so that sums have the same bits wherever a row lies.

#pragma once

#include "bf16.h"
#include "quads.h"

namespace lb {

/** Two floats rounded, the first in the lower half; NaN stays NaN. */
LB_DEVICE unsigned bf16_pair(float low, float high) {
#ifdef LB_EMULATED
  const auto round = [](float v) {
    const unsigned bits = __float_as_uint(v);
    return v != v ? bits >> 16 | 0x40u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  };
  return round(high) << 16 | round(low);
#else
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#endif
}

LB_DEVICE float bf16_low(unsigned pair) { return __uint_as_float(pair << 16); }
LB_DEVICE float bf16_high(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }

/** An element in memory. */
struct Bf16 {
  uint16_t bits;

  LB_DEVICE operator float() const { return bf16_low(bits); }
  LB_DEVICE Bf16& operator=(float v) {
    bits = (uint16_t)bf16_pair(v, 0.0f);
    return *this;
  }
};

LB_DEVICE void bf16_widen(uint4 v, float4& first, float4& second) {
  first = make_float4(bf16_low(v.x), bf16_high(v.x), bf16_low(v.y), bf16_high(v.y));
  second = make_float4(bf16_low(v.z), bf16_high(v.z), bf16_low(v.w), bf16_high(v.w));
}

/** A row; T is Bf16, or const Bf16 where it is only read. */
template <class T>
class Octs {
  T* row;
  int64_t cols;
  int64_t whole; /* groups that move as 16 bytes */

 public:
  LB_DEVICE Octs(T* first, int64_t n) : row(first), cols(n), whole(aligned16(first) ? n >> 3 : 0) {}

  /** The number of groups, the last of which may be short. */
  LB_DEVICE int64_t count() const { return (cols + 7) / 8; }

  /** Whether element i of quad q is in the row; a group has the quads 2 g and 2 g + 1. */
  LB_DEVICE bool has(int64_t q, int i) const { return 4 * q + i < cols; }

  /** The quads of the groups first, first + STEP, ...; `rest` stands for what is not in the row. */
  template <int N, int STEP>
  LB_DEVICE void load(float4 (&v)[2 * N], int64_t first, float rest) const {
    if (first + (N - 1) * STEP < whole) {
      // All begin before any is waited for.
      uint4 groups[N];
#pragma unroll
      for (int i = 0; i < N; i++) {
        groups[i] = *reinterpret_cast<const uint4*>(row + 8 * (first + i * STEP));
      }
#pragma unroll
      for (int i = 0; i < N; i++) {
        bf16_widen(groups[i], v[2 * i], v[2 * i + 1]);
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
      const int64_t g = first + i * STEP;
      if (g < whole) {
        bf16_widen(*reinterpret_cast<const uint4*>(row + 8 * g), v[2 * i], v[2 * i + 1]);
      } else {
        v[2 * i] = single(2 * g, rest);
        v[2 * i + 1] = single(2 * g + 1, rest);
      }
    }
  }

  /** Stores those of eight that are in the row, rounded. */
  LB_DEVICE void store(int64_t g, const float4 (&v)[2]) const {
    if (g < whole) {
      const uint4 bits = {bf16_pair(v[0].x, v[0].y), bf16_pair(v[0].z, v[0].w), bf16_pair(v[1].x, v[1].y),
                          bf16_pair(v[1].z, v[1].w)};
      // An assignment may become several: the compiler sees the stores below.
      __stcg(reinterpret_cast<uint4*>(row + 8 * g), bits);
      return;
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int64_t q = 2 * g + i;
      T* at = row + 4 * q;
      if (has(q, 0)) at[0] = v[i].x;
      if (has(q, 1)) at[1] = v[i].y;
      if (has(q, 2)) at[2] = v[i].z;
      if (has(q, 3)) at[3] = v[i].w;
    }
  }

 private:
  LB_DEVICE float4 single(int64_t q, float rest) const {
    const T* at = row + 4 * q;
    return make_float4(has(q, 0) ? (float)at[0] : rest, has(q, 1) ? (float)at[1] : rest, has(q, 2) ? (float)at[2] : rest,
                       has(q, 3) ? (float)at[3] : rest);
  }
};

}  // namespace lb
