// SPDX-License-Identifier: Apache-2.0
//
// Kernels with a fault each, which the emulator must find, and their right twins, which it must let pass. y f32 [n] is x f32 [n]
// with each whole block of threads reversed, or what the name says.

#include "../../src/device/async.h"
#include "../../src/device/cluster.h"
#include "../../src/device/device.h"
#include "../../src/device/group.h"
#include "../../src/device/tma.h"
#include "../../src/device/wgmma.h"

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

/** Copies into what other threads may still read. */
extern "C" __global__ void lb_early_copy_kernel(const float* x, float* y, int64_t n) {
  LB_SHARED(uint4, tile, THREADS);
  for (int64_t i = threadIdx.x; i < n; i += THREADS) {
    lb::copy_async(tile, threadIdx.x, x + i / 4 * 4, 16);
    lb::commit_copies();
    lb::wait_copies<0>();
    __syncthreads();
    const uint4 v = tile[THREADS - 1 - threadIdx.x];
    y[i] = __uint_as_float(v.x);
  }
}
LB_KERNEL(lb_early_copy_kernel);

/** One arrival too few. */
extern "C" __global__ void lb_endless_wait_kernel(const float* x, float* y, int64_t n) {
  LB_SHARED(uint64_t, words, 1);
  const lb::Barriers barriers(words);
  if (threadIdx.x == 0) {
    barriers.init(0, THREADS);
  }
  __syncthreads();
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (i < n) {
    y[i] = x[i];
    barriers.arrive(0);
  }
  barriers.wait(0, 0);
}
LB_KERNEL(lb_endless_wait_kernel);

/** Writes into factors of a product that nobody has waited for. */
extern "C" __global__ void lb_overwritten_product_kernel(const float* x, float* y, int64_t n) {
  constexpr int CHUNKS = (64 + 256) * 8;
  LB_SHARED(uint4, factors, CHUNKS);
  for (int i = (int)threadIdx.x; i < CHUNKS; i += THREADS) {
    factors[i] = make_uint4(0, 0, 0, 0);
  }
  __syncthreads();
  float sums[128] = {};
  lb::GroupProducts products;
  products.begin();
  products.multiply<2, true, true>(sums, lb::group_factor(factors, 0), lb::group_factor(factors, lb::BOX_64));
  products.commit();
  __syncthreads();
  if (threadIdx.x == 0) {
    factors[0] = make_uint4(1, 1, 1, 1);
  }
  products.finish(sums);
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  if (i < n) {
    y[i] = sums[0] + x[i];
  }
}
LB_KERNEL(lb_overwritten_product_kernel);
