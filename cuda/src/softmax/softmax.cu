// SPDX-License-Identifier: Apache-2.0
//
// softmax: y_j = exp(x_j - max x) / sum_k exp(x_k - max x); gradX_j = y_j (gradY_j - sum_k gradY_k y_k).
//
// x, y, gradX, gradY  f32 [rows, cols], strides in elements, any alignment; y may be x, gradX may be gradY.
//
// A row of -infinity gives 0; NaN or +infinity makes its row NaN. Sums in f32: of a thread's columns in their order, then over
// the threads of the group. The bits of a row depend on its columns alone.
// A warp a row (..._warp_kernel, for short rows) or a block a row (..._block_kernel). The row is read twice, the second time
// from a cache where it fits; 2 exponentials and 5 flops an element forward, 4 flops backward; 12 bytes an element forward, 20
// backward.

#include "../device/device.h"
#include "../device/group.h"

namespace {

constexpr int THREADS = 512;

/** What is subtracted: 0 for a row of -infinity, whose exponentials are then 0 and not NaN. */
LB_DEVICE float base(float maximum) { return maximum == -INFINITY ? 0.0f : maximum; }

template <class Group>
LB_DEVICE void forward(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t cols) {
  const int64_t row = Group::row();
  if (row >= rows) {
    return;
  }
  x += row * x_stride;
  y += row * y_stride;
  float maximum = -INFINITY;
  float sum = 0.0f;
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    const float v = x[c];
    if (v > maximum) {
      // Before the first finite one there is nothing to scale: exp(-infinity) is 0.
      sum *= expf(maximum - v);
      maximum = v;
    }
    sum += expf(v - base(maximum));
  }
  const float row_maximum = Group::max(maximum);
  if (maximum != -INFINITY) {
    sum *= expf(maximum - row_maximum);
  }
  sum = Group::sum(sum);
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    const float e = expf(x[c] - base(row_maximum));
    y[c] = sum == 0.0f ? 0.0f : e / sum;
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
  forward<lb::Warp>(x, x_stride, y, y_stride, rows, cols);
}
LB_KERNEL(lb_softmax_forward_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS)
    lb_softmax_forward_block_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t cols) {
  forward<lb::Block<THREADS>>(x, x_stride, y, y_stride, rows, cols);
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
