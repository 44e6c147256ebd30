// SPDX-License-Identifier: Apache-2.0
//
// embedding: y_i = scale table[ids_i]; gradTable[ids_i] += scale gradY_i, in ascending order of i for each row of the table.
//
// table, gradTable  f32 [vocab, width];  y, gradY  f32 [n, width], strides in elements, any alignment;  ids  i64 [n]
// keys, sorted  i64 [n], scratch: id << shift | position, so that both are in ascending order; 2^shift is at least n
//
// An index outside of the table gives a row of NaN, and backward it is left out, as is the padding index. One rounding a product
// and one a sum, not fused: the bits of the reference. No atomics.
// Forward a warp for up to 512 columns of a position. Backward: keys are sorted in runs (a block each, bitonic, in shared memory)
// and runs are merged two by two (a thread a key, whose place is its own index plus its rank in the other run); then a warp for
// 128 columns of the first of equal ids adds all of them. n log(n)^2 / 2 comparisons; 8 n width bytes forward, backward 4 n width
// and 8 bytes for each element of a row that is hit.

#include "../device/device.h"
#include "../device/quads.h"

namespace {

constexpr int LONGEST_RUN = 4096;
constexpr int LOADS = 4;
constexpr int SLICE = 4 * lb::WARP;

}  // namespace

/** Warps: positions in x, 512 columns each in y. */
extern "C" __global__ void lb_embedding_forward_kernel(const float* table, int64_t table_stride, const int64_t* ids, float* y,
                                                       int64_t y_stride, int64_t vocab, int64_t n, int64_t width, float scale) {
  constexpr int64_t COLS = LOADS * SLICE;
  const int lane = (int)threadIdx.x % lb::WARP;
  const int64_t i = (int64_t)blockIdx.x * (blockDim.x / lb::WARP) + threadIdx.x / lb::WARP;
  if (i >= n) {
    return;
  }
  const int64_t id = ids[i];
  const bool known = id >= 0 && id < vocab;
  for (int64_t from = blockIdx.y * COLS; from < width; from += gridDim.y * COLS) {
    const int64_t cols = width - from < COLS ? width - from : COLS;
    const lb::Quads<float> out(y + i * y_stride + from, cols);
    float4 v[LOADS];
    lb::Quads<const float>(table + (known ? id : 0) * table_stride + from, cols).load<LOADS, lb::WARP>(v, lane, 0.0f);
#pragma unroll
    for (int k = 0; k < LOADS; k++) {
      out.store(lane + k * lb::WARP, lb::map4(v[k], [&](float x) { return known ? scale * x : NAN; }));
    }
  }
}
LB_KERNEL(lb_embedding_forward_kernel);

/** Block b: the sorted keys of positions [b run, (b + 1) run); run is a power of 2 and twice the threads or more. */
extern "C" __global__ void __launch_bounds__(1024)
    lb_embedding_sort_kernel(const int64_t* ids, int64_t n, int64_t vocab, int64_t padding, int shift, int run, int64_t* keys) {
  LB_SHARED(int64_t, all, LONGEST_RUN);
  const int64_t from = (int64_t)blockIdx.x * run;
  for (int k = (int)threadIdx.x; k < run; k += (int)blockDim.x) {
    int64_t key = INT64_MAX;
    if (from + k < n) {
      const int64_t id = ids[from + k];
      // What gets no gradient goes to the end, as one more row.
      key = (id >= 0 && id < vocab && id != padding ? id : vocab) << shift | (from + k);
    }
    all[k] = key;
  }
  __syncthreads();
  for (int size = 2; size <= run; size *= 2) {
    for (int distance = size / 2; distance > 0; distance /= 2) {
      for (int pair = (int)threadIdx.x; pair < run / 2; pair += (int)blockDim.x) {
        const int k = 2 * pair - (pair & (distance - 1));
        const int64_t low = all[k];
        const int64_t high = all[k + distance];
        if ((low > high) == ((k & size) == 0)) {
          all[k] = high;
          all[k + distance] = low;
        }
      }
      __syncthreads();
    }
  }
  for (int k = (int)threadIdx.x; k < run && from + k < n; k += (int)blockDim.x) {
    keys[from + k] = all[k];
  }
}
LB_KERNEL(lb_embedding_sort_kernel);

