// SPDX-License-Identifier: Apache-2.0
#include "softmax_kl.h"

/* In doubles the columns of a top-k teacher, in floats all else: see kl_place. */
int64_t lb_softmax_kl_scratch(int64_t cols) {
  return cols < 0 ? 0 : (KL_LINES * kl_line(cols) + KL_TOPS * kl_line(kl_blocks(cols))) * (int64_t)sizeof(float);
}

static int kl_options_ok(const kl_call *c) {
  return c->mode >= LB_SOFTMAX_KL_FORWARD_KL && c->mode <= LB_SOFTMAX_KL_LOGIT_MSE && c->temperature > 0 &&
         c->teacher_temperature > 0 && c->w >= 0 && c->w <= 1 && c->soft_cap >= 0 &&
         (!c->gu || c->mode <= LB_SOFTMAX_KL_JS);
}

/* Modes that a top-k teacher has. */
static int kl_top_k_ok(const kl_call *c) {
  return c->teacher >= LB_TOP_K_RAW && c->teacher <= LB_TOP_K_BOTH_RENORM &&
         (c->mode == LB_SOFTMAX_KL_FORWARD_KL ||
          (c->teacher == LB_TOP_K_TAIL && (c->mode == LB_SOFTMAX_KL_REVERSE_KL || c->mode == LB_SOFTMAX_KL_JS)));
}

static int32_t kl_dispatch(int32_t tier, kl_call *c, int64_t from, int64_t to) {
  c->kept = c->cols;
  if (c->column_mask) {
    c->kept = 0;
    for (int64_t i = 0; i < c->cols; i++) {
      c->kept += c->column_mask[i] != 0;
    }
  }
  return LB_DISPATCH(tier, lb_softmax_kl, (c, from, to));
}

int32_t lb_softmax_kl(int32_t tier, int32_t mode, double temperature, double teacher_temperature, double w,
                      double soft_cap, double soft_weight, double scale, double hard_weight, double label_smoothing,
                      double factor, const float *z, int64_t z_stride, const float *u, int64_t u_stride,
                      const float *row_weight, const uint8_t *column_mask, const int64_t *labels, int64_t ignore_index,
                      float *gz, int64_t gz_stride, float *gu, int64_t gu_stride, int32_t stream, double *row_loss,
                      double *losses, void *scratch, int64_t from, int64_t to, int64_t cols) {
  kl_call c = {.mode = mode,
               .temperature = temperature,
               .teacher_temperature = teacher_temperature,
               .w = w,
               .soft_cap = soft_cap,
               .soft_weight = soft_weight,
               .scale = scale,
               .hard_weight = hard_weight,
               .label_smoothing = label_smoothing,
               .factor = factor,
               .z = z,
               .z_stride = z_stride,
               .u = u,
               .u_stride = u_stride,
               .teacher = KL_DENSE,
               .row_weight = row_weight,
               .column_mask = column_mask,
               .labels = labels,
               .ignore_index = ignore_index,
               .gz = gz,
               .gz_stride = gz_stride,
               .gu = gu,
               .gu_stride = gu_stride,
               .stream = stream,
               .row_loss = row_loss,
               .losses = losses,
               .scratch = scratch,
               .cols = cols};
  if (!lb_rows_ok(from, to, cols)) {
    return LB_BAD_SIZE;
  }
  return kl_options_ok(&c) ? kl_dispatch(tier, &c, from, to) : LB_BAD_OPTION;
}

int32_t lb_softmax_kl_top_k(int32_t tier, int32_t teacher, int32_t mode, double temperature, double w, double soft_cap,
                            double soft_weight, double scale, double hard_weight, double label_smoothing, double factor,
                            const float *z, int64_t z_stride, const int64_t *ids, int64_t ids_stride, const float *p,
                            int64_t p_stride, int64_t k, const float *row_weight, const uint8_t *column_mask,
                            const int64_t *labels, int64_t ignore_index, float *gz, int64_t gz_stride, double *row_loss,
                            double *losses, void *scratch, int64_t from, int64_t to, int64_t cols) {
  kl_call c = {.mode = mode,
               .temperature = temperature,
               .teacher_temperature = 1,
               .w = w,
               .soft_cap = soft_cap,
               .soft_weight = soft_weight,
               .scale = scale,
               .hard_weight = hard_weight,
               .label_smoothing = label_smoothing,
               .factor = factor,
               .z = z,
               .z_stride = z_stride,
               .teacher = teacher,
               .ids = ids,
               .ids_stride = ids_stride,
               .p = p,
               .p_stride = p_stride,
               .k = k,
               .row_weight = row_weight,
               .column_mask = column_mask,
               .labels = labels,
               .ignore_index = ignore_index,
               .gz = gz,
               .gz_stride = gz_stride,
               .row_loss = row_loss,
               .losses = losses,
               .scratch = scratch,
               .cols = cols};
  if (!lb_rows_ok(from, to, cols) || k < 0 || k > cols) {
    return LB_BAD_SIZE;
  }
  return kl_options_ok(&c) && kl_top_k_ok(&c) ? kl_dispatch(tier, &c, from, to) : LB_BAD_OPTION;
}
