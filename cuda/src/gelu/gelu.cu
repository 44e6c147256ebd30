// SPDX-License-Identifier: Apache-2.0
//
// gelu: erf: y = x P(x), dy/dx = P(x) + x p(x), P the normal distribution, p its density. tanh: y = x s, s = 1 / (1 + exp(-2
// u)), u = sqrt(2 / pi) (x + 0.044715 x^3), dy/dx = s + x s (1 - s) 2 du/dx. gradX = gradY dy/dx.
//
// x, y, gradX, gradY  f32 [rows, cols], strides in elements, any alignment; y may be x, gradX may be gradY.
//
// +infinity gives +infinity, -infinity gives 0 (slopes 1 and 0), NaN gives NaN. Within 1e-6 relative, or 1e-7 where |y| is
// below 0.1. A thread an element. About 30 flops an element; 8 bytes an element forward, 12 backward.

#include "../device/device.h"
#include "../device/elementwise.h"
#include "../device/gelu.h"

extern "C" __global__ void lb_gelu_forward_erf_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
                                                      int64_t cols) {
  lb::Elementwise::unary(x, x_stride, y, y_stride, rows, cols, [](float v) { return lb::gelu_erf(v); });
}
LB_KERNEL(lb_gelu_forward_erf_kernel);

extern "C" __global__ void lb_gelu_forward_tanh_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride,
                                                       int64_t rows, int64_t cols) {
  lb::Elementwise::unary(x, x_stride, y, y_stride, rows, cols, [](float v) { return lb::gelu_tanh(v); });
}
LB_KERNEL(lb_gelu_forward_tanh_kernel);

extern "C" __global__ void lb_gelu_backward_erf_kernel(const float* x, int64_t x_stride, const float* grad_y,
                                                       int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride, int64_t rows,
                                                       int64_t cols) {
  lb::Elementwise::binary(x, x_stride, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols,
                          [](float v, float g) { return g * lb::gelu_erf_slope(v); });
}
LB_KERNEL(lb_gelu_backward_erf_kernel);

extern "C" __global__ void lb_gelu_backward_tanh_kernel(const float* x, int64_t x_stride, const float* grad_y,
                                                        int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride,
                                                        int64_t rows, int64_t cols) {
  lb::Elementwise::binary(x, x_stride, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols,
                          [](float v, float g) { return g * lb::gelu_tanh_slope(v); });
}
LB_KERNEL(lb_gelu_backward_tanh_kernel);
