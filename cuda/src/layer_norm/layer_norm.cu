// SPDX-License-Identifier: Apache-2.0
//
// layer_norm: xhat = (x - mean) rstd, rstd = 1 / sqrt(mean((x - mean)^2) + epsilon), y = gamma xhat + beta. With g = gradY
// gamma: gradX = rstd (g - mean(g) - xhat mean(g xhat)); gradGamma += sum over rows of gradY xhat; gradBeta += that of gradY.
//
// x, y, gradY, gradX            f32 [rows, cols], strides in elements; y may be x, gradX may be gradY
// gamma, beta, gradGamma, gradBeta  f32 [cols];  mean, rstd  f32 [rows];  partial  f32 [chunks, 2, cols], scratch
//
// NaN or an infinity makes its row NaN. Sums in f32: the mean a second time around the first, so that a constant row has no
// variance. A warp or a block a row; column sums by chunks of rows (..._partial_kernel, a thread a column of 32 and every 8th
// row), added in the order of the chunks (..._parameters_kernel): the same bits from run to run. The column sums come first,
// since gradX may be gradY. 8 flops an element forward, 13 backward; 12 bytes an element forward, 28 backward.

#include "../device/device.h"
#include "../device/group.h"

namespace {

constexpr int THREADS = 512;
constexpr int TILE_COLS = 32;
constexpr int TILE_ROWS = 8;

template <class Group>
LB_DEVICE void forward(const float* x, int64_t x_stride, const float* gamma, const float* beta, float* y, int64_t y_stride,
                       float* mean, float* rstd, int64_t rows, int64_t cols, double epsilon) {
  const int64_t row = Group::row();
  if (row >= rows) {
    return;
  }
  x += row * x_stride;
  y += row * y_stride;
  float sum = 0.0f;
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    sum += x[c];
  }
  const float near = Group::sum(sum) / (float)cols;
  float rest = 0.0f;
  float squares = 0.0f;
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    const float d = x[c] - near;
    rest += d;
    squares += d * d;
  }
  const double off = (double)Group::sum(rest) / (double)cols;
  const double variance = (double)Group::sum(squares) / (double)cols - off * off;
  const float low = (float)off;
  // What rounding leaves of a variance of 0 may be negative; NaN stays.
  const float r = (float)(1.0 / sqrt((variance < 0.0 ? 0.0 : variance) + epsilon));
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    // The mean in two parts: one float would not do for values far from 0.
    y[c] = gamma[c] * ((x[c] - near - low) * r) + beta[c];
  }
  if (Group::rank() == 0) {
    mean[row] = (float)(near + off);
    rstd[row] = r;
  }
}

template <class Group>
LB_DEVICE void backward(const float* x, int64_t x_stride, const float* gamma, const float* mean, const float* rstd,
                        const float* grad_y, int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride, int64_t rows,
                        int64_t cols) {
  const int64_t row = Group::row();
  if (row >= rows) {
    return;
  }
  x += row * x_stride;
  grad_y += row * grad_y_stride;
  grad_x += row * grad_x_stride;
  const float m = mean[row];
  const float r = rstd[row];
  float sum = 0.0f;
  float dot = 0.0f;
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    const float g = grad_y[c] * gamma[c];
    sum += g;
    dot += g * ((x[c] - m) * r);
  }
  sum = Group::sum(sum) / (float)cols;
  dot = Group::sum(dot) / (float)cols;
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    const float g = grad_y[c] * gamma[c];
    grad_x[c] = r * (g - sum - (x[c] - m) * r * dot);
  }
}

}  // namespace

