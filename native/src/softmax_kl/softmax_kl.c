// SPDX-License-Identifier: Apache-2.0
#include "softmax_kl.h"

/* In doubles the columns of a top-k teacher, in floats all else: see kl_place. */
int64_t lb_softmax_kl_scratch(int32_t type, int64_t cols) {
  int64_t widened = type == LB_TYPE_BF16 ? KL_WIDENED * kl_line(cols) : 0;
  return cols < 0 ? 0 : (kl_scratch(cols) + widened) * (int64_t)sizeof(float);
}

/* Puts rows in scratch in the place of those of bf16. */
static void kl_logits(kl_call *c, int32_t type) {
  if (type != LB_TYPE_BF16) {
    return;
  }
  kl_bf16 given = {(const uint16_t *)(const void *)c->z,
                   c->z_stride,
                   (const uint16_t *)(const void *)c->u,
                   c->u_stride,
                   (uint16_t *)(void *)c->gz,
                   c->gz_stride,
                   (uint16_t *)(void *)c->gu,
                   c->gu_stride};
  float *z = (float *)c->scratch + kl_scratch(c->cols);
  float *u = z + kl_line(c->cols);
  c->bf16 = given;
  c->z = z;
  c->u = c->u ? u : 0;
  c->gz = c->gz ? z : 0;
  c->gu = c->gu ? u : 0;
  c->z_stride = c->u_stride = c->gz_stride = c->gu_stride = 0;
}

static int kl_options_ok(const kl_call *c, int32_t type) {
  return (type == LB_TYPE_F32 || type == LB_TYPE_BF16) && c->mode >= LB_SOFTMAX_KL_FORWARD_KL &&
         c->mode <= LB_SOFTMAX_KL_LOGIT_MSE && c->temperature > 0 && c->teacher_temperature > 0 && c->w >= 0 && c->w <= 1 &&
         c->soft_cap >= 0 && (!c->gu || c->mode <= LB_SOFTMAX_KL_JS);
}

/* Modes that a top-k teacher has. */
static int kl_top_k_ok(const kl_call *c) {
  return c->teacher >= LB_TOP_K_RAW && c->teacher <= LB_TOP_K_BOTH_RENORM &&
         (c->mode == LB_SOFTMAX_KL_FORWARD_KL ||
          (c->teacher == LB_TOP_K_TAIL && (c->mode == LB_SOFTMAX_KL_REVERSE_KL || c->mode == LB_SOFTMAX_KL_JS)));
}

static int32_t kl_dispatch(int32_t tier, int32_t type, kl_call *c, int64_t from, int64_t to) {
  kl_logits(c, type);
  c->kept = c->cols;
  if (c->column_mask) {
    c->kept = 0;
    for (int64_t i = 0; i < c->cols; i++) {
      c->kept += c->column_mask[i] != 0;
    }
  }
  return LB_DISPATCH(tier, lb_softmax_kl, (c, from, to));
}

int32_t lb_softmax_kl(int32_t tier, int32_t type, int32_t mode, double temperature, double teacher_temperature, double w,
                      double soft_cap, double soft_weight, double scale, double hard_weight, double label_smoothing,
                      double factor, const void *z, int64_t z_stride, const void *u, int64_t u_stride,
                      const float *row_weight, const uint8_t *column_mask, const int64_t *labels, int64_t ignore_index,
                      void *gz, int64_t gz_stride, void *gu, int64_t gu_stride, int32_t stream, double *row_loss,
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
  return kl_options_ok(&c, type) ? kl_dispatch(tier, type, &c, from, to) : LB_BAD_OPTION;
}

int32_t lb_softmax_kl_top_k(int32_t tier, int32_t type, int32_t teacher, int32_t mode, double temperature, double w,
                            double soft_cap, double soft_weight, double scale, double hard_weight, double label_smoothing,
                            double factor, const void *z, int64_t z_stride, const int64_t *ids, int64_t ids_stride,
                            const float *p, int64_t p_stride, int64_t k, const float *row_weight,
                            const uint8_t *column_mask, const int64_t *labels, int64_t ignore_index, void *gz,
                            int64_t gz_stride, double *row_loss, double *losses, void *scratch, int64_t from, int64_t to,
                            int64_t cols) {
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
  return kl_options_ok(&c, type) && kl_top_k_ok(&c) ? kl_dispatch(tier, type, &c, from, to) : LB_BAD_OPTION;
}
