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

/*
 * gemm_ternary: y = x W^T scale + bias, the rows [from, to) and columns [col_from, col_to) of y.
 *
 * x f32 [rows, k], row stride x_stride. weights: W [cols, k] of -1, 0 and 1 in the layout planes64-v1: the code w + 1 of column
 * c in byte c / 256 * 64 + c % 64 of its row, bits 2 (c % 256 / 64) and the next; rows padded with code 1 to a multiple of 256
 * columns, without gaps between them. scale f32, element j scale_step for column j: scale_step is 0 or 1. bias f32 [cols], or
 * null. y f32 [rows, cols], row stride y_stride, written.
 *
 * k = 0 gives the bias, or 0. Error of an element below (k + 8) 2^-24 (|scale| sum |x_i w_i| + |bias|). A NaN or an infinity in
 * x touches its row of y only. Code 3 gives wrong sums and nothing else. The bits of an element do not depend on the ranges.
 * LB_BAD_SIZE: a range that begins below 0 or ends before it begins, k < 0.
 */
LB_API int32_t lb_gemm_ternary_f32(int32_t tier, const float *LB_RESTRICT x, int64_t x_stride,
                                   const uint8_t *LB_RESTRICT weights, const float *LB_RESTRICT scale, int64_t scale_step,
                                   const float *LB_RESTRICT bias, float *LB_RESTRICT y, int64_t y_stride, int64_t from,
                                   int64_t to, int64_t col_from, int64_t col_to, int64_t k);

/*
 * gemm_ternary with rows of x as int8: y = sum s scale + bias with the integer sum = q W^T, for rows that
 * lb_gemm_ternary_quantize has written to `quantized`.
 *
 * quantized: 64-byte aligned, row i of the call begins at byte i (64 + 256 ceil(k / 256)). acc i32 [rows, cols], row stride
 * acc_stride, written with the sums; or null. All else as for lb_gemm_ternary_f32. Sums are exact; y takes four roundings.
 * LB_BAD_SIZE: also k > 524288.
 */
LB_API int32_t lb_gemm_ternary_i8(int32_t tier, const void *LB_RESTRICT quantized, const uint8_t *LB_RESTRICT weights,
                                  const float *LB_RESTRICT scale, int64_t scale_step, const float *LB_RESTRICT bias,
                                  float *LB_RESTRICT y, int64_t y_stride, int32_t *LB_RESTRICT acc, int64_t acc_stride,
                                  int64_t from, int64_t to, int64_t col_from, int64_t col_to, int64_t k);

/*
 * gemm_ternary, the rows [from, to) of x as int8: top = max |x| of the row, q = round(x (127 / top)), half to even, and
 * s = top / 127, all in float.
 *
 * x f32 [rows, k], row stride x_stride. quantized: as lb_gemm_ternary_i8 reads it; row i holds the sum of its q as int32_t,
 * s as float, from byte 64 on q as int8_t, and zeros up to a multiple of 256. A row with NaN or infinity, and one whose
 * 127 / top is infinite, has q = 0; s is NaN or infinite in the first case. LB_BAD_SIZE: as for lb_gemm_ternary_i8.
 */
LB_API int32_t lb_gemm_ternary_quantize(int32_t tier, const float *LB_RESTRICT x, int64_t x_stride,
                                        void *LB_RESTRICT quantized, int64_t from, int64_t to, int64_t k);

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
