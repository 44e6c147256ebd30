// SPDX-License-Identifier: Apache-2.0
//
// softmax_kl: D = sum f(p, q), p = softmax(u / Tt), q = softmax(z / T); dz = (h - q sum h) / T, h = q df/dq; forward: dz = (q - p)
// / T. The loss of a row is soft_weight D + hard_weight CE; modes, top-k teachers and options: SoftmaxKl.java.
//
// z, u, gz, gu  f32, or bf16 (..._bf16_...), [rows, cols], strides in elements, any alignment; gz may be z, gu may be u
// ids, top      i64, f32 [rows, k];  row_weight f32, labels i64 [rows];  mask u8 [cols]
// row_loss, losses f64, todo i32 [rows];  left_factor f64, left_kept i64: of kernels before; null where they are arguments
//
// Removed columns are not used; a row of weight 0 is not read. NaN, infinities, logits beyond 1e30 and factors far from 1: in
// double (..._exact_kernel), which takes the rows that the others mark in todo. Exponentials to 2 ulp, sums in float by thread, then
// over the team; losses from terms of one sign, in double over the team; x = log q - log p from logits, with a series near 0.
// A warp a row (..._warp_), a block that reads rows once for each pass (..._block_), a block or a cluster of 4 or 8 that holds them
// in shared memory (..._resident_): z and u read once, gz written once, 12 bytes an element, of bf16 6; 2 exponentials and 12 flops
// for the statistics, 2 and 25 for loss and gradient; the modes that sum h first take a third pass. The bits of a row depend on its
// columns, their type and cols alone; row losses are added in the order of lb::Total.

#include "../device/cluster.h"
#include "../device/group.h"
#include "kl_exact.h"
#include "kl_rows.h"
#include "kl_top_k.h"

LB_TOTAL_KERNEL(softmax_kl);

namespace {

using namespace lb;

constexpr int THREADS = 512;
// Of blocks that hold rows in shared memory, so that two of them have the registers of a multiprocessor without spills; of
// bf16, whose slices are half as long, three smaller ones, since what is done once a row is done by each warp. Twice as many
// where shared memory leaves room for one (..._wide_), whose reads alone would not keep memory busy.
constexpr int FORWARD_THREADS = 448;
constexpr int BF16_FORWARD_THREADS = 256;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr int BF16_FORWARD_TOGETHER = 2; /* with the 80 registers of three ptxas spills for sm_80 */
#else
constexpr int BF16_FORWARD_TOGETHER = 3;
#endif
constexpr int DIRECT_THREADS = 320;
constexpr int MIXED_THREADS = 320;
constexpr int TOP_K_THREADS = 256;
constexpr int EXACT_THREADS = 256;
constexpr int KEPT_THREADS = 512;

/** Marks the row for the kernel in double unless it is done. */
template <class Team>
LB_DEVICE void mark(const KlCall& c, int64_t row, bool done) {
  if (Team::rank() == 0 && Team::block() == 0) {
    c.todo[row] = done ? 0 : 1;
  }
}

template <class E, KlFamily FAMILY, class Team>
LB_DEVICE void streamed(const KlCall& c) {
  const int64_t row = Team::row();
  if (row >= c.rows) {
    return;
  }
  const KlRow<E> r(c, row);
  const KlSlice<E> slice(c, r, 0, c.cols);
  mark<Team>(c, row, kl_float_row<FAMILY, Team>(c, r, slice, KlStreamed()));
}

/** The groups of columns of a block's slice. */
template <class E>
LB_DEVICE int64_t slice_groups(int64_t cols, int blocks) {
  constexpr int COLS = 4 * KlSlice<E>::QUADS;
  return ((cols + COLS - 1) / COLS + blocks - 1) / blocks;
}

/** A block's slice of a row; the last blocks have what is left, which may be nothing. */
template <class Team, class E>
LB_DEVICE KlSlice<E> slice_of(const KlCall& c, const KlRow<E>& r, int64_t groups) {
  const int64_t cols = 4 * KlSlice<E>::QUADS * groups;
  const int64_t from = min(cols * Team::block(), c.cols);
  return KlSlice<E>(c, r, from, min(cols, c.cols - from));
}

template <class E, KlFamily FAMILY, int BLOCKS, int SIZE>
LB_DEVICE void resident(const KlCall& c) {
  using Team = KlBlocks<BLOCKS, SIZE>;
  LB_DYNAMIC_SHARED(area);
  const int64_t row = Team::row();
  const KlRow<E> r(c, row);
  const int64_t groups = slice_groups<E>(c.cols, BLOCKS);
  const KlSlice<E> slice = slice_of<Team>(c, r, groups);
  mark<Team>(c, row, kl_float_row<FAMILY, Team>(c, r, slice, KlResident<E>(area, groups)));
}

/** The row is held as floats whatever its type: the floor takes the place of some, and a soft cap that of all. */
template <class E, int BLOCKS>
LB_DEVICE void top_k(const KlCall& c) {
  using Team = KlBlocks<BLOCKS, TOP_K_THREADS>;
  LB_DYNAMIC_SHARED(area);
  const int64_t row = Team::row();
  const KlRow<E> r(c, row);
  const int64_t groups = slice_groups<E>(c.cols, BLOCKS);
  const KlSlice<E> slice = slice_of<Team>(c, r, groups);
  const int64_t floats = 4 * KlSlice<E>::QUADS * groups;
  mark<Team>(c, row, kl_top_k_row<Team>(c, r, slice, area.at<float>(0, floats), area.at<float>(4 * floats, c.k)));
}

/** A block takes rows blockIdx.x, blockIdx.x + gridDim.x, ... */
template <class E>
LB_DEVICE void exact(const KlCall& c) {
  using Exact = KlExact<EXACT_THREADS, E>;
  LB_SHARED(int, window, Exact::WINDOW);
  for (int64_t row = blockIdx.x; row < c.rows; row += gridDim.x) {
    if (c.todo == nullptr || c.todo[row] != 0) {
      Exact(c, row, window).run();
    }
  }
}

}  // namespace

