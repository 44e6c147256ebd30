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
#define LB_ABI 4

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

/* Types of elements, where a function takes more than one. */
#define LB_TYPE_F32 0
#define LB_TYPE_BF16 1 /* bfloat16: the upper half of an f32 */

/* The forms of gelu. */
#define LB_GELU_ERF 0  /* the exact one */
#define LB_GELU_TANH 1 /* the approximation by the hyperbolic tangent */

/* Returns LB_ABI of the library, to be compared with that of the caller's header. */
LB_API int32_t lb_abi(void);

/* Returns the best tier of this processor and operating system: a level, and the bits of features. */
LB_API int32_t lb_best_tier(void);

/*
 * attention, of the examples and heads [from, to), where example * heads + head is the index of one. For each:
 *
 *   weights            A = scale Q K^T; P = softmax of the rows of A over the entries that are not masked
 *   context            C = P V
 *   context_backward   dP = dC V^T, dV = P^T dC
 *   weights_backward   dA = P (dP - row sum of dP P) + gscores; dQ = scale dA K, dK = scale dA^T Q
 *
 * query, context and their gradients f32 [batch queries, heads width], key, value and their gradients f32 [batch keys,
 * heads width], heads side by side; scores A, maps P and gmaps f32 [batch heads queries, keys]; each with its row stride.
 * gmaps is dP, written by context_backward and overwritten with dA by weights_backward; gscores likewise, or null. scratch:
 * lb_attention_scratch bytes.
 *
 * Masked are the keys from lengths[example] on, those after the query if `causal` is not 0, and the entries where mask
 * [batch queries, keys] is 0; lengths and mask may be null. There A = masked_score and P = 0; a row without a real key has
 * P = 0. NaN or +infinity in a row of A makes its P NaN where it is not masked. Keys from the length on are not read by
 * weights. Products as lb_gemm_f32, P as lb_softmax_forward, P (dP - ...) as lb_softmax_backward.
 *
 * LB_BAD_SIZE: from < 0, to < from, width < 0, another size below 1, or a length below 0 or above keys.
 */

/* Returns the bytes of scratch that a call takes. */
LB_API int64_t lb_attention_scratch(int32_t tier, int64_t queries, int64_t keys, int64_t width);

LB_API int32_t lb_attention_weights(int32_t tier, float scale, int32_t causal, float masked_score,
                                    const float *LB_RESTRICT query, int64_t query_stride, const float *LB_RESTRICT key,
                                    int64_t key_stride, const int32_t *LB_RESTRICT lengths, const uint8_t *LB_RESTRICT mask,
                                    int64_t mask_stride, float *LB_RESTRICT scores, int64_t scores_stride,
                                    float *LB_RESTRICT maps, int64_t maps_stride, int64_t from, int64_t to, int64_t heads,
                                    int64_t queries, int64_t keys, int64_t width, void *LB_RESTRICT scratch);

LB_API int32_t lb_attention_context(int32_t tier, const float *LB_RESTRICT maps, int64_t maps_stride,
                                    const float *LB_RESTRICT value, int64_t value_stride, float *LB_RESTRICT context,
                                    int64_t context_stride, int64_t from, int64_t to, int64_t heads, int64_t queries,
                                    int64_t keys, int64_t width, void *LB_RESTRICT scratch);

LB_API int32_t lb_attention_context_backward(int32_t tier, const float *LB_RESTRICT maps, int64_t maps_stride,
                                             const float *LB_RESTRICT value, int64_t value_stride,
                                             const float *LB_RESTRICT gcontext, int64_t gcontext_stride,
                                             float *LB_RESTRICT gmaps, int64_t gmaps_stride, float *LB_RESTRICT gvalue,
                                             int64_t gvalue_stride, int64_t from, int64_t to, int64_t heads,
                                             int64_t queries, int64_t keys, int64_t width, void *LB_RESTRICT scratch);

