// SPDX-License-Identifier: Apache-2.0
/*
 * Limbeck's kernels in C, for one processor of the host. The only public header of the library.
 *
 * Rules of all functions:
 *
 * - Matrices are row-major. A stride is the distance between the beginnings of two rows in elements, at least the number
 *   of columns. Sizes, strides and indices are int64_t; a product of sizes may exceed 32 bits.
 * - Pointers are aligned to their element. No content is read or written outside the rows and columns given.
 * - A range [from, to) selects what a call works on; what lies outside is left alone. Calls with disjoint ranges may run at
 *   the same time on different threads, and splitting a range where the function allows it changes no bit of a result.
 * - No function allocates, keeps state, starts threads, or takes locks. Scratch memory comes from the caller, one piece for
 *   each call in progress, aligned to 64 bytes, of undefined content.
 * - `tier` is what lb_best_tier() returned, or less (see the constants). A tier that the processor does not have ends the
 *   process by an illegal instruction: limit it, never raise it.
 * - The result is LB_OK, or what is wrong with the sizes; nothing is written then. Pointers, strides and overlap are the
 *   caller's duty.
 * - `restrict` marks memory that no other argument may overlap; where it is absent the text says which may be the same.
 */
#ifndef LIMBECK_H
#define LIMBECK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define LB_RESTRICT
#else
#define LB_RESTRICT restrict
#endif

#if defined(__GNUC__)
#define LB_API __attribute__((visibility("default")))
#else
#define LB_API
#endif

/* Grows when a function changes its meaning or its parameters, or goes away; not when one is added. */
#define LB_ABI 1

/* The level of a tier, its low byte. */
#define LB_TIER_PORTABLE 0 /* plain C11 */
#define LB_TIER_AVX2 1     /* AVX2 and FMA */
#define LB_TIER_AVX512 2   /* AVX-512 F, BW, CD, DQ and VL */
#define LB_TIER_MASK 0xff

/* Further instructions, bits of a tier of level LB_TIER_AVX512. */
#define LB_FEATURE_VNNI 0x100 /* AVX-512 VNNI and VBMI */
#define LB_FEATURE_BF16 0x200 /* AVX-512 BF16 */

/* Status codes. */
#define LB_OK 0
#define LB_BAD_SIZE 1 /* a size is negative, or a range is not inside its matrix */

/* Returns LB_ABI of the library, to be compared with that of the caller's header. */
LB_API int32_t lb_abi(void);

/* Returns the best tier of this processor and operating system: a level, and the bits of features. */
LB_API int32_t lb_best_tier(void);

/* Options of lb_gemm_f32, to be added; at most one of the last three. */
#define LB_GEMM_TRANS_A 1 /* A is stored as [k, m] */
#define LB_GEMM_TRANS_B 2 /* B is stored as [n, k] */
#define LB_GEMM_BIAS 4
#define LB_GEMM_BIAS_GELU 8 /* the erf form */
#define LB_GEMM_BIAS_RELU 16

/* Returns the bytes of scratch that a call of lb_gemm_f32 takes with sums of length k. */
LB_API int64_t lb_gemm_f32_scratch(int32_t tier, int64_t k);

/*
 * gemm_f32: C = act(alpha op(A) op(B) + beta C + bias), the block of rows [row_from, row_to) and columns [col_from, col_to)
 * of a C of m rows and n columns.
 *
 * A f32 [m, k] or [k, m], B f32 [k, n] or [n, k], C f32 [m, n], row strides lda, ldb, ldc; bias f32 [n], read if the options
 * name it; scratch of lb_gemm_f32_scratch bytes. beta = 0 does not read C; k = 0 makes the product 0. NaN and infinities
 * spread by the rules of arithmetic. Sums in float: error of an element below 8 u sqrt(k) sum |a_i b_i|. The bits of an
 * element depend on m, n, k, its row of op(A) and its column of op(B), not on the block. LB_BAD_SIZE: a negative size, or a
 * range that is not inside C.
 */
LB_API int32_t lb_gemm_f32(int32_t tier, int32_t options, int64_t m, int64_t n, int64_t k, float alpha,
                           const float *LB_RESTRICT a, int64_t lda, const float *LB_RESTRICT b, int64_t ldb, float beta,
                           float *LB_RESTRICT c, int64_t ldc, const float *LB_RESTRICT bias, int64_t row_from, int64_t row_to,
                           int64_t col_from, int64_t col_to, void *LB_RESTRICT scratch);

/*
 * softmax: y_j = exp(x_j - max x) / sum_k exp(x_k - max x) of the rows [from, to).
 *
 * x f32 [rows, cols], row stride x_stride; y f32 [rows, cols], row stride y_stride, written; y may be x with the same
 * stride. A row of -infinity gives 0; NaN or +infinity makes its row NaN. Each result within 4 ulp plus 2^-24 times the
 * distance of its logit from the maximum. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_softmax_forward(int32_t tier, const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from,
                                  int64_t to, int64_t cols);

/*
 * softmax, backward: gx_j = y_j (gy_j - sum_k gy_k y_k) of the rows [from, to).
 *
 * y, gy, gx f32 [rows, cols], row strides y_stride, gy_stride, gx_stride; gx is written and may be gy with the same stride.
 * LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_softmax_backward(int32_t tier, const float *LB_RESTRICT y, int64_t y_stride, const float *gy,
                                   int64_t gy_stride, float *gx, int64_t gx_stride, int64_t from, int64_t to, int64_t cols);

#ifdef __cplusplus
}
#endif

#endif
