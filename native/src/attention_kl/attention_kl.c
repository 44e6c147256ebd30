// SPDX-License-Identifier: Apache-2.0
#include "attention_kl.h"

int32_t lb_attention_kl(int32_t tier, const float *student, int64_t student_stride, const float *restrict teacher,
                        int64_t teacher_stride, const int32_t *restrict lengths, const uint8_t *restrict mask,
                        int64_t mask_stride, float *grad, int64_t grad_stride, double *restrict losses,
                        float *restrict scratch, int64_t from, int64_t to, int64_t heads, int64_t queries, int64_t keys,
                        int32_t causal, double temperature, double clamp, double factor) {
  if (!lb_rows_ok(from, to, keys) || heads < 1 || queries < 1) {
    return LB_BAD_SIZE;
  }
  return LB_DISPATCH(tier, lb_attention_kl,
                     (student, student_stride, teacher, teacher_stride, lengths, mask, mask_stride, grad, grad_stride, losses,
                      scratch, from, to, heads, queries, keys, causal, temperature, clamp, factor));
}
