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
 * - The result is LB_OK, or what is wrong with sizes or options; nothing is written then. Pointers, strides and overlap are the
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
#define LB_BAD_OPTION 2 /* an option has a value that the function does not know */

/* The forms of gelu. */
#define LB_GELU_ERF 0  /* the exact one */
#define LB_GELU_TANH 1 /* the approximation by the hyperbolic tangent */

/* Returns LB_ABI of the library, to be compared with that of the caller's header. */
LB_API int32_t lb_abi(void);

/* Returns the best tier of this processor and operating system: a level, and the bits of features. */
LB_API int32_t lb_best_tier(void);

/*
 * adamw and bert_adam, the step that both share, of the rows [from, to): g' = factor g; m = beta1 m + rest1 g';
 * v = beta2 v + rest2 g'^2; w = decay w - size m / (root sqrt(v) + epsilon).
 *
 * With b1, b2, l, d and t the decays, learning rate, weight decay and step: rest1 = 1 - b1, rest2 = 1 - b2, decay = 1 - l d;
 * for adamw factor = 1, size = l / (1 - b1^t), root = 1 / sqrt(1 - b2^t); for bert_adam factor = min(1, maximum / norm),
 * size = l, root = 1.
 *
 * w, g, m, v f32 [rows, cols], row strides w_stride, g_stride, m_stride, v_stride; w, m and v are updated. NaN stays in its
 * element. Each update within 4 ulp of the larger of update and parameter. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_adam_step(int32_t tier, float *LB_RESTRICT w, int64_t w_stride, const float *LB_RESTRICT g,
                            int64_t g_stride, float *LB_RESTRICT m, int64_t m_stride, float *LB_RESTRICT v, int64_t v_stride,
                            int64_t from, int64_t to, int64_t cols, float beta1, float rest1, float beta2, float rest2,
                            float epsilon, float factor, float decay, float size, float root);

/*
 * bert_adam, for its norm: the sum of the squares of the rows [from, to) of g.
 *
 * g f32 [rows, cols], row stride g_stride; sum is one f64, written. In double; the bits depend on the range. LB_BAD_SIZE:
 * from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_adam_squares(int32_t tier, const float *LB_RESTRICT g, int64_t g_stride, double *LB_RESTRICT sum,
                               int64_t from, int64_t to, int64_t cols);

/*
 * attention_kl from scores: the divergence of the student's attention maps from the teacher's, and its gradient by the
 * student's scores, of the rows [from, to).
 *
 * A row is (example, head, query) of a softmax over keys. Real are the keys below the example's length, up to the query where
 * causal is not 0, and not 0 in the mask; where lengths are given and queries = keys, also only the queries below the length.
 * With p and q the softmax of student and teacher scores / temperature over the real keys, and n the number of real queries of
 * the example: losses[row] = sum q log(q / p), gradient factor (p - q) / (temperature n). With clamp > 0 the logarithms are of
 * max(p, clamp) and max(q, clamp), and the gradient is factor (p M - max(q, clamp) u) / (temperature n), u = 1 where p > clamp,
 * M = sum max(q, clamp) u. Scores that are not real are not used; their gradient is 0, as is the loss of a row without any.
 *
 * student, teacher f32 [rows, keys], row strides student_stride, teacher_stride, rows = batch heads queries in that order;
 * lengths i32 [batch], each within [0, keys], or null; mask u8 [batch queries, keys], row stride mask_stride, or null; grad
 * f32 [rows, keys], row stride grad_stride, written, may be student with the same stride, or null; losses f64 [rows], written,
 * or null; scratch: f32 [4, keys], keys rounded up to a multiple of 16. The temperature within 1e-30 to 1e30, clamp 0 or within
 * 1e-36 to 1.
 *
 * NaN or +infinity, or nothing but -infinity, among the real scores of student or teacher makes the row's loss and the gradient
 * of its real scores NaN. LB_BAD_SIZE: from < 0, to < from, keys < 0, heads < 1 or queries < 1.
 */
LB_API int32_t lb_attention_kl(int32_t tier, const float *student, int64_t student_stride, const float *LB_RESTRICT teacher,
                               int64_t teacher_stride, const int32_t *LB_RESTRICT lengths, const uint8_t *LB_RESTRICT mask,
                               int64_t mask_stride, float *grad, int64_t grad_stride, double *LB_RESTRICT losses,
                               float *LB_RESTRICT scratch, int64_t from, int64_t to, int64_t heads, int64_t queries,
                               int64_t keys, int32_t causal, double temperature, double clamp, double factor);

