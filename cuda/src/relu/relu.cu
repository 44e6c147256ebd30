// SPDX-License-Identifier: Apache-2.0
//
// relu: y = max(x, 0); gradX = gradY where x is above 0, and 0 elsewhere.
//
// x, y, gradY, gradX  f32 [rows, cols], strides in elements, any alignment; y may be x, gradX may be gradY.
//
// -0 gives +0; NaN gives NaN and passes no gradient. Exact. A thread four elements. 8 bytes an element forward, 12 backward.

#include "../device/device.h"
#include "../device/elementwise.h"

extern "C" __global__ void lb_relu_forward_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
                                                  int64_t cols) {
  // Not fmaxf, which would make 0 of NaN and may keep -0.
  lb::Elementwise::unary(x, x_stride, y, y_stride, rows, cols, [](float v) { return v <= 0.0f ? 0.0f : v; });
}
LB_KERNEL(lb_relu_forward_kernel);

extern "C" __global__ void lb_relu_backward_kernel(const float* x, int64_t x_stride, const float* grad_y, int64_t grad_y_stride,
                                                   float* grad_x, int64_t grad_x_stride, int64_t rows, int64_t cols) {
  lb::Elementwise::binary(x, x_stride, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols,
                          [](float v, float g) { return v > 0.0f ? g : 0.0f; });
}
LB_KERNEL(lb_relu_backward_kernel);
