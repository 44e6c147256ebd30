// SPDX-License-Identifier: Apache-2.0
//
// The softmax of rows, for its own stem and for attention, which promises the same bits. -infinity has no part in its row; a row of
// nothing else gives 0; NaN or +infinity makes its row NaN.

#pragma once

#include "group.h"

namespace lb {

/** What is subtracted: 0 for a row of -infinity, whose exponentials are then 0 and not NaN. */
LB_DEVICE float softmax_base(float maximum) { return maximum == -INFINITY ? 0.0f : maximum; }

/** The columns that a warp holds in registers. */
constexpr int SOFTMAX_HELD = 1024;

/** R rows of up to 32 N columns in the registers of a warp, column lane + 32 i in v[r][i]; -infinity where there is no column. The
    bits of a row do not depend on N and R. */
template <int N, int R>
LB_DEVICE void softmax_held(float (&v)[R][N]) {
  float maxima[R];
  float sums[R];
#pragma unroll
  for (int r = 0; r < R; r++) {
    maxima[r] = -INFINITY;
#pragma unroll
    for (int i = 0; i < N; i++) {
      maxima[r] = fmaxf(maxima[r], v[r][i]);
    }
  }
  warp_maxima(maxima);
#pragma unroll
  for (int r = 0; r < R; r++) {
    sums[r] = 0.0f;
#pragma unroll
    for (int i = 0; i < N; i++) {
      v[r][i] = expf(v[r][i] - softmax_base(maxima[r]));
      sums[r] += v[r][i];
    }
  }
  warp_sums(sums);
#pragma unroll
  for (int r = 0; r < R; r++) {
    // A sum is at least 1 otherwise.
    const float factor = sums[r] == 0.0f ? 0.0f : 1.0f / sums[r];
#pragma unroll
    for (int i = 0; i < N; i++) {
      v[r][i] *= factor;
    }
  }
}

/** A row of any length: load(c) is read twice, store(c, p) gets the probability. */
template <class Group, class Load, class Store>
LB_DEVICE void softmax_streamed(int64_t cols, Load load, Store store) {
  float maximum = -INFINITY;
  float sum = 0.0f;
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    const float v = load(c);
    if (v > maximum) {
      // Before the first finite one there is nothing to scale: exp(-infinity) is 0.
      sum *= expf(maximum - v);
      maximum = v;
    }
    sum += expf(v - softmax_base(maximum));
  }
  const float row_maximum = Group::max(maximum);
  if (maximum != -INFINITY) {
    sum *= expf(maximum - row_maximum);
  }
  sum = Group::sum(sum);
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    const float e = expf(load(c) - softmax_base(row_maximum));
    store(c, sum == 0.0f ? 0.0f : e / sum);
  }
}

}  // namespace lb
