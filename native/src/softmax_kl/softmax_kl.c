// SPDX-License-Identifier: Apache-2.0
#include "softmax_kl.h"

/* Exponentials of z, u and z at temperature 1, copies of z and u, and what blocks are relative to. */
int64_t lb_softmax_kl_scratch(int64_t cols) {
  return cols < 0 ? 0 : (5 * kl_line(cols) + 3 * kl_line(kl_blocks(cols))) * (int64_t)sizeof(float);
}

static int kl_options_ok(const kl_call *c) {
  return c->mode >= LB_SOFTMAX_KL_FORWARD_KL && c->mode <= LB_SOFTMAX_KL_LOGIT_MSE && c->temperature > 0 &&
         c->teacher_temperature > 0 && c->w >= 0 && c->w <= 1 && (!c->gu || c->mode <= LB_SOFTMAX_KL_JS);
}

int32_t lb_softmax_kl(int32_t tier, int32_t mode, double temperature, double teacher_temperature, double w,
                      double soft_weight, double scale, double hard_weight, double label_smoothing, double factor,
                      const float *z, int64_t z_stride, const float *u, int64_t u_stride, const float *row_weight,
                      const uint8_t *column_mask, const int64_t *labels, int64_t ignore_index, float *gz,
                      int64_t gz_stride, float *gu, int64_t gu_stride, double *row_loss, double *losses, void *scratch,
                      int64_t from, int64_t to, int64_t cols) {
  kl_call c = {mode,   temperature, teacher_temperature, w, soft_weight, scale,      hard_weight, label_smoothing,
               factor, z,           z_stride,            u, u_stride,    row_weight, column_mask, labels,
               ignore_index, gz,    gz_stride,           gu, gu_stride,  row_loss,   losses,      scratch,
               cols,   cols};
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  if (!kl_options_ok(&c)) {
    return LB_BAD_OPTION;
  }
  if (column_mask) {
    c.kept = 0;
    for (int64_t i = 0; i < cols; i++) {
      c.kept += column_mask[i] != 0;
    }
  }
  return LB_DISPATCH(tier, lb_softmax_kl, (&c, from, to));
}
