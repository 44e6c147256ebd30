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
 * Packed operands of lb_gemm_bf16 and lb_gemm_i8: memory of the caller, aligned to 64 bytes, in a layout of the tier. They hold
 * `depth` elements of each sum in words = ceil(depth / p) words of 4 bytes, where p is what lb_gemm_<stem>_per_word returns.
 * Rows of op(A) lie in blocks of LB_GEMM_ROWS, each of 64 + 4 LB_GEMM_ROWS words bytes; columns of op(B) in panels of
 * LB_GEMM_COLS, each of 4 LB_GEMM_COLS words bytes. Ranges of rows and columns begin at a multiple of these numbers and end
 * at one, or with the operand. About 512 words suit the caches.
 */
#define LB_GEMM_ROWS 12
#define LB_GEMM_COLS 32

/* Options of products, to be added; at most one of the last three. */
#define LB_GEMM_TRANS_A 1 /* A is stored as [k, m] */
#define LB_GEMM_TRANS_B 2 /* B is stored as [n, k] */
#define LB_GEMM_BIAS 4
#define LB_GEMM_BIAS_GELU 8 /* the erf form */
#define LB_GEMM_BIAS_RELU 16

/* Returns how many elements of a sum of lb_gemm_bf16 a packed word holds. */
LB_API int64_t lb_gemm_bf16_per_word(int32_t tier);

/*
 * gemm_bf16, the rows [from, to) of op(A): packs `depth` columns of op(a) for lb_gemm_bf16. a bf16 [rows, depth], or
 * [depth, rows] with LB_GEMM_TRANS_A; row stride lda. LB_BAD_SIZE: a negative size, a range that ends before it begins or does
 * not begin at a multiple of LB_GEMM_ROWS.
 */
LB_API int32_t lb_gemm_bf16_pack_a(int32_t tier, int32_t options, const uint16_t *LB_RESTRICT a, int64_t lda,
                                   void *LB_RESTRICT packed, int64_t from, int64_t to, int64_t depth);

/*
 * gemm_bf16, the columns [from, to) of op(B): packs `depth` rows of op(b) for lb_gemm_bf16. b bf16 [depth, columns], or
 * [columns, depth] with LB_GEMM_TRANS_B; row stride ldb. LB_BAD_SIZE: as above, with LB_GEMM_COLS.
 */
LB_API int32_t lb_gemm_bf16_pack_b(int32_t tier, int32_t options, const uint16_t *LB_RESTRICT b, int64_t ldb,
                                   void *LB_RESTRICT packed, int64_t from, int64_t to, int64_t depth);

/*
 * gemm_bf16: C = act(alpha op(A) op(B) + beta C + bias) with factors in bfloat16; the rows [from, to) and columns
 * [col_from, col_to) of C, for the elements [k_from, k_to) of the sums, which packed_a and packed_b hold.
 *
 * C f32 [rows, cols], row stride ldc; with k_from > 0 it holds the result of the elements before. bias f32 [cols], read if the
 * options name it. beta = 0 does not read C; k = 0 makes the product 0. Bias and act are applied when k_to = k. Sums in float:
 * error of an element below (k + 8) 2^-24 (|alpha| sum |a_i b_i| + |beta c| + |bias|), where subnormal factors and sums may
 * count as 0. The bits of an element depend on the cuts of k, not on the ranges. LB_BAD_SIZE: as for lb_gemm_i8.
 */
LB_API int32_t lb_gemm_bf16(int32_t tier, int32_t options, float alpha, const void *LB_RESTRICT packed_a,
                            const void *LB_RESTRICT packed_b, float beta, float *LB_RESTRICT c, int64_t ldc,
                            const float *LB_RESTRICT bias, int64_t from, int64_t to, int64_t col_from, int64_t col_to,
                            int64_t k_from, int64_t k_to, int64_t k);

/* Returns how many elements of a sum of lb_gemm_i8 a packed word holds. */
LB_API int64_t lb_gemm_i8_per_word(int32_t tier);

/*
 * gemm_i8, the rows [from, to) of A: packs `depth` columns of a, i8 [rows, depth], row stride lda, for lb_gemm_i8.
 * LB_BAD_SIZE: a negative size, a range that ends before it begins or does not begin at a multiple of LB_GEMM_ROWS.
 */
LB_API int32_t lb_gemm_i8_pack_a(int32_t tier, const int8_t *LB_RESTRICT a, int64_t lda, void *LB_RESTRICT packed,
                                 int64_t from, int64_t to, int64_t depth);

/*
 * gemm_i8, the columns [from, to) of op(B): packs `depth` rows of op(b) for lb_gemm_i8. b i8 [depth, columns], or
 * [columns, depth] with LB_GEMM_TRANS_B; row stride ldb. LB_BAD_SIZE: as above, with LB_GEMM_COLS.
 */
LB_API int32_t lb_gemm_i8_pack_b(int32_t tier, int32_t options, const int8_t *LB_RESTRICT b, int64_t ldb,
                                 void *LB_RESTRICT packed, int64_t from, int64_t to, int64_t depth);

/*
 * gemm_i8: C = A op(B) with sums in int32, or sum row_scale_i col_scale_j + bias_j in float; the rows [from, to) and columns
 * [col_from, col_to) of C, for the elements [k_from, k_to) of the sums, which packed_a and packed_b hold.
 *
 * C i32 or f32 [rows, cols], row stride ldc. With k_from > 0 C holds the int32 sums of the elements before. row_scale
 * f32 [rows], col_scale f32 [cols], bias f32 [cols]: null for sums, bias also without one; applied when k_to = k, as
 * (sum row_scale) col_scale + bias. Sums are exact for k <= 131071. LB_BAD_SIZE: a negative size, a range that is not one, or
 * one that does not begin where a block or panel does.
 */
LB_API int32_t lb_gemm_i8(int32_t tier, const void *LB_RESTRICT packed_a, const void *LB_RESTRICT packed_b,
                          void *LB_RESTRICT c, int64_t ldc, const float *LB_RESTRICT row_scale,
                          const float *LB_RESTRICT col_scale, const float *LB_RESTRICT bias, int64_t from, int64_t to,
                          int64_t col_from, int64_t col_to, int64_t k_from, int64_t k_to, int64_t k);

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
