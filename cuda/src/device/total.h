// SPDX-License-Identifier: Apache-2.0
//
// Sums of scratch in a fixed order: of the row losses that another kernel left, with their weights, and of weights for a divisor.
// A stem that has them says LB_TOTAL_KERNEL(<stem>); Totals.java launches it.

#pragma once

#include "device.h"
#include "group.h"

namespace lb {

/** The factor that a kernel before this one left, or the one that the caller knows. */
LB_DEVICE double factor_of(const double* left, double known) { return left == nullptr ? known : *left; }

struct Total {
  static constexpr int THREADS = 512;

  /**
   * The sum of weight times value over [from, to), to every thread of a block: thread k adds elements k, k + THREADS, ..., then the
   * block adds its threads. No values are ones, and so are no weights; the value beside a weight of 0 is not read.
   */
  LB_DEVICE static double sum(const double* values, const float* weights, int64_t from, int64_t to) {
    double sum = 0.0;
#pragma unroll 4
    for (int64_t i = from + threadIdx.x; i < to; i += THREADS) {
      const double weight = weights == nullptr ? 1.0 : weights[i];
      sum += weight == 0.0 ? 0.0 : values == nullptr ? weight : weight * values[i];
    }
    return Block<THREADS>::sum(sum);
  }

  /** Block b: the sum of chunk b times the factor, 0 where that is 0; or, inverse, 1 / sum, 0 where the sum is 0. */
  LB_DEVICE static void run(const double* values, const float* weights, int64_t count, int64_t chunk, const double* factor,
                            double known, int inverse, double* out) {
    const int64_t from = (int64_t)blockIdx.x * chunk;
    const double total = sum(values, weights, from, from + chunk < count ? from + chunk : count);
    if (threadIdx.x == 0) {
      const double f = factor_of(factor, known);
      const double one = total == 0.0 ? 0.0 : 1.0 / total;
      out[blockIdx.x] = inverse != 0 ? one : f == 0.0 ? 0.0 : total * f;
    }
  }
};

}  // namespace lb

#define LB_TOTAL_KERNEL(stem)                                                                                                   \
  extern "C" __global__ void __launch_bounds__(lb::Total::THREADS)                                                              \
      lb_##stem##_total_kernel(const double* values, const float* weights, int64_t count, int64_t chunk, const double* factor,  \
                               double known, int inverse, double* out) {                                                        \
    lb::Total::run(values, weights, count, chunk, factor, known, inverse, out);                                                 \
  }                                                                                                                             \
  LB_KERNEL(lb_##stem##_total_kernel)
