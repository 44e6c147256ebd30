// SPDX-License-Identifier: Apache-2.0
//
// How sums of gemm_bf16 become elements of C.

#pragma once

#include "../device/device.h"
#include "../device/product.h"

namespace {

/** Where the product goes, and what is done to it on the way. */
struct Output {
  float* c;
  int64_t stride;
  const float* bias;
  float alpha, beta;
  int activation;
};

/** The epilogue of a tile, for four columns of a row at a time. */
class Epilogue {
  const Output& out;
  float* tile;
  const float* bias;
  int cols_left;
  bool aligned;

  LB_DEVICE float finish(float sum, float previous, int col) const {
    float v = out.alpha * sum;
    if (out.beta != 0.0f) {
      v += out.beta * previous;
    }
    if (bias != nullptr) {
      v += bias[col];
    }
    return out.activation == lb::GELU ? lb::gelu_erf(v) : out.activation == lb::RELU ? lb::relu(v) : v;
  }

 public:
  LB_DEVICE Epilogue(const Output& o, int64_t row, int64_t col, int left)
      : out(o),
        tile(o.c + row * o.stride + col),
        bias(o.bias == nullptr ? nullptr : o.bias + col),
        cols_left(left),
        aligned((reinterpret_cast<uintptr_t>(o.c) | (uintptr_t)o.stride * sizeof(float)) % 16 == 0) {}

  LB_DEVICE void operator()(int row, int col, const float4& sums) const {
    float* c = tile + row * out.stride + col;
    float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (aligned && col + 4 <= cols_left) {
      if (out.beta != 0.0f) {
        v = *reinterpret_cast<const float4*>(c);
      }
      v.x = finish(sums.x, v.x, col), v.y = finish(sums.y, v.y, col + 1);
      v.z = finish(sums.z, v.z, col + 2), v.w = finish(sums.w, v.w, col + 3);
      *reinterpret_cast<float4*>(c) = v;
    } else {
      const float all[4] = {sums.x, sums.y, sums.z, sums.w};
#pragma unroll
      for (int e = 0; e < 4; e++) {
        if (col + e < cols_left) {
          c[e] = finish(all[e], out.beta != 0.0f ? c[e] : 0.0f, col + e);
        }
      }
    }
  }
};

}  // namespace