/*
 * dropout: y = residual + keep scale x of the rows [from, to). Element i = row cols + col is kept if word i mod 4 of
 * Philox4x32-10 with counter (i / 4, stream) and key seed is at least the threshold. The backward function is this one,
 * without a residual, of the gradient.
 *
 * x, residual, y f32 [rows, cols], row strides x_stride, residual_stride, y_stride; residual may be null; y is written and may
 * be x or residual with the same stride. A dropped element is exactly 0, or the residual, also where x is NaN. The same bits at
 * every tier. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_dropout(int32_t tier, const float *x, int64_t x_stride, const float *residual, int64_t residual_stride,
                          float *y, int64_t y_stride, int64_t from, int64_t to, int64_t cols, int64_t seed, int64_t stream,
                          uint32_t threshold, float scale);

/*
 * embedding: y_i = scale table[ids_i] of the positions [from, to).
 *
 * table f32 [vocab, cols], row stride table_stride; ids i64 [positions], each within [0, vocab); y f32 [positions, cols], row
 * stride y_stride, written. The same bits at every tier. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_embedding_forward(int32_t tier, const float *LB_RESTRICT table, int64_t table_stride,
                                    const int64_t *LB_RESTRICT ids, float *LB_RESTRICT y, int64_t y_stride, int64_t from,
                                    int64_t to, int64_t cols, float scale);

/*
 * embedding, backward: gtable[ids_i] += scale gy_i of the columns [from, to), for all positions in ascending order; nothing
 * where ids_i is padding.
 *
 * ids i64 [count], each within [0, vocab); gy f32 [count, cols], row stride gy_stride; gtable f32 [vocab, cols], row stride
 * gtable_stride, added to. The same bits at every tier. LB_BAD_SIZE: from < 0, to < from or count < 0.
 */
LB_API int32_t lb_embedding_backward(int32_t tier, const int64_t *LB_RESTRICT ids, int64_t count, const float *LB_RESTRICT gy,
                                     int64_t gy_stride, float *LB_RESTRICT gtable, int64_t gtable_stride, int64_t from,
                                     int64_t to, float scale, int64_t padding);

/*
 * gelu: y = x P(x), P(x) = (1 + erf(x / sqrt 2)) / 2, of the rows [from, to); in the form LB_GELU_TANH
 * y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
 *
 * x f32 [rows, cols], row stride x_stride; y f32 [rows, cols], row stride y_stride, written; y may be x with the same
 * stride. +infinity gives +infinity, -infinity 0, NaN NaN. Within 1e-6 relative, or 1e-7 absolute where |y| is below 0.1.
 * LB_BAD_SIZE: from < 0, to < from or cols < 0. LB_BAD_OPTION: form.
 */
LB_API int32_t lb_gelu_forward(int32_t tier, int32_t form, const float *x, int64_t x_stride, float *y, int64_t y_stride,
                               int64_t from, int64_t to, int64_t cols);

/*
 * gelu, backward: gx = gy dy/dx of the rows [from, to). The slope at +infinity is 1, at -infinity 0.
 *
 * x, gy, gx f32 [rows, cols], row strides x_stride, gy_stride, gx_stride; gx is written and may be gy with the same stride.
 * LB_BAD_SIZE: from < 0, to < from or cols < 0. LB_BAD_OPTION: form.
 */
LB_API int32_t lb_gelu_backward(int32_t tier, int32_t form, const float *x, int64_t x_stride, const float *gy,
                                int64_t gy_stride, float *gx, int64_t gx_stride, int64_t from, int64_t to, int64_t cols);

