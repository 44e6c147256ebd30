// SPDX-License-Identifier: Apache-2.0
//
// The step that adamw and bert_adam share: g' = factor g; m = beta1 m + rest1 g'; v = beta2 v + rest2 g'^2; w -= size m / (root
// sqrt(v) + epsilon) + shrink w.
//
// w, g, m, v  f32 [rows, cols], strides in elements, any alignment, apart from each other; w, m, v are updated.
// factor      f64 [1], or null for 1: a double, since what is left of a norm beyond 1e38 is no float.
//
// NaN stays in its element. In float; what is taken from w is summed up before, so that a small decay keeps its digits. A thread
// four elements: four loads of 16 bytes, three stores. Grid as in elementwise.h. 12 flops, a root and a division; 28 bytes.

#pragma once

#include "device.h"
#include "quads.h"

namespace lb {

struct AdamStep {
  float beta1, rest1, beta2, rest2, epsilon, shrink, size, root;

  LB_DEVICE void update(float& w, float g, float& m, float& v) const {
    m = beta1 * m + rest1 * g;
    // Not (g g) rest2: that overflows for gradients whose share of v is still a float.
    v = beta2 * v + g * rest2 * g;
    w -= size * (m / (root * sqrtf(v) + epsilon)) + shrink * w;
  }

  LB_DEVICE void run(float* w, int64_t w_stride, const float* g, int64_t g_stride, float* m, int64_t m_stride, float* v,
                     int64_t v_stride, int64_t rows, int64_t cols, const double* factor) const {
    const int64_t q = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
      const Quads<float> ws(w + row * w_stride, cols);
      const Quads<float> ms(m + row * m_stride, cols);
      const Quads<float> vs(v + row * v_stride, cols);
      float4 wq = ws.load(q);
      float4 gq = Quads<const float>(g + row * g_stride, cols).load(q);
      float4 mq = ms.load(q);
      float4 vq = vs.load(q);
      if (factor != nullptr) {
        const double f = *factor;
        gq = map4(gq, [&](float x) { return (float)(f * x); });
      }
      update(wq.x, gq.x, mq.x, vq.x);
      update(wq.y, gq.y, mq.y, vq.y);
      update(wq.z, gq.z, mq.z, vq.z);
      update(wq.w, gq.w, mq.w, vq.w);
      ws.store(q, wq);
      ms.store(q, mq);
      vs.store(q, vq);
    }
  }
};

}  // namespace lb

#define LB_ADAM_KERNEL(stem)                                                                                                   \
  extern "C" __global__ void lb_##stem##_step_kernel(                                                                          \
      float* w, int64_t w_stride, const float* g, int64_t g_stride, float* m, int64_t m_stride, float* v, int64_t v_stride,    \
      int64_t rows, int64_t cols, const double* factor, float beta1, float rest1, float beta2, float rest2, float epsilon,     \
      float shrink, float size, float root) {                                                                                  \
    const lb::AdamStep step = {beta1, rest1, beta2, rest2, epsilon, shrink, size, root};                                       \
    step.run(w, w_stride, g, g_stride, m, m_stride, v, v_stride, rows, cols, factor);                                          \
  }                                                                                                                            \
  LB_KERNEL(lb_##stem##_step_kernel)