/** A thread a key: merges neighbouring sorted runs. */
extern "C" __global__ void lb_embedding_merge_kernel(const int64_t* keys, int64_t n, int64_t run, int64_t* merged) {
  const int64_t k = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (k >= n) {
    return;
  }
  const int64_t key = keys[k];
  const int64_t mine = k / run * run;
  const int64_t other = (k / run ^ 1) * run;
  int64_t low = other < n ? other : n;
  int64_t high = other + run < n ? other + run : n;
  // Keys differ: how many of the other run are below this one.
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (keys[middle] < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const int64_t below = other < n ? low - other : 0;
  merged[(mine < other ? mine : other) + (k - mine) + below] = key;
}
LB_KERNEL(lb_embedding_merge_kernel);

namespace {

/** The rows of gradY in a slice of columns, as a lane sees them. */
struct Slice {
  const float* grad;
  int64_t stride;
  int64_t cols;
  float scale;
  int lane;

  /** Adds the rows of U lanes' positions from lane `first` on, those at and behind `count` left out. */
  template <int U, bool LONG>
  LB_DEVICE void add(float4& sum, int64_t position, int first, int count) const {
    float4 v[U];
#pragma unroll
    for (int u = 0; u < U; u++) {
      const int64_t p = __shfl_sync(lb::FULL_WARP, position, first + u);
      const float* row = grad + p * stride;
      const bool there = first + u < count;
      if (LONG) {
        v[u] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        if (there && 4 * lane < cols) {
          v[u] = *reinterpret_cast<const float4*>(row + 4 * lane);
        }
      } else {
        const auto at = [&](int i) { return there && 4 * lane + i < cols ? row[4 * lane + i] : 0.0f; };
        v[u] = make_float4(at(0), at(1), at(2), at(3));
      }
    }
#pragma unroll
    for (int u = 0; u < U; u++) {
      // Not a sum with 0, which would make +0 of -0.
      if (first + u < count) {
        sum = lb::map4(sum, v[u], [&](float a, float b) { return __fadd_rn(a, __fmul_rn(scale, b)); });
      }
    }
  }

  /** Adds the rows of all keys of an id, which begin at key k. */
  template <bool LONG>
  LB_DEVICE void add_all(float4& sum, const int64_t* keys, int64_t k, int64_t n, int shift) const {
    const int64_t id = keys[k] >> shift;
    for (int count = lb::WARP; count == lb::WARP; k += lb::WARP) {
      const int64_t key = k + lane < n ? keys[k + lane] : -1;
      count = __popc(__ballot_sync(lb::FULL_WARP, key >> shift == id));
      const int64_t position = key & (((int64_t)1 << shift) - 1);
      int first = 0;
      for (; first + 16 <= count; first += 16) {
        add<16, LONG>(sum, position, first, count);
      }
      for (; first < count; first += 4) {
        add<4, LONG>(sum, position, first, count);
      }
    }
  }
};

}  // namespace

/** Warps: keys in x, 128 columns each in y. */
extern "C" __global__ void lb_embedding_add_kernel(const int64_t* keys, int64_t n, int64_t vocab, int shift, const float* grad_y,
                                                   int64_t grad_y_stride, float* grad_table, int64_t grad_table_stride,
                                                   int64_t width, float scale) {
  const int lane = (int)threadIdx.x % lb::WARP;
  const int64_t k = (int64_t)blockIdx.x * (blockDim.x / lb::WARP) + threadIdx.x / lb::WARP;
  if (k >= n) {
    return;
  }
  const int64_t id = keys[k] >> shift;
  if (id >= vocab || (k > 0 && keys[k - 1] >> shift == id)) {
    return;
  }
  for (int64_t from = (int64_t)blockIdx.y * SLICE; from < width; from += (int64_t)gridDim.y * SLICE) {
    const int64_t cols = width - from < SLICE ? width - from : SLICE;
    const Slice slice = {grad_y + from, grad_y_stride, cols, scale, lane};
    const lb::Quads<float> out(grad_table + id * grad_table_stride + from, cols);
    float4 sum = out.load(lane);
    if (lb::aligned16(grad_y) && grad_y_stride % 4 == 0 && cols % 4 == 0) {
      slice.add_all<true>(sum, keys, k, n, shift);
    } else {
      slice.add_all<false>(sum, keys, k, n, shift);
    }
    out.store(lane, sum);
  }
}
LB_KERNEL(lb_embedding_add_kernel);