LB_API int32_t lb_attention_weights_backward(int32_t tier, float scale, const float *LB_RESTRICT query, int64_t query_stride,
                                             const float *LB_RESTRICT key, int64_t key_stride,
                                             const float *LB_RESTRICT maps, int64_t maps_stride, float *LB_RESTRICT gmaps,
                                             int64_t gmaps_stride, const float *LB_RESTRICT gscores, int64_t gscores_stride,
                                             float *LB_RESTRICT gquery, int64_t gquery_stride, float *LB_RESTRICT gkey,
                                             int64_t gkey_stride, int64_t from, int64_t to, int64_t heads, int64_t queries,
                                             int64_t keys, int64_t width, void *LB_RESTRICT scratch);

/* Options of products, to be added; at most one of the last three. */
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
 * A f32 [m, k] or [k, m], B f32 [k, n] or [n, k], C f32 [m, n], from the elements a_at, b_at, c_at on, row strides lda, ldb,
 * ldc; bias f32 [n], read if the options name it; scratch of lb_gemm_f32_scratch bytes. beta = 0 does not read C; k = 0
 * makes the product 0. NaN and infinities spread by the rules of arithmetic. Sums in float: error of an element below
 * 8 u sqrt(k) sum |a_i b_i|. The bits of an element depend on m, n, k, its row of op(A) and its column of op(B), not on the
 * block. LB_BAD_SIZE: a negative size, or a range that is not inside C.
 */
LB_API int32_t lb_gemm_f32(int32_t tier, int32_t options, int64_t m, int64_t n, int64_t k, float alpha,
                           const float *LB_RESTRICT a, int64_t a_at, int64_t lda, const float *LB_RESTRICT b, int64_t b_at,
                           int64_t ldb, float beta, float *LB_RESTRICT c, int64_t c_at, int64_t ldc,
                           const float *LB_RESTRICT bias, int64_t row_from, int64_t row_to, int64_t col_from, int64_t col_to,
                           void *LB_RESTRICT scratch);

/*
 * fake_quant: values are replaced by the nearest of few levels. With x' = x brought within [-clip, clip] (infinity: no
 * clip), statistics over each group, Qp = 2^(bits - 1) - 1, N = 2^bits - 1, rounding half to even:
 *
 *   ternary    D = 0.7 mean |x'|, a = mean of those |x'| > D; y = a, 0, -a, codes 1, 0, -1 by x' > D, else, x' < -D
 *   symmetric  s = Qp / max |x'|; code = round(x' s), y = code / s; scale max |x'| / Qp
 *   minmax     m = min x', r = max x' - m + 1e-8; code = round((x' - m) / r N), y = code / N r + m; scale r / N, zero m
 *   lsq        code = round(min(max(x / step, -Qp - 1), Qp)), y = code step
 *   midrise    c = 2 mean |x'|; y = -c, -c/3, c/3, c, codes 0 to 3, the nearest; 0 is positive
 *   sign       y = mean |x'| with the sign of x', codes 1, -1; 0 is positive
 *
 * A group is a block of group_rows by group_cols elements; `across` of them lie side by side, so that group g begins at row
 * g / across * group_rows, column g % across * group_cols. A large group is worked on in pieces: unit u is piece
 * u % pieces of group u / pieces, where pieces = lb_fake_quant_pieces(group_rows, group_cols).
 *
 * x f32, y f32, codes int8_t or uint8_t (minmax, midrise) with row strides; y may be x with the same stride; y, codes,
 * scale and zero may be null; scale and zero f32, one for each group.
 *
 * Zeros give zeros and scale 0. NaN makes its group NaN, scale included, codes 0. Sums in double, all else in float in the
 * order written: codes and, but for the rounding of a mean, values are those of these formulas. The bits of a sum depend
 * on the tier and on how the group is cut, which follows from its shape.
 *
 * LB_BAD_SIZE: from < 0, to < from, or a size of the group or `across` below 1. LB_BAD_OPTION: another scheme, or bits
 * outside 2 to 8.
 */
