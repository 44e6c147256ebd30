// SPDX-License-Identifier: Apache-2.0
//
// Kernels with a fault each, which the emulator must find, and their right twins, which it must let pass. y f32 [n] is x f32 [n]
// with each whole block of threads reversed, or what the name says.

#include "../../src/device/device.h"
#include "../../src/device/cluster.h"
#include "../../src/device/group.h"

constexpr int THREADS = 64;

extern "C" __global__ void lb_right_kernel(const float* x, float* y, int64_t n) {
  LB_SHARED(float, tile, THREADS);
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  tile[threadIdx.x] = i < n ? x[i] : 0.0f;
  __syncthreads();
  if (i < n) {
    y[i] = tile[THREADS - 1 - threadIdx.x];
  }
}
LB_KERNEL(lb_right_kernel);

extern "C" __global__ void lb_missing_barrier_kernel(const float* x, float* y, int64_t n) {
  LB_SHARED(float, tile, THREADS);
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  tile[threadIdx.x] = i < n ? x[i] : 0.0f;
  if (i < n) {
    y[i] = tile[THREADS - 1 - threadIdx.x];
  }
}
LB_KERNEL(lb_missing_barrier_kernel);

/** The tile is written again before all threads have read it. */
extern "C" __global__ void lb_missing_second_barrier_kernel(const float* x, float* y, int64_t n) {
  LB_SHARED(float, tile, THREADS);
  for (int64_t i = threadIdx.x; i < n; i += THREADS) {
    tile[threadIdx.x] = x[i];
    __syncthreads();
    y[i] = tile[THREADS - 1 - threadIdx.x];
  }
}
LB_KERNEL(lb_missing_second_barrier_kernel);

extern "C" __global__ void lb_off_by_one_kernel(const float* x, float* y, int64_t n) {
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (i <= n) {
    y[i] = i < n ? x[i] : 1.0f;
  }
}
LB_KERNEL(lb_off_by_one_kernel);

/** Reads one element too many: the sum is no number. */
extern "C" __global__ void lb_off_by_one_read_kernel(const float* x, float* y, int64_t n) {
  float sum = 0.0f;
  for (int64_t i = threadIdx.x; i <= n; i += THREADS) {
    sum += x[i];
  }
  sum = lb::Block<THREADS>::sum(sum);
  if (threadIdx.x == 0) {
    y[0] = sum;
  }
}
LB_KERNEL(lb_off_by_one_read_kernel);

extern "C" __global__ void lb_partial_barrier_kernel(const float* x, float* y, int64_t n) {
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (i < n) {
    __syncthreads();
    y[i] = x[i];
  }
}
LB_KERNEL(lb_partial_barrier_kernel);

extern "C" __global__ void lb_partial_shuffle_kernel(const float* x, float* y, int64_t n) {
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (i < n) {
    y[i] = lb::Warp::sum(x[i]);
  }
}
LB_KERNEL(lb_partial_shuffle_kernel);

extern "C" __global__ void lb_shared_overrun_kernel(const float* x, float* y, int64_t n) {
  LB_SHARED(float, tile, THREADS);
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  tile[threadIdx.x + 1] = i < n ? x[i] : 0.0f;
  __syncthreads();
  if (i < n) {
    y[i] = tile[threadIdx.x];
  }
}
LB_KERNEL(lb_shared_overrun_kernel);

extern "C" __global__ void lb_unwritten_kernel(const float* x, float* y, int64_t n) {
  LB_SHARED(float, tile, THREADS);
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (i < n) {
    tile[threadIdx.x] = x[i];
  }
  __syncthreads();
  y[i < n ? i : 0] = tile[threadIdx.x];
}
LB_KERNEL(lb_unwritten_kernel);

/** Every block of a cluster of two writes the sum over both. */
extern "C" __global__ void lb_right_cluster_kernel(const float* x, float* y, int64_t n) {
  using Team = lb::Team<2, THREADS>;
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  float sum[1] = {i < n ? x[i] : 0.0f};
  Team::begin();
  Team::sum<0>(sum);
  if (i < n) {
    y[i] = sum[0] + (float)Team::block();
  }
}
LB_CLUSTER_KERNEL(lb_right_cluster_kernel, 2);

extern "C" __global__ void lb_partial_cluster_kernel(const float* x, float* y, int64_t n) {
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (blockIdx.x == 0) {
    lb::cluster_barrier();
  }
  if (i < n) {
    y[i] = x[i];
  }
}
LB_CLUSTER_KERNEL(lb_partial_cluster_kernel, 2);
