// SPDX-License-Identifier: Apache-2.0
//
// Thread-block clusters (sm_90a): blocks that run at the same time and write into each other's shared memory.
//
//   extern "C" __global__ void LB_CLUSTER(4) __launch_bounds__(512) lb_<stem>_<variant>_kernel(...) {...}
//   LB_CLUSTER_KERNEL(lb_<stem>_<variant>_kernel, 4);
//
// Where an architecture has none the kernel is there and is not launched: Driver.clusters().

#pragma once

#include "device.h"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define LB_CLUSTER(blocks) __cluster_dims__(blocks, 1, 1)
#else
#define LB_CLUSTER(blocks)
#endif

namespace lb {

#ifdef LB_EMULATED

template <class T, int N>
class ClusterSlots {
  T (*memory)[N];

 public:
  explicit ClusterSlots(T (*m)[N]) : memory(m) {}
  /** Writes element i of the array that a block of the cluster has. */
  void put(int block, int i, T v) const { memory[block][i] = v; }
  /** Reads an element of this block's own. */
  T get(int i) const { return memory[lbe::cluster_rank()][i]; }
};

/** A static array of shared memory that the blocks of the cluster write; between writing and reading is a cluster_barrier. */
#define LB_CLUSTER_SLOTS(T, name, count)                  \
  static T name##_memory[lbe::MAX_CLUSTER][(count)] = {}; \
  const lb::ClusterSlots<T, (count)> name(name##_memory)

inline int cluster_rank() { return lbe::cluster_rank(); }

inline void cluster_barrier() { lbe::cluster_barrier(__FILE__, __LINE__); }

#else

template <class T, int N>
class ClusterSlots {
  T* memory;

 public:
  LB_DEVICE explicit ClusterSlots(T* m) : memory(m) {}
  LB_DEVICE T get(int i) const { return memory[i]; }
  LB_DEVICE void put(int block, int i, T v) const {
#if __CUDA_ARCH__ >= 900
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a float or a double");
    unsigned at;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(at) : "r"((unsigned)__cvta_generic_to_shared(memory + i)), "r"(block));
    if (sizeof(T) == 4) {
      asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(at), "f"((float)v) : "memory");
    } else {
      asm volatile("st.shared::cluster.f64 [%0], %1;" ::"r"(at), "d"((double)v) : "memory");
    }
#endif
  }
};

#define LB_CLUSTER_SLOTS(T, name, count) \
  __shared__ T name##_memory[count];     \
  const lb::ClusterSlots<T, (count)> name(name##_memory)

LB_DEVICE int cluster_rank() {
  unsigned rank = 0;
#if __CUDA_ARCH__ >= 900
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
#endif
  return (int)rank;
}

/** All threads of the cluster; what they wrote before, others see behind it. One stands before the first put of a kernel. */
LB_DEVICE void cluster_barrier() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
#endif
}

#endif

/** The BLOCKS blocks of a cluster that share a row, or the only one. ROUND: 0, 1, ... for the reductions of a kernel in turn. */
template <int BLOCKS, int THREADS>
struct Team {
  static constexpr int SIZE = THREADS;
  static constexpr int WARPS = THREADS / WARP;

  LB_DEVICE static int rank() { return (int)threadIdx.x; }
  LB_DEVICE static int64_t row() { return (int64_t)blockIdx.x / BLOCKS; }
  LB_DEVICE static int block() { return BLOCKS == 1 ? 0 : cluster_rank(); }

  /** What comes before the first reduction. */
  LB_DEVICE static void begin() {
    if (BLOCKS > 1) {
      cluster_barrier();
    }
  }

  template <int ROUND, class T, int K>
  LB_DEVICE static void sum(T (&v)[K]) {
    reduce<ROUND>(v, T(0), [](T a, T b) { return a + b; });
  }

  /** NaN counts as nothing. */
  template <int ROUND, int K>
  LB_DEVICE static void max(float (&v)[K]) {
    reduce<ROUND>(v, -INFINITY, [](float a, float b) { return fmaxf(a, b); });
  }

  /** Has one warp of each block work out what all threads of it get; once in a kernel for each K. */
  template <int K, class F>
  LB_DEVICE static void once(float (&v)[K], F work) {
    LB_SHARED(float, numbers, K);
    if (threadIdx.x < WARP) {
      work(v);
    }
    if (threadIdx.x == 0) {
#pragma unroll
      for (int k = 0; k < K; k++) {
        numbers[k] = v[k];
      }
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < K; k++) {
      const float number = numbers[k];
      v[k] = number;
    }
  }

 private:
  template <int ROUND, class T, int K, class F>
  LB_DEVICE static void reduce(T (&v)[K], T nothing, F f) {
    LB_SHARED(T, partial, K * WARPS);
    const int lane = (int)threadIdx.x % WARP;
#pragma unroll
    for (int k = 0; k < K; k++) {
#pragma unroll
      for (int distance = WARP / 2; distance > 0; distance /= 2) {
        v[k] = f(v[k], __shfl_xor_sync(FULL_WARP, v[k], distance));
      }
      if (lane == 0) {
        partial[k * WARPS + (int)threadIdx.x / WARP] = v[k];
      }
    }
    __syncthreads();
    // In a cluster one warp does: what it puts goes to all.
    if (BLOCKS == 1 || threadIdx.x < WARP) {
#pragma unroll
      for (int k = 0; k < K; k++) {
        T t = nothing;
        if (lane < WARPS) {
          t = partial[k * WARPS + lane];
        }
#pragma unroll
        for (int distance = WARP / 2; distance > 0; distance /= 2) {
          t = f(t, __shfl_xor_sync(FULL_WARP, t, distance));
        }
        v[k] = t;
      }
    }
    if constexpr (BLOCKS > 1) {
      LB_CLUSTER_SLOTS(T, slots, K * BLOCKS);
      if (threadIdx.x < BLOCKS) {
#pragma unroll
        for (int k = 0; k < K; k++) {
          slots.put((int)threadIdx.x, k * BLOCKS + block(), v[k]);
        }
      }
      cluster_barrier();
#pragma unroll
      for (int k = 0; k < K; k++) {
        T t = slots.get(k * BLOCKS);
#pragma unroll
        for (int b = 1; b < BLOCKS; b++) {
          t = f(t, slots.get(k * BLOCKS + b));
        }
        v[k] = t;
      }
    }
  }
};

}  // namespace lb