#define LB_FAKE_QUANT_TERNARY 0
#define LB_FAKE_QUANT_SYMMETRIC 1
#define LB_FAKE_QUANT_MINMAX 2
#define LB_FAKE_QUANT_LSQ 3
#define LB_FAKE_QUANT_MIDRISE 4
#define LB_FAKE_QUANT_SIGN 5

/* Floats of one group that lb_fake_quant_parameters writes and lb_fake_quant_apply reads. */
#define LB_FAKE_QUANT_PARAMETERS 4

/* Returns into how many pieces a group is cut; 0 where a size is below 1. */
LB_API int64_t lb_fake_quant_pieces(int64_t group_rows, int64_t group_cols);

/* All of the groups [from, to), one after the other. `step` is read for lsq alone. */
LB_API int32_t lb_fake_quant_forward(int32_t tier, int32_t scheme, int32_t bits, float clip, float step, const float *x,
                                     int64_t x_stride, float *y, int64_t y_stride, void *codes, int64_t codes_stride,
                                     float *scale, float *zero, int64_t from, int64_t to, int64_t group_rows,
                                     int64_t group_cols, int64_t across);

/*
 * First step for large groups: the statistics of the units [from, to), partials[2 u] and partials[2 u + 1] written. With
 * parameters, of ternary: the second statistics, of the elements above the threshold.
 */
LB_API int32_t lb_fake_quant_reduce(int32_t tier, int32_t scheme, float clip, const float *parameters, const float *x,
                                    int64_t x_stride, double *partials, int64_t from, int64_t to, int64_t group_rows,
                                    int64_t group_cols, int64_t across);

/*
 * Second step: what the partial statistics of the groups [from, to) add up to, in order, LB_FAKE_QUANT_PARAMETERS floats
 * a group, and its scale and zero. For ternary it is called again (second = 1) after a second reduction.
 */
LB_API int32_t lb_fake_quant_parameters(int32_t tier, int32_t scheme, int32_t second, int32_t bits, float clip, float step,
                                        const double *partials, float *parameters, float *scale, float *zero, int64_t from,
                                        int64_t to, int64_t group_rows, int64_t group_cols);

/* Last step: values and codes of the units [from, to). */
LB_API int32_t lb_fake_quant_apply(int32_t tier, int32_t scheme, int32_t bits, float clip, const float *parameters,
                                   const float *x, int64_t x_stride, float *y, int64_t y_stride, void *codes,
                                   int64_t codes_stride, int64_t from, int64_t to, int64_t group_rows, int64_t group_cols,
                                   int64_t across);

/*
 * fake_quant, backward, of the units [from, to): gx = gy where |x| < clip, and < scale of the group if scale is not null;
 * 0 elsewhere, and where x is NaN. Where x is null the gradient passes everywhere. gx may be gy with the same stride.
 */
LB_API int32_t lb_fake_quant_backward(int32_t tier, float clip, const float *x, int64_t x_stride, const float *scale,
                                      const float *gy, int64_t gy_stride, float *gx, int64_t gx_stride, int64_t from,
                                      int64_t to, int64_t group_rows, int64_t group_cols, int64_t across);

/*
 * The same for lsq: gx = gy where x / step is within [-Qp - 1, Qp], or everywhere where `plain` is not 0; partials[u] = the
 * sum of gy times the bound that x / step exceeds, or else times code - x / step, in double.
 */
