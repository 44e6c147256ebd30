// SPDX-License-Identifier: Apache-2.0
//
// softmax: y_j = exp(x_j - max x) / sum_k exp(x_k - max x); gradX_j = y_j (gradY_j - sum_k gradY_k y_k).
//
// x, y, gradX, gradY  f32 [rows, cols], strides in elements, any alignment; y may be x, gradX may be gradY.
//
// A row of -infinity gives 0; NaN or +infinity makes its row NaN. Sums in f32: of a thread's columns in their order, then over
// the threads of the group. The bits of a row depend on its columns alone.
// A warp a row (..._warp_kernel, up to 1024 columns, which the forward holds in registers) or a block a row (..._block_kernel),
// which reads it twice, the second time from a cache where it fits. 1 exponential an element forward of a held row, 2 else; 5 flops
// forward, 4 backward; 8 bytes an element forward of a held row, 12 else, 20 backward.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/softmax_row.h"

namespace {

constexpr int THREADS = 512;

/** A warp a row, which it holds. */
template <int N>
LB_DEVICE void forward_held(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t cols) {
  const int64_t row = lb::Warp::row();
  if (row >= rows) {
    return;
  }
  x += row * x_stride;
  y += row * y_stride;
  float v[1][N];
#pragma unroll
  for (int i = 0; i < N; i++) {
    const int64_t c = lb::Warp::rank() + i * lb::WARP;
    v[0][i] = c < cols ? x[c] : -INFINITY;
  }
  lb::softmax_held(v);
#pragma unroll
  for (int i = 0; i < N; i++) {
    const int64_t c = lb::Warp::rank() + i * lb::WARP;
    if (c < cols) {
      y[c] = v[0][i];
    }
  }
}

template <class Group>
LB_DEVICE void backward(const float* y, int64_t y_stride, const float* grad_y, int64_t grad_y_stride, float* grad_x,
                        int64_t grad_x_stride, int64_t rows, int64_t cols) {
  const int64_t row = Group::row();
  if (row >= rows) {
    return;
  }
  y += row * y_stride;
  grad_y += row * grad_y_stride;
  grad_x += row * grad_x_stride;
  float dot = 0.0f;
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    dot += grad_y[c] * y[c];
  }
  dot = Group::sum(dot);
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    grad_x[c] = y[c] * (grad_y[c] - dot);
  }
}

}  // namespace

extern "C" __global__ void lb_softmax_forward_warp_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride,
                                                          int64_t rows, int64_t cols) {
  if (cols <= lb::SOFTMAX_HELD / 4) {
    forward_held<lb::SOFTMAX_HELD / 4 / lb::WARP>(x, x_stride, y, y_stride, rows, cols);
  } else {
    forward_held<lb::SOFTMAX_HELD / lb::WARP>(x, x_stride, y, y_stride, rows, cols);
  }
}
LB_KERNEL(lb_softmax_forward_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS)
    lb_softmax_forward_block_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t cols) {
  const int64_t row = lb::Block<THREADS>::row();
  if (row >= rows) {
    return;
  }
  lb::softmax_streamed<lb::Block<THREADS>>(
      cols, [=](int64_t c) { return x[row * x_stride + c]; }, [=](int64_t c, float p) { y[row * y_stride + c] = p; });
}
LB_KERNEL(lb_softmax_forward_block_kernel);

extern "C" __global__ void lb_softmax_backward_warp_kernel(const float* y, int64_t y_stride, const float* grad_y,
                                                           int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride,
                                                           int64_t rows, int64_t cols) {
  backward<lb::Warp>(y, y_stride, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols);
}
LB_KERNEL(lb_softmax_backward_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS)
    lb_softmax_backward_block_kernel(const float* y, int64_t y_stride, const float* grad_y, int64_t grad_y_stride,
                                     float* grad_x, int64_t grad_x_stride, int64_t rows, int64_t cols) {
  backward<lb::Block<THREADS>>(y, y_stride, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols);
}
LB_KERNEL(lb_softmax_backward_block_kernel);
