// SPDX-License-Identifier: Apache-2.0
//
// Groups of threads that share a row: a warp or a block. sum and max give every thread of the group the same bits, in an order
// that depends on the group's size alone; all threads of the group call them.

#pragma once

#include "device.h"

namespace lb {

struct Warp {
  static constexpr int SIZE = WARP;

  LB_DEVICE static int rank() { return (int)(threadIdx.x % WARP); }
  /** The row of this group in a grid of one row a group. */
  LB_DEVICE static int64_t row() { return (int64_t)blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP; }

  template <class T>
  LB_DEVICE static T sum(T v) {
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
      v += __shfl_xor_sync(FULL_WARP, v, distance);
    }
    return v;
  }

  /** NaN counts as nothing. */
  LB_DEVICE static float max(float v) {
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
      v = fmaxf(v, __shfl_xor_sync(FULL_WARP, v, distance));
    }
    return v;
  }
  LB_DEVICE static int max(int v) { return __reduce_max_sync(FULL_WARP, v); }
};

/** R sums over the warp, or over each LANES neighbours of it, together, so that their shuffles overlap; over a warp each has the bits
    of Warp::sum. */
template <int LANES = WARP, class T, int R>
LB_DEVICE void warp_sums(T (&v)[R]) {
#pragma unroll
  for (int distance = LANES / 2; distance > 0; distance /= 2) {
#pragma unroll
    for (int r = 0; r < R; r++) {
      v[r] += __shfl_xor_sync(FULL_WARP, v[r], distance);
    }
  }
}

/** As many maxima; NaN counts as nothing. */
template <int LANES = WARP, int R>
LB_DEVICE void warp_maxima(float (&v)[R]) {
#pragma unroll
  for (int distance = LANES / 2; distance > 0; distance /= 2) {
#pragma unroll
    for (int r = 0; r < R; r++) {
      v[r] = fmaxf(v[r], __shfl_xor_sync(FULL_WARP, v[r], distance));
    }
  }
}

template <int THREADS>
struct Block {
  static constexpr int SIZE = THREADS;

  LB_DEVICE static int rank() { return (int)threadIdx.x; }
  LB_DEVICE static int64_t row() { return (int64_t)blockIdx.x; }

  template <class T>
  LB_DEVICE static T sum(T v) {
    LB_SHARED(T, sums, THREADS / WARP);
    v = Warp::sum(v);
    if (threadIdx.x % WARP == 0) {
      sums[threadIdx.x / WARP] = v;
    }
    __syncthreads();
    v = T(0);
    if (threadIdx.x % WARP < THREADS / WARP) {
      v = sums[threadIdx.x % WARP];
    }
    v = Warp::sum(v);
    // Before the next call writes them again.
    __syncthreads();
    return v;
  }

  /** Of floats or ints; NaN counts as nothing. */
  template <class T>
  LB_DEVICE static T max(T v) {
    LB_SHARED(T, maxima, THREADS / WARP);
    v = Warp::max(v);
    if (threadIdx.x % WARP == 0) {
      maxima[threadIdx.x / WARP] = v;
    }
    __syncthreads();
    v = maxima[threadIdx.x % (THREADS / WARP)];
    v = Warp::max(v);
    __syncthreads();
    return v;
  }
};

}  // namespace lb