LB_API int32_t lb_fake_quant_backward_step(int32_t tier, int32_t bits, int32_t plain, float step, const float *x,
                                           int64_t x_stride, const float *gy, int64_t gy_stride, float *gx,
                                           int64_t gx_stride, double *partials, int64_t from, int64_t to,
                                           int64_t group_rows, int64_t group_cols, int64_t across);

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
 * Packed operands of lb_gemm_bf16 and lb_gemm_i8: memory of the caller, aligned to 64 bytes, in a layout of the tier. They hold
 * `depth` elements of each sum in words = ceil(depth / p) words of 4 bytes, where p is what lb_gemm_<stem>_per_word returns.
 * Rows of op(A) lie in blocks of LB_GEMM_ROWS, each of 64 + 4 LB_GEMM_ROWS words bytes; columns of op(B) in panels of
 * LB_GEMM_COLS, each of 4 LB_GEMM_COLS words bytes. Ranges of rows and columns begin at a multiple of these numbers and end
 * at one, or with the operand. About 256 words suit the caches.
 *
 * Parameters that end in _at are where an array begins behind its pointer: in elements, those of packed operands in bytes,
 * multiples of 64. bias_at and col_at are those of bias, or of col_scale and bias.
 */
#define LB_GEMM_ROWS 12
#define LB_GEMM_COLS 32

/* Returns how many elements of a sum of lb_gemm_bf16 a packed word holds. */
LB_API int64_t lb_gemm_bf16_per_word(int32_t tier);

/*
 * gemm_bf16, the rows [from, to) of op(A): packs `depth` columns of op(a) for lb_gemm_bf16. a bf16 [rows, depth], or
 * [depth, rows] with LB_GEMM_TRANS_A; row stride lda. LB_BAD_SIZE: a negative size, a range that ends before it begins or does
 * not begin at a multiple of LB_GEMM_ROWS.
 */
LB_API int32_t lb_gemm_bf16_pack_a(int32_t tier, int32_t options, const uint16_t *LB_RESTRICT a, int64_t a_at,
                                   int64_t lda, void *LB_RESTRICT packed, int64_t from, int64_t to, int64_t depth);

/*
 * gemm_bf16, the columns [from, to) of op(B): packs `depth` rows of op(b) for lb_gemm_bf16. b bf16 [depth, columns], or
 * [columns, depth] with LB_GEMM_TRANS_B; row stride ldb. LB_BAD_SIZE: as above, with LB_GEMM_COLS.
 */
LB_API int32_t lb_gemm_bf16_pack_b(int32_t tier, int32_t options, const uint16_t *LB_RESTRICT b, int64_t b_at,
                                   int64_t ldb, void *LB_RESTRICT packed, int64_t packed_at, int64_t from, int64_t to,
                                   int64_t depth);

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
                            const void *LB_RESTRICT packed_b, int64_t packed_b_at, float beta, float *LB_RESTRICT c,
                            int64_t c_at, int64_t ldc, const float *LB_RESTRICT bias, int64_t bias_at, int64_t from,
                            int64_t to, int64_t col_from, int64_t col_to, int64_t k_from, int64_t k_to, int64_t k);

/* Returns how many elements of a sum of lb_gemm_i8 a packed word holds. */
LB_API int64_t lb_gemm_i8_per_word(int32_t tier);

/*
 * gemm_i8, the rows [from, to) of A: packs `depth` columns of a, i8 [rows, depth], row stride lda, for lb_gemm_i8.
 * LB_BAD_SIZE: a negative size, a range that ends before it begins or does not begin at a multiple of LB_GEMM_ROWS.
 */
LB_API int32_t lb_gemm_i8_pack_a(int32_t tier, const int8_t *LB_RESTRICT a, int64_t a_at, int64_t lda,
                                 void *LB_RESTRICT packed, int64_t from, int64_t to, int64_t depth);

/*
 * gemm_i8, the columns [from, to) of op(B): packs `depth` rows of op(b) for lb_gemm_i8. b i8 [depth, columns], or
 * [columns, depth] with LB_GEMM_TRANS_B; row stride ldb. LB_BAD_SIZE: as above, with LB_GEMM_COLS.
 */
