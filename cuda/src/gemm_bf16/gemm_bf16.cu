// SPDX-License-Identifier: Apache-2.0
//
// gemm_bf16: C = act(alpha op(A) op(B) + beta C + bias). The gradients are products of this stem, too (see gemm_f32).
//
// A bf16 [m, k] or [k, m] (TA), B bf16 [k, n] or [n, k] (TB), C f32 [m, n], bias f32 [n] or null; strides in elements, any
// alignment; C separate memory. Batch: matrix (i, j) begins i * outer + j * inner elements behind the first.
//
// beta = 0 does not read C; k = 0 makes the product 0. NaN and infinities spread by the rules of arithmetic. Products are exact,
// sums f32 in groups of 16 terms, in the order of k whatever the tile and the batch, so that a choice of tile changes no bit. Long
// sums for few tiles are cut along k and the slices added in their order (`add_slices`, see slices.h): 8 bytes a slice and element
// of C more.
// A block a tile of C: 128 x 128 or 64 x 64, by four warps (see tile_product.h); the small ones also for lines that do not begin
// at multiples of 16 bytes (`gathered`). Grid: tiles in x, matrices in y, slices in z. Large products of whole lines on sm_90:
// tiles of 128 x 256 by wgmma (`wide`, see wide_product.h), whose sums may be rounded otherwise; the choice looks at one matrix
// alone.
// 2 m n k flops; reads 2 m k ceil(n / BN) + 2 k n ceil(m / BM) bytes, most of them from the L2 cache, and writes 4 m n.

#include "../device/device.h"
#include "../device/float_product.h"
#include "../device/slices.h"
#include "../device/wide_product.h"

LB_TILED_PRODUCTS(lb_gemm_bf16_nn, lb::Bf16Factors, false, false);
LB_TILED_PRODUCTS(lb_gemm_bf16_nt, lb::Bf16Factors, false, true);
LB_TILED_PRODUCTS(lb_gemm_bf16_tn, lb::Bf16Factors, true, false);
LB_TILED_PRODUCTS(lb_gemm_bf16_tt, lb::Bf16Factors, true, true);

LB_WIDE_PRODUCT(lb_gemm_bf16_nn_wide_kernel, lb::Bf16Factors, false, false);
LB_WIDE_PRODUCT(lb_gemm_bf16_nt_wide_kernel, lb::Bf16Factors, false, true);
LB_WIDE_PRODUCT(lb_gemm_bf16_tn_wide_kernel, lb::Bf16Factors, true, false);
LB_WIDE_PRODUCT(lb_gemm_bf16_tt_wide_kernel, lb::Bf16Factors, true, true);

LB_ADD_SLICES(gemm_bf16);
