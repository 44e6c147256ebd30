// SPDX-License-Identifier: Apache-2.0
//
// layer_norm: xhat = (x - mean) rstd, rstd = 1 / sqrt(mean((x - mean)^2) + epsilon), y = gamma xhat + beta. With g = gradY
// gamma: gradX = rstd (g - mean(g) - xhat mean(g xhat)); gradGamma += sum over rows of gradY xhat; gradBeta += that of gradY.
//
// x, y, gradY, gradX            f32 [rows, cols], strides in elements, any alignment; y may be x, gradX may be gradY
// gamma, beta, gradGamma, gradBeta  f32 [cols];  mean, rstd  f32 [rows];  partial  f32 [chunks, 2, cols], scratch
//
// NaN or an infinity makes its row NaN. Sums in f32: the mean a second time around the first, so that a constant row has no
// variance. Forward a warp or a block a row, which it holds up to 1024 or 8192 columns and else reads three times. Backward up to
// 4096 columns (..._backward_rows_) a block a chunk of rows, a thread four columns of them: gradX, and the sums of its columns over
// the chunk. Longer rows are read twice: by ..._partial_ for the sums, which comes first, since gradX may be gradY, and by
// ..._backward_block_. Sums of chunks are added by ..._parameters_: 16 threads a column, every 16th chunk each, then one after the
// other. The same bits from run to run. 8 flops an element forward, 13 backward; 8 bytes an element forward, 12 backward.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/quads.h"

namespace {

constexpr int THREADS = 512;
/** Groups of four columns that a thread holds: of a warp, and of a block. */
constexpr int WARP_HELD = 8;
constexpr int BLOCK_HELD = 4;
/** The threads of a block with a chunk of rows, at most, and the rows that it has at a time. */
constexpr int WIDEST = 1024;
constexpr int ROWS = 2;
constexpr int TILE_COLS = 32;
constexpr int TILE_ROWS = 8;
constexpr int TILE_CHUNKS = 16;

LB_DEVICE float sum4(float4 v) { return (v.x + v.y) + (v.z + v.w); }

/** The statistics of a row, and what turns x into xhat. */
struct Moments {
  float near;
  float low;
  float rstd;
  double off;

  /** The mean in two parts: one float would not do for values far from 0. */
  LB_DEVICE float normal(float x) const { return (x - near - low) * rstd; }

  /** rest, squares: the sums of what is left of the first mean, and of its squares. */
  LB_DEVICE Moments(float first, float rest, float squares, int64_t cols, double epsilon) : near(first) {
    off = (double)rest / (double)cols;
    const double variance = (double)squares / (double)cols - off * off;
    low = (float)off;
    // What rounding leaves of a variance of 0 may be negative; NaN stays.
    rstd = (float)(1.0 / sqrt((variance < 0.0 ? 0.0 : variance) + epsilon));
  }

  LB_DEVICE void store(float* mean, float* rstds, int64_t row) const {
    mean[row] = (float)(near + off);
    rstds[row] = rstd;
  }
};

/** A row of up to 4 N columns for each thread of its group. */
template <class Group, int N>
LB_DEVICE void forward_held(const float* x, const float* gamma, const float* beta, float* y, float* mean, float* rstd, int64_t row,
                            int64_t cols, double epsilon) {
  const lb::Quads<const float> in(x, cols);
  float4 v[N];
  in.template load<N, Group::SIZE>(v, Group::rank(), 0.0f);
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < N; i++) {
    sum += sum4(v[i]);
  }
  const float near = Group::sum(sum) / (float)cols;
  float rest = 0.0f;
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < N; i++) {
    const float4 d = lb::map4(in.filled(Group::rank() + i * Group::SIZE, v[i], near), [near](float a) { return a - near; });
    rest += sum4(d);
    squares += sum4(lb::map4(d, [](float a) { return a * a; }));
  }
  rest = Group::sum(rest);
  squares = Group::sum(squares);
  const Moments m(near, rest, squares, cols, epsilon);
  const lb::Quads<const float> scales(gamma, cols);
  const lb::Quads<const float> shifts(beta, cols);
  const lb::Quads<float> out(y, cols);
