// SPDX-License-Identifier: Apache-2.0
//
// tanh: y = tanh x; gradX = gradY (1 - y^2), written (1 - y) (1 + y), from the outputs.
//
// x, y, gradY, gradX  f32 [rows, cols], strides in elements, any alignment; y of the forward kernel may be x, gradX may be gradY.
//
// +-infinity gives +-1 with slope 0, NaN gives NaN, -0 gives -0. In float: tanhf is within 2 ulp however small x is, the slope
// within 4 roundings. A thread four elements. About 20 flops an element forward, 4 backward; 8 bytes an element forward, 12
// backward.

#include "../device/device.h"
#include "../device/elementwise.h"

extern "C" __global__ void lb_tanh_forward_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
                                                  int64_t cols) {
  lb::Elementwise::unary(x, x_stride, y, y_stride, rows, cols, [](float v) { return tanhf(v); });
}
LB_KERNEL(lb_tanh_forward_kernel);

extern "C" __global__ void lb_tanh_backward_kernel(const float* y, int64_t y_stride, const float* grad_y, int64_t grad_y_stride,
                                                   float* grad_x, int64_t grad_x_stride, int64_t rows, int64_t cols) {
  lb::Elementwise::binary(y, y_stride, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols,
                          [](float v, float g) { return g * ((1.0f - v) * (1.0f + v)); });
}
LB_KERNEL(lb_tanh_backward_kernel);