/*
 * layer_norm: y = gamma xhat + beta, xhat = (x - mu) rstd, mu = mean(x), rstd = 1 / sqrt(mean((x - mu)^2) + epsilon), of the
 * rows [from, to).
 *
 * x f32 [rows, cols], row stride x_stride; gamma, beta f32 [cols]; y f32 [rows, cols], row stride y_stride, written; mean and
 * rstd f32 [rows], written; y may be x with the same stride. NaN or an infinity makes its row NaN. A mean within 4 ulp of
 * the largest element. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_layer_norm_forward(int32_t tier, const float *x, int64_t x_stride, const float *LB_RESTRICT gamma,
                                     const float *LB_RESTRICT beta, float *y, int64_t y_stride, float *LB_RESTRICT mean,
                                     float *LB_RESTRICT rstd, int64_t from, int64_t to, int64_t cols, double epsilon);

/*
 * layer_norm, backward, of the rows [from, to): gx = rstd (g - mean(g) - xhat mean(g xhat)), g = gy gamma; and the sums over
 * these rows of gy xhat and of gy.
 *
 * x, gy, gx f32 [rows, cols], row strides x_stride, gy_stride, gx_stride; gamma f32 [cols]; mean, rstd f32 [rows]; gx is
 * written and may be gy with the same stride; sums f32 [2, cols], written. The bits of the sums depend on the range: a caller
 * cuts the rows into the same ranges whatever the number of threads, and has the sums of all of them added by
 * lb_layer_norm_parameters. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_layer_norm_backward(int32_t tier, const float *LB_RESTRICT x, int64_t x_stride,
                                      const float *LB_RESTRICT gamma, const float *LB_RESTRICT mean,
                                      const float *LB_RESTRICT rstd, const float *gy, int64_t gy_stride, float *gx,
                                      int64_t gx_stride, float *LB_RESTRICT sums, int64_t from, int64_t to, int64_t cols);

/*
 * layer_norm, backward, its end: adds the sums that lb_layer_norm_backward left for each of the ranges, in their order, to
 * the gradients of the parameters.
 *
 * sums f32 [chunks, 2, cols]; ggamma, gbeta f32 [cols], added to. LB_BAD_SIZE: chunks < 0 or cols < 0.
 */
LB_API int32_t lb_layer_norm_parameters(int32_t tier, const float *LB_RESTRICT sums, int64_t chunks, float *LB_RESTRICT ggamma,
                                        float *LB_RESTRICT gbeta, int64_t cols);

/*
 * mse: losses[row] = sum_j (f(s_j) - f(t_j))^2 / cols, f(x) = 0 at or below the floor and x above it, of the rows [from, to);
 * the gradient is 2 factor weight (f(s_j) - f(t_j)) / cols above the floor, 0 at or below it.
 *
 * student, teacher f32 [rows, cols], row strides student_stride, teacher_stride; weights f32 [rows], or null for 1; a row of
 * weight 0 is not read, its loss and gradient are 0; grad f32 [rows, cols], row stride grad_stride, written, may be student
 * with the same stride, or null; losses f64 [rows], written. A floor of NaN means none. Differences in f32, sums in f64.
 * LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_mse(int32_t tier, const float *student, int64_t student_stride, const float *LB_RESTRICT teacher,
                      int64_t teacher_stride, const float *LB_RESTRICT weights, float *grad, int64_t grad_stride,
                      double *LB_RESTRICT losses, int64_t from, int64_t to, int64_t cols, float floor, double factor);

/*
 * relu: y = max(x, 0) of the rows [from, to). -0 gives +0, NaN NaN.
 *
 * x f32 [rows, cols], row stride x_stride; y f32 [rows, cols], row stride y_stride, written; y may be x with the same stride.
 * Exact. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_relu_forward(int32_t tier, const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from,
                               int64_t to, int64_t cols);

/*
 * relu, backward: gx = gy where x is above 0, and 0 elsewhere, of the rows [from, to).
 *
 * x, gy, gx f32 [rows, cols], row strides x_stride, gy_stride, gx_stride; gx is written and may be gy with the same stride.
 * LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_relu_backward(int32_t tier, const float *LB_RESTRICT x, int64_t x_stride, const float *gy, int64_t gy_stride,
                                float *gx, int64_t gx_stride, int64_t from, int64_t to, int64_t cols);

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

/*
 * tanh: the hyperbolic tangent of the rows [from, to). +-infinity gives +-1, NaN NaN, -0 -0.
 *
 * x f32 [rows, cols], row stride x_stride; y f32 [rows, cols], row stride y_stride, written; y may be x with the same stride.
 * Within 1e-6 relative. LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_tanh_forward(int32_t tier, const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t from,
                               int64_t to, int64_t cols);

/*
 * tanh, backward, from the outputs: gx = gy (1 - y^2) of the rows [from, to).
 *
 * y, gy, gx f32 [rows, cols], row strides y_stride, gy_stride, gx_stride; gx is written and may be gy with the same stride.
 * LB_BAD_SIZE: from < 0, to < from or cols < 0.
 */
LB_API int32_t lb_tanh_backward(int32_t tier, const float *LB_RESTRICT y, int64_t y_stride, const float *gy, int64_t gy_stride,
                                float *gx, int64_t gx_stride, int64_t from, int64_t to, int64_t cols);

#ifdef __cplusplus
}
#endif

#endif