extern "C" __global__ void lb_layer_norm_forward_warp_kernel(const float* x, int64_t x_stride, const float* gamma,
                                                             const float* beta, float* y, int64_t y_stride, float* mean,
                                                             float* rstd, int64_t rows, int64_t cols, double epsilon) {
  forward<lb::Warp>(x, x_stride, gamma, beta, y, y_stride, mean, rstd, rows, cols, epsilon);
}
LB_KERNEL(lb_layer_norm_forward_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS)
    lb_layer_norm_forward_block_kernel(const float* x, int64_t x_stride, const float* gamma, const float* beta, float* y,
                                       int64_t y_stride, float* mean, float* rstd, int64_t rows, int64_t cols, double epsilon) {
  forward<lb::Block<THREADS>>(x, x_stride, gamma, beta, y, y_stride, mean, rstd, rows, cols, epsilon);
}
LB_KERNEL(lb_layer_norm_forward_block_kernel);

extern "C" __global__ void lb_layer_norm_backward_warp_kernel(const float* x, int64_t x_stride, const float* gamma,
                                                              const float* mean, const float* rstd, const float* grad_y,
                                                              int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride,
                                                              int64_t rows, int64_t cols) {
  backward<lb::Warp>(x, x_stride, gamma, mean, rstd, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols);
}
LB_KERNEL(lb_layer_norm_backward_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS)
    lb_layer_norm_backward_block_kernel(const float* x, int64_t x_stride, const float* gamma, const float* mean,
                                        const float* rstd, const float* grad_y, int64_t grad_y_stride, float* grad_x,
                                        int64_t grad_x_stride, int64_t rows, int64_t cols) {
  backward<lb::Block<THREADS>>(x, x_stride, gamma, mean, rstd, grad_y, grad_y_stride, grad_x, grad_x_stride, rows, cols);
}
LB_KERNEL(lb_layer_norm_backward_block_kernel);

/** Block (i, j): columns from 32 i on, of chunk j, which has chunk_rows rows. */
extern "C" __global__ void __launch_bounds__(TILE_COLS* TILE_ROWS)
    lb_layer_norm_partial_kernel(const float* x, int64_t x_stride, const float* mean, const float* rstd, const float* grad_y,
                                 int64_t grad_y_stride, float* partial, int64_t rows, int64_t cols, int64_t chunk_rows) {
  LB_SHARED(float, gammas, TILE_ROWS * TILE_COLS);
  LB_SHARED(float, betas, TILE_ROWS * TILE_COLS);
  const int lane = (int)threadIdx.x % TILE_COLS;
  const int64_t c = (int64_t)blockIdx.x * TILE_COLS + lane;
  const int64_t from = (int64_t)blockIdx.y * chunk_rows;
  const int64_t to = from + chunk_rows < rows ? from + chunk_rows : rows;
  float gamma = 0.0f;
  float beta = 0.0f;
  if (c < cols) {
    for (int64_t row = from + threadIdx.x / TILE_COLS; row < to; row += TILE_ROWS) {
      const float g = grad_y[row * grad_y_stride + c];
      gamma += g * ((x[row * x_stride + c] - mean[row]) * rstd[row]);
      beta += g;
    }
  }
  gammas[threadIdx.x] = gamma;
  betas[threadIdx.x] = beta;
  __syncthreads();
  if (threadIdx.x < TILE_COLS && c < cols) {
    for (int i = 1; i < TILE_ROWS; i++) {
      gamma += gammas[i * TILE_COLS + lane];
      beta += betas[i * TILE_COLS + lane];
    }
    partial[blockIdx.y * 2 * cols + c] = gamma;
    partial[(blockIdx.y * 2 + 1) * cols + c] = beta;
  }
}
LB_KERNEL(lb_layer_norm_partial_kernel);

/** A thread a column. */
extern "C" __global__ void lb_layer_norm_parameters_kernel(const float* partial, int64_t chunks, float* grad_gamma,
                                                           float* grad_beta, int64_t cols) {
  const int64_t c = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (c < cols) {
    float gamma = 0.0f;
    float beta = 0.0f;
    for (int64_t i = 0; i < chunks; i++) {
      gamma += partial[i * 2 * cols + c];
      beta += partial[(i * 2 + 1) * cols + c];
    }
    grad_gamma[c] += gamma;
    grad_beta[c] += beta;
  }
}
LB_KERNEL(lb_layer_norm_parameters_kernel);