#pragma unroll
  for (int i = 0; i < N; i++) {
    const int64_t q = Group::rank() + i * Group::SIZE;
    if (q < in.count()) {
      const float4 scaled = lb::map4(v[i], scales.load(q), [&m](float a, float scale) { return scale * m.normal(a); });
      out.store(q, lb::map4(scaled, shifts.load(q), [](float a, float shift) { return a + shift; }));
    }
  }
  if (Group::rank() == 0) {
    m.store(mean, rstd, row);
  }
}

/** A row of any length, read three times. */
template <class Group>
LB_DEVICE void forward_streamed(const float* x, const float* gamma, const float* beta, float* y, float* mean, float* rstd,
                                int64_t row, int64_t cols, double epsilon) {
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
  rest = Group::sum(rest);
  squares = Group::sum(squares);
  const Moments m(near, rest, squares, cols, epsilon);
  for (int64_t c = Group::rank(); c < cols; c += Group::SIZE) {
    y[c] = gamma[c] * m.normal(x[c]) + beta[c];
  }
  if (Group::rank() == 0) {
    m.store(mean, rstd, row);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256, 3)
    lb_layer_norm_forward_warp_kernel(const float* x, int64_t x_stride, const float* gamma, const float* beta, float* y,
                                      int64_t y_stride, float* mean, float* rstd, int64_t rows, int64_t cols, double epsilon) {
  const int64_t row = lb::Warp::row();
  if (row < rows) {
    forward_held<lb::Warp, WARP_HELD>(x + row * x_stride, gamma, beta, y + row * y_stride, mean, rstd, row, cols, epsilon);
  }
}
LB_KERNEL(lb_layer_norm_forward_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    lb_layer_norm_forward_block_kernel(const float* x, int64_t x_stride, const float* gamma, const float* beta, float* y,
                                       int64_t y_stride, float* mean, float* rstd, int64_t /* rows */, int64_t cols,
                                       double epsilon) {
  using Group = lb::Block<THREADS>;
  const int64_t row = Group::row();
  x += row * x_stride;
  y += row * y_stride;
  if (cols <= 4 * BLOCK_HELD * THREADS) {
    forward_held<Group, BLOCK_HELD>(x, gamma, beta, y, mean, rstd, row, cols, epsilon);
  } else {
    forward_streamed<Group>(x, gamma, beta, y, mean, rstd, row, cols, epsilon);
  }
}
LB_KERNEL(lb_layer_norm_forward_block_kernel);

/** Block i: rows from i chunk_rows on, so many. A thread the columns from four times its index on. */
extern "C" __global__ void __launch_bounds__(WIDEST, 1)
    lb_layer_norm_backward_rows_kernel(const float* x, int64_t x_stride, const float* gamma, const float* mean, const float* rstd,
                                       const float* grad_y, int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride,
                                       float* partial, int64_t rows, int64_t cols, int64_t chunk_rows) {
  constexpr int SUMS = 2 * ROWS;
  // Two, so that one is read while the next is written.
  LB_SHARED(float, parts, 2 * SUMS * lb::WARP);
  const int lane = lb::Warp::rank();
  const int warp = (int)threadIdx.x / lb::WARP;
  const int warps = (int)blockDim.x / lb::WARP;
  const int64_t q = threadIdx.x;
  const int64_t from = (int64_t)blockIdx.x * chunk_rows;
  const int64_t to = from + chunk_rows < rows ? from + chunk_rows : rows;
  const float4 scale = lb::Quads<const float>(gamma, cols).load(q);
  const float share = 1.0f / (float)cols;
  const auto product = [](float a, float b) { return a * b; };
  const auto plus = [](float a, float b) { return a + b; };
  float4 gammas = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  float4 betas = gammas;
  int buffer = 0;
  for (int64_t row = from; row < to; row += ROWS) {
    float4 normal[ROWS];
    float4 g[ROWS];
    float m[ROWS];
    float r[ROWS];
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      // Past the last: that one again.
      const int64_t at = row + i < to ? row + i : to - 1;
      normal[i] = lb::Quads<const float>(x + at * x_stride, cols).load(q);
      g[i] = lb::Quads<const float>(grad_y + at * grad_y_stride, cols).load(q);
      m[i] = mean[at];
      r[i] = rstd[at];
    }
    float sums[SUMS];
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      normal[i] = lb::map4(normal[i], [&](float a) { return (a - m[i]) * r[i]; });
      if (row + i < to) {
        gammas = lb::map4(gammas, lb::map4(g[i], normal[i], product), plus);
        betas = lb::map4(betas, g[i], plus);
      }
      g[i] = lb::map4(g[i], scale, product);
      sums[2 * i] = sum4(g[i]);
      sums[2 * i + 1] = sum4(lb::map4(g[i], normal[i], product));
    }
    lb::warp_sums(sums);
    const lb::Shared<float> of_warps = parts.from(buffer * SUMS * lb::WARP);
    if (lane == 0) {
#pragma unroll
      for (int k = 0; k < SUMS; k++) {
        of_warps[k * lb::WARP + warp] = sums[k];
      }
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < SUMS; k++) {
      sums[k] = 0.0f;
      if (lane < warps) {
        sums[k] = of_warps[k * lb::WARP + lane];
      }
    }
    lb::warp_sums(sums);
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      const float mean_g = sums[2 * i] * share;
      const float mean_dot = sums[2 * i + 1] * share;
      if (row + i < to) {
        lb::Quads<float>(grad_x + (row + i) * grad_x_stride, cols)
            .store(q, lb::map4(g[i], normal[i], [&](float a, float n) { return r[i] * (a - mean_g - n * mean_dot); }));
      }
    }
    buffer ^= 1;
  }
  float* const sums = partial + (int64_t)blockIdx.x * 2 * cols;
  lb::Quads<float>(sums, cols).store(q, gammas);
  lb::Quads<float>(sums + cols, cols).store(q, betas);
}
LB_KERNEL(lb_layer_norm_backward_rows_kernel);