#define KL_KERNELS(name, type, family, threads, together)                                                                     \
  extern "C" __global__ void lb_softmax_kl_##name##_warp_kernel(KL_PARAMETERS) {                                              \
    const KlCall c = KL_CALL;                                                                                                 \
    streamed<type, family, KlWarp>(c);                                                                                        \
  }                                                                                                                           \
  LB_KERNEL(lb_softmax_kl_##name##_warp_kernel);                                                                              \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) lb_softmax_kl_##name##_block_kernel(KL_PARAMETERS) {               \
    const KlCall c = KL_CALL;                                                                                                 \
    streamed<type, family, KlBlocks<1, THREADS>>(c);                                                                          \
  }                                                                                                                           \
  LB_KERNEL(lb_softmax_kl_##name##_block_kernel);                                                                             \
  extern "C" __global__ void __launch_bounds__(threads, together) lb_softmax_kl_##name##_resident_1_kernel(KL_PARAMETERS) {   \
    const KlCall c = KL_CALL;                                                                                                 \
    resident<type, family, 1, threads>(c);                                                                                    \
  }                                                                                                                           \
  LB_KERNEL(lb_softmax_kl_##name##_resident_1_kernel);                                                                        \
  extern "C" __global__ void LB_CLUSTER(4) __launch_bounds__(threads, together)                                               \
      lb_softmax_kl_##name##_resident_4_kernel(KL_PARAMETERS) {                                                               \
    const KlCall c = KL_CALL;                                                                                                 \
    resident<type, family, 4, threads>(c);                                                                                    \
  }                                                                                                                           \
  LB_CLUSTER_KERNEL(lb_softmax_kl_##name##_resident_4_kernel, 4);                                                             \
  extern "C" __global__ void LB_CLUSTER(8) __launch_bounds__(threads, together)                                               \
      lb_softmax_kl_##name##_resident_8_kernel(KL_PARAMETERS) {                                                               \
    const KlCall c = KL_CALL;                                                                                                 \
    resident<type, family, 8, threads>(c);                                                                                    \
  }                                                                                                                           \
  LB_CLUSTER_KERNEL(lb_softmax_kl_##name##_resident_8_kernel, 8);                                                             \
  extern "C" __global__ void LB_CLUSTER(8) __launch_bounds__(2 * threads, 1)                                                  \
      lb_softmax_kl_##name##_resident_wide_kernel(KL_PARAMETERS) {                                                            \
    const KlCall c = KL_CALL;                                                                                                 \
    resident<type, family, 8, 2 * threads>(c);                                                                                \
  }                                                                                                                           \
  LB_CLUSTER_KERNEL(lb_softmax_kl_##name##_resident_wide_kernel, 8)

KL_KERNELS(forward, float, KL_FAMILY_FORWARD, FORWARD_THREADS, 2);
KL_KERNELS(direct, float, KL_FAMILY_DIRECT, DIRECT_THREADS, 2);
KL_KERNELS(mixed, float, KL_FAMILY_MIXED, MIXED_THREADS, 2);
KL_KERNELS(bf16_forward, Bf16, KL_FAMILY_FORWARD, BF16_FORWARD_THREADS, BF16_FORWARD_TOGETHER);
KL_KERNELS(bf16_direct, Bf16, KL_FAMILY_DIRECT, DIRECT_THREADS, 2);
KL_KERNELS(bf16_mixed, Bf16, KL_FAMILY_MIXED, MIXED_THREADS, 2);

#define KL_REST_KERNELS(prefix, type)                                                                                         \
  extern "C" __global__ void __launch_bounds__(TOP_K_THREADS, 2) lb_softmax_kl_##prefix##top_k_1_kernel(KL_PARAMETERS) {      \
    const KlCall c = KL_CALL;                                                                                                 \
    top_k<type, 1>(c);                                                                                                        \
  }                                                                                                                           \
  LB_KERNEL(lb_softmax_kl_##prefix##top_k_1_kernel);                                                                          \
  extern "C" __global__ void LB_CLUSTER(4) __launch_bounds__(TOP_K_THREADS, 2)                                                \
      lb_softmax_kl_##prefix##top_k_4_kernel(KL_PARAMETERS) {                                                                 \
    const KlCall c = KL_CALL;                                                                                                 \
    top_k<type, 4>(c);                                                                                                        \
  }                                                                                                                           \
  LB_CLUSTER_KERNEL(lb_softmax_kl_##prefix##top_k_4_kernel, 4);                                                               \
  extern "C" __global__ void LB_CLUSTER(8) __launch_bounds__(TOP_K_THREADS, 2)                                                \
      lb_softmax_kl_##prefix##top_k_8_kernel(KL_PARAMETERS) {                                                                 \
    const KlCall c = KL_CALL;                                                                                                 \
    top_k<type, 8>(c);                                                                                                        \
  }                                                                                                                           \
  LB_CLUSTER_KERNEL(lb_softmax_kl_##prefix##top_k_8_kernel, 8);                                                               \
  extern "C" __global__ void __launch_bounds__(EXACT_THREADS, 1) lb_softmax_kl_##prefix##exact_kernel(KL_PARAMETERS) {        \
    const KlCall c = KL_CALL;                                                                                                 \
    exact<type>(c);                                                                                                           \
  }                                                                                                                           \
  LB_KERNEL(lb_softmax_kl_##prefix##exact_kernel)

KL_REST_KERNELS(, float);
KL_REST_KERNELS(bf16_, Bf16);

/** One block: how many columns the mask keeps. */
extern "C" __global__ void __launch_bounds__(KEPT_THREADS)
    lb_softmax_kl_kept_kernel(const uint8_t* mask, int64_t cols, int64_t* kept) {
  double count = 0.0;
  for (int64_t i = threadIdx.x; i < cols; i += KEPT_THREADS) {
    count += mask[i] != 0 ? 1.0 : 0.0;
  }
  count = lb::Block<KEPT_THREADS>::sum(count);
  if (threadIdx.x == 0) {
    *kept = (int64_t)count;
  }
}
LB_KERNEL(lb_softmax_kl_kept_kernel);