LB_API int32_t lb_gemm_i8_pack_b(int32_t tier, int32_t options, const int8_t *LB_RESTRICT b, int64_t b_at, int64_t ldb,
                                 void *LB_RESTRICT packed, int64_t packed_at, int64_t from, int64_t to, int64_t depth);

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
                          int64_t packed_b_at, void *LB_RESTRICT c, int64_t c_at, int64_t ldc,
                          const float *LB_RESTRICT row_scale, int64_t row_scale_at, const float *LB_RESTRICT col_scale,
                          const float *LB_RESTRICT bias, int64_t col_at, int64_t from, int64_t to,
                          int64_t col_from, int64_t col_to, int64_t k_from, int64_t k_to, int64_t k);

/*
 * Products with few rows of op(A) or few columns of op(B), at most LB_GEMM_FEW: lb_gemm_bf16_few and lb_gemm_i8_few read the
 * other operand once, where it lies, instead of packing it. Where rows are few the range [from, to) is one of columns of C, and
 * a call computes all rows; else it is one of rows, and a call computes all columns. Matrices begin at their elements a_at, b_at
 * and c_at; scratch of lb_gemm_few_scratch bytes for sums of length k. LB_BAD_SIZE: a negative size, neither few rows nor few
 * columns, a range that is not inside C.
 */
#define LB_GEMM_FEW 16
LB_API int64_t lb_gemm_few_scratch(int32_t tier, int64_t k);

/*
 * gemm_bf16 with few rows or columns: C = act(alpha op(A) op(B) + beta C + bias). A bf16 [m, k] or [k, m], B bf16 [k, n] or
 * [n, k], C f32 [m, n], row strides lda, ldb, ldc; bias f32 [n]. All else as for lb_gemm_bf16. The bits of an element depend on
 * m, n, k, its row of op(A) and its column of op(B), not on the range.
 */
LB_API int32_t lb_gemm_bf16_few(int32_t tier, int32_t options, int64_t m, int64_t n, int64_t k, float alpha,
                                const uint16_t *LB_RESTRICT a, int64_t a_at, int64_t lda, const uint16_t *LB_RESTRICT b,
                                int64_t b_at, int64_t ldb, float beta, float *LB_RESTRICT c, int64_t c_at, int64_t ldc,
                                const float *LB_RESTRICT bias, int64_t from, int64_t to, void *LB_RESTRICT scratch);

/*
 * gemm_i8 with few rows or columns: C = A op(B), or sum row_scale_i col_scale_j + bias_j. A i8 [m, k], B i8 [k, n] or [n, k],
 * C i32 or f32 [m, n], row strides lda, ldb, ldc; row_scale f32 [m], col_scale f32 [n], bias f32 [n]. All else as for
 * lb_gemm_i8, and the same bits.
 */
LB_API int32_t lb_gemm_i8_few(int32_t tier, int32_t options, int64_t m, int64_t n, int64_t k, const int8_t *LB_RESTRICT a,
                              int64_t a_at, int64_t lda, const int8_t *LB_RESTRICT b, int64_t b_at, int64_t ldb,
                              void *LB_RESTRICT c, int64_t c_at, int64_t ldc, const float *LB_RESTRICT row_scale,
                              const float *LB_RESTRICT col_scale, const float *LB_RESTRICT bias, int64_t from, int64_t to,
                              void *LB_RESTRICT scratch);

/*
 * For benchmarks: what a core does at most of the dot products that gemm_i8 or gemm_bf16 of a tier consist of, on registers
 * alone, `rounds` times all of them. All factors are 1, so that the sum written to *sum is the number of products; operations are
 * twice that. LB_BAD_SIZE: rounds < 0 or above LB_CEILING_ROUNDS. LB_BAD_OPTION: tier LB_TIER_PORTABLE, whose instructions are
 * the compiler's choice.
 */
#define LB_CEILING_ROUNDS 4194304
LB_API int32_t lb_ceiling_i8(int32_t tier, int64_t rounds, double *LB_RESTRICT sum);
LB_API int32_t lb_ceiling_bf16(int32_t tier, int64_t rounds, double *LB_RESTRICT sum);

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
 * acc_stride, written with the sums; or null. y and acc begin at their elements y_at and acc_at. All else as for
 * lb_gemm_ternary_f32. Sums are exact; y takes four roundings. LB_BAD_SIZE: also k > 524288.
 */
