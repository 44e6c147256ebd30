// SPDX-License-Identifier: Apache-2.0
//
// Packed weights, and what sums become.

#pragma once

#include "../device/device.h"

namespace ternary {

constexpr int THREADS = 256;
constexpr int BLOCK_COLS = 256;
constexpr int BLOCK_BYTES = 64;
constexpr int PLANE_COLS = 64;
constexpr int PLANES = 4;
/** What a prefetch brings, at least. */
constexpr int LINE = 128;

/** What a row of q is completed with. */
struct Head {
  int sum;
  float step;
};

LB_DEVICE int64_t blocks_of(int64_t k) { return (k + BLOCK_COLS - 1) / BLOCK_COLS; }

LB_DEVICE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/** Codes of plane `plane` of four packed bytes. */
LB_DEVICE unsigned codes(unsigned packed, int plane) { return packed >> 2 * plane & 0x03030303u; }

LB_DEVICE uint4 load16(const uint8_t* p) { return *reinterpret_cast<const uint4*>(p); }

struct Column {
  float scale, bias;
};

struct Results {
  const float* scale;
  int64_t scale_step;
  const float* bias;
  float* y;
  int64_t y_stride;
  int* acc;
  int64_t acc_stride;
  int64_t m, n;

  /** What column j is completed with. */
  LB_DEVICE Column column(int64_t j) const {
    if (j >= n) {
      return {0.0f, 0.0f};
    }
    return {scale[j * scale_step], bias == nullptr ? 0.0f : bias[j]};
  }
  LB_DEVICE void store(int64_t i, int64_t j, const Column& column, float sum) const {
    if (i < m && j < n) {
      const float value = sum * column.scale;
      // Not value + 0, which would make 0 of -0.
      y[i * y_stride + j] = bias == nullptr ? value : value + column.bias;
    }
  }
  LB_DEVICE Head head(const Head* heads, int64_t i) const { return i < m ? heads[i] : Head{0, 0.0f}; }
  /** From a sum of codes. */
  LB_DEVICE void store(int64_t i, int64_t j, const Head& head, const Column& column, int of_codes) const {
    const int sum = of_codes - head.sum;
    if (acc != nullptr && i < m && j < n) {
      acc[i * acc_stride + j] = sum;
    }
    store(i, j, column, (float)sum * head.step);
  }
};

#define LB_TERNARY_RESULTS                                                                                                  \
  const float *scale, int64_t scale_step, const float *bias, float *y, int64_t y_stride, int *acc, int64_t acc_stride, \
      int64_t m, int64_t n, int64_t k
#define LB_TERNARY_RESULTS_GIVEN {scale, scale_step, bias, y, y_stride, acc, acc_stride, m, n}

}  // namespace ternary