/** A block a row of any length. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_layer_norm_backward_block_kernel(const float* x, int64_t x_stride, const float* gamma, const float* mean,
                                        const float* rstd, const float* grad_y, int64_t grad_y_stride, float* grad_x,
                                        int64_t grad_x_stride, int64_t /* rows */, int64_t cols) {
  using Group = lb::Block<THREADS>;
  const int64_t row = Group::row();
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

/** Block i: columns from 32 i on. */
extern "C" __global__ void __launch_bounds__(TILE_COLS* TILE_CHUNKS)
    lb_layer_norm_parameters_kernel(const float* partial, int64_t chunks, float* grad_gamma, float* grad_beta, int64_t cols) {
  LB_SHARED(float, gammas, TILE_CHUNKS * TILE_COLS);
  LB_SHARED(float, betas, TILE_CHUNKS * TILE_COLS);
  const int lane = (int)threadIdx.x % TILE_COLS;
  const int64_t c = (int64_t)blockIdx.x * TILE_COLS + lane;
  float gamma = 0.0f;
  float beta = 0.0f;
  if (c < cols) {
#pragma unroll 8
    for (int64_t i = threadIdx.x / TILE_COLS; i < chunks; i += TILE_CHUNKS) {
      gamma += partial[i * 2 * cols + c];
      beta += partial[(i * 2 + 1) * cols + c];
    }
  }
  gammas[threadIdx.x] = gamma;
  betas[threadIdx.x] = beta;
  __syncthreads();
  if (threadIdx.x < TILE_COLS && c < cols) {
    for (int i = 1; i < TILE_CHUNKS; i++) {
      gamma += gammas[i * TILE_COLS + lane];
      beta += betas[i * TILE_COLS + lane];
    }
    grad_gamma[c] += gamma;
    grad_beta[c] += beta;
  }
}
LB_KERNEL(lb_layer_norm_parameters_kernel);