LB_API int32_t lb_gemm_ternary_i8(int32_t tier, const void *LB_RESTRICT quantized, const uint8_t *LB_RESTRICT weights,
                                  const float *LB_RESTRICT scale, int64_t scale_step, const float *LB_RESTRICT bias,
                                  float *LB_RESTRICT y, int64_t y_at, int64_t y_stride, int32_t *LB_RESTRICT acc,
                                  int64_t acc_at, int64_t acc_stride, int64_t from, int64_t to, int64_t col_from,
                                  int64_t col_to, int64_t k);

/*
 * gemm_ternary, the rows [from, to) of x as int8: top = max |x| of the row, q = round(x (127 / top)), half to even, and
 * s = top / 127, all in float.
 *
 * x f32 [rows, k] from element x_at on, row stride x_stride. quantized: as lb_gemm_ternary_i8 reads it; row i holds the sum
 * of its q as int32_t, s as float, from byte 64 on q as int8_t, and zeros up to a multiple of 256. A row with NaN or infinity,
 * and one whose 127 / top is infinite, has q = 0; s is NaN or infinite in the first case. LB_BAD_SIZE: as for
 * lb_gemm_ternary_i8.
 */
LB_API int32_t lb_gemm_ternary_quantize(int32_t tier, const float *LB_RESTRICT x, int64_t x_at, int64_t x_stride,
                                        void *LB_RESTRICT quantized, int64_t from, int64_t to, int64_t k);

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
 * softmax_kl: for each row of student logits z and teacher logits u a divergence D of q = softmax(z / temperature) and
 * p = softmax(u / teacher_temperature), with its gradients, mixed with the cross-entropy H of softmax(z) and a label.
 *
 *   forward_kl       KL(p || q) = sum p log(p / q)           reverse_kl       KL(q || p)
 *   symmetric_kl     the mean of both                        js               w KL(p || m) + (1 - w) KL(q || m)
 *   skew_forward_kl  KL(p || m)                              skew_reverse_kl  KL(q || m)
 *   soft_ce          - sum p log q                           total_variation  sum |p - q| / 2
 *   logit_mse        sum (z - u)^2
 *
 * with m = w p + (1 - w) q, w from 0 to 1 (js: beta; skew_forward_kl: alpha; skew_reverse_kl: 1 - alpha). With soft_cap > 0
 * every logit x of z and u is first replaced by soft_cap tanh(x / soft_cap); gradients are by x. 0 means none. With the weight
 * of the row, 1 where row_weight is null:
 *
 *   row_loss[r] = soft_weight D + hard_weight H
 *   losses[r]   = soft_weight scale row_weight[r] D + hard_weight H, what the row adds to the loss before its normaliser
 *   gz, gu      = the gradients of losses[r] times factor (1 / normaliser, or 0)
 *
 * z, u, gz, gu [rows, cols], all of one type, f32 or bf16, with row strides; gz may be z and gu may be u, with the same stride.
 * With bf16 all is computed as from the same logits in f32, and each gradient is rounded once more, half to even. row_weight
 * f32 [rows]; column_mask [cols], not 0 keeps a column; labels [rows], each a kept column or ignore_index, which drops H;
 * target probabilities of H are 1 - label_smoothing for the label and label_smoothing / kept for every kept column. Null where
 * not given or not wanted: row_weight, column_mask, labels (no H), gz, gu (not null for the first four modes alone),
 * row_loss. scratch: lb_softmax_kl_scratch(type, cols) bytes. stream: not 0 lets gz go past the caches where it can, for
 * matrices that the caches would not hold until they are read; it changes no bit.
 *
 * Removed columns have no part and get gradient 0. A row of weight 0 is not read but for H; a row without a kept column has
 * D = 0. -infinity has probability 0; a probability of 0 on the right of a divergence gives infinity. NaN spreads to its row.
 * Divergences are sums of terms of one sign: equal rows give exactly 0, small divergences keep their digits.
 *
 * LB_BAD_SIZE: from < 0, to < from or cols < 0. LB_BAD_OPTION: another type or mode, a temperature that is not above 0, w
 * outside [0, 1], soft_cap < 0, or gu in another mode.
 */
