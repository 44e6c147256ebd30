// SPDX-License-Identifier: Apache-2.0
//
// softmax: y_j = exp(x_j - max x) / sum_k exp(x_k - max x); gradX_j = y_j (gradY_j - sum_k gradY_k y_k).
//
// x, y, gradX, gradY  f32 [rows, cols], strides in elements, any alignment; y may be x, gradX may be gradY.
//
// A row of -infinity gives 0; NaN or +infinity makes its row NaN. Sums in f32: of a thread's columns in their order, then over
// the threads of the group. The bits of a row depend on its columns alone.
// A warp a row (..._warp_kernel, up to 1024 columns) or a block a row (..._block_kernel, ..._wide_kernel). The forward holds rows of
// up to 32768 columns in registers; it reads longer ones twice, as the backward does with rows for a block, the second time from a
// cache where they fit. 1 exponential an element forward of a held row, 2 else; 5 flops forward, 4 backward; 8 bytes an element
// forward of a held row, 12 else, 20 backward.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/quads.h"
#include "../device/softmax_row.h"

namespace {

constexpr int THREADS = 512;
constexpr int WIDE_THREADS = 1024;
/** Groups of four columns that a thread of a block holds. */
constexpr int HELD = 8;

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

/** A block a row, which it holds. */
template <class Group>
LB_DEVICE void forward_block(const float* x, float* y, int64_t cols) {
  const lb::Quads<const float> in(x, cols);
  float4 v[HELD];
  in.template load<HELD, Group::SIZE>(v, Group::rank(), -INFINITY);
  float maximum = -INFINITY;
#pragma unroll
  for (int i = 0; i < HELD; i++) {
    maximum = fmaxf(fmaxf(fmaxf(v[i].x, v[i].y), fmaxf(v[i].z, v[i].w)), maximum);
  }
  const float base = lb::softmax_base(Group::max(maximum));
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < HELD; i++) {
    v[i] = lb::map4(v[i], [base](float a) { return expf(a - base); });
    sum += (v[i].x + v[i].y) + (v[i].z + v[i].w);
  }
  sum = Group::sum(sum);
  // A sum is at least 1 otherwise.
  const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
  const lb::Quads<float> out(y, cols);
#pragma unroll
  for (int i = 0; i < HELD; i++) {
    out.store(Group::rank() + i * Group::SIZE, lb::map4(v[i], [factor](float a) { return a * factor; }));
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

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    lb_softmax_forward_block_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t /* rows */,
                                    int64_t cols) {
  using Group = lb::Block<THREADS>;
  const int64_t row = Group::row();
  x += row * x_stride;
  y += row * y_stride;
  if (cols <= 4 * HELD * THREADS) {
    forward_block<Group>(x, y, cols);
  } else {
    lb::softmax_streamed<Group>(
        cols, [=](int64_t c) { return x[c]; }, [=](int64_t c, float p) { y[c] = p; });
  }
}
LB_KERNEL(lb_softmax_forward_block_kernel);

extern "C" __global__ void __launch_bounds__(WIDE_THREADS, 1)
    lb_softmax_forward_wide_kernel(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t /* rows */,
                                    int64_t cols) {
  const int64_t row = blockIdx.x;
  forward_block<lb::Block<WIDE_THREADS>>(x + row * x_stride, y + row * y_stride, cols);
}
LB_KERNEL(lb_softmax_forward_wide_kernel);

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