#define LB_SOFTMAX_KL_FORWARD_KL 0
#define LB_SOFTMAX_KL_REVERSE_KL 1
#define LB_SOFTMAX_KL_SYMMETRIC_KL 2
#define LB_SOFTMAX_KL_JS 3
#define LB_SOFTMAX_KL_SKEW_FORWARD_KL 4
#define LB_SOFTMAX_KL_SKEW_REVERSE_KL 5
#define LB_SOFTMAX_KL_SOFT_CE 6
#define LB_SOFTMAX_KL_TOTAL_VARIATION 7
#define LB_SOFTMAX_KL_LOGIT_MSE 8

/* Returns the bytes of scratch that rows of a type and of some columns take. */
LB_API int64_t lb_softmax_kl_scratch(int32_t type, int64_t cols);

LB_API int32_t lb_softmax_kl(int32_t tier, int32_t type, int32_t mode, double temperature, double teacher_temperature,
                             double w, double soft_cap, double soft_weight, double scale, double hard_weight,
                             double label_smoothing, double factor, const void *z, int64_t z_stride, const void *u,
                             int64_t u_stride, const float *row_weight, const uint8_t *column_mask, const int64_t *labels,
                             int64_t ignore_index, void *gz, int64_t gz_stride, void *gu, int64_t gu_stride, int32_t stream,
                             double *row_loss, double *losses, void *scratch, int64_t from, int64_t to, int64_t cols);

/*
 * softmax_kl with a teacher that is known on k columns K of each row only, by probabilities p. With P and Q the sums of p and
 * of q over K, and `teacher`:
 *
 *   LB_TOP_K_RAW     forward_kl: sum over K of p log(p / q), nothing for the rest; gradient (P q - [in K] p) / temperature
 *   LB_TOP_K_RENORM  forward_kl of p / P against the row q; D = 0 where P = 0
 *   LB_TOP_K_TAIL    forward_kl, reverse_kl or js with one more class for the rest, 1 - P against 1 - Q, unless K is every
 *                    column that the mask keeps
 *   LB_TOP_K_BOTH_RENORM  forward_kl of p / P against q / Q, both on K only; D = 0 where P = 0
 *
 * ids i64 [rows, k], row stride ids_stride: the columns of each row, all different. p f32 [rows, k], row stride p_stride,
 * each within [0, 1], after the teacher's temperature. Removed columns are none of K. All else as for lb_softmax_kl.
 *
 * LB_BAD_SIZE: also k < 0 or k > cols. LB_BAD_OPTION: also another teacher, or a mode that it does not have.
 */
#define LB_TOP_K_RAW 1
#define LB_TOP_K_RENORM 2
#define LB_TOP_K_TAIL 3
#define LB_TOP_K_BOTH_RENORM 4

LB_API int32_t lb_softmax_kl_top_k(int32_t tier, int32_t type, int32_t teacher, int32_t mode, double temperature, double w,
                                   double soft_cap, double soft_weight, double scale, double hard_weight,
                                   double label_smoothing, double factor, const void *z, int64_t z_stride,
                                   const int64_t *ids, int64_t ids_stride, const float *p, int64_t p_stride, int64_t k,
                                   const float *row_weight, const uint8_t *column_mask, const int64_t *labels,
                                   int64_t ignore_index, void *gz, int64_t gz_stride, double *row_loss, double *losses,
                                   void *scratch, int64_t from, int64_t to, int64_t cols);

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
