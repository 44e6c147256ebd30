// SPDX-License-Identifier: Apache-2.0
/*
 * softmax_kl. D = sum f(p, q), p = softmax(u / Tt), q = softmax(z / T); dz = (h - q sum h) / T with h = q df/dq; forward:
 * dz = (q - p) / T. Modes and options: limbeck.h.
 *
 * z, u, gz, gu f32 [rows, cols], any row stride, 4-byte aligned; gz may be z, gu may be u. Removed columns are replaced in
 * copies of the rows, -infinity by a floor where both rows have it or only the teacher's matters. Rows with NaN, infinities
 * otherwise placed, or factors far from 1, temperatures outside 1e-3 to 1e6: in double, kl_exact_row.
 * exp to 2 ulp, sums in float lanes within blocks of KL_BLOCK, blocks in double, terms of one sign with a series for |x|
 * below KL_NEAR.
 * A call does rows [from, to) on the calling thread; the bits of a row depend on that row alone.
 * Forward: 2 exps and about 50 flops an element; 8 bytes read, 4 written. The exponentials of a row stay in scratch, 8
 * bytes an element, and loss and gradient come from them and the logits, while the next row is fetched. The other modes:
 * two passes over the exponentials; with a mixture 2 exps more. Tails in masked vectors.
 */
#include <string.h>

#include "softmax_kl_loops.h"

/* Of a row, where things are, and what the passes find. */
typedef struct {
  const kl_call *c;
  int64_t r;
  float *gz;
  float *gu;
  const float *next_z; /* of the next row, or of this one again */
  const float *next_u;
  kl_side z;
  kl_side u;
  kl_side one; /* the student at temperature 1 */
  float *copy_z;
  float *copy_u;
} kl_row;

static void kl_place(kl_row *row, const kl_call *c, int64_t r, int64_t to) {
  float *scratch = c->scratch;
  int64_t line = kl_line(c->cols);
  int64_t tops = kl_line(kl_blocks(c->cols));
  row->c = c;
  row->r = r;
  row->gz = c->gz ? c->gz + r * c->gz_stride : 0;
  row->gu = c->gu ? c->gu + r * c->gu_stride : 0;
  row->z.x = c->z + r * c->z_stride;
  row->u.x = c->u + r * c->u_stride;
  row->next_z = row->z.x + (r + 1 < to ? c->z_stride : 0);
  row->next_u = row->u.x + (r + 1 < to ? c->u_stride : 0);
  row->z.e = scratch;
  row->u.e = scratch + line;
  row->one.e = scratch + 2 * line;
  row->copy_z = scratch + 3 * line;
  row->copy_u = scratch + 4 * line;
  row->z.tops = scratch + 5 * line;
  row->u.tops = row->z.tops + tops;
  row->one.tops = row->u.tops + tops;
  row->z.inverse = (float)(1 / c->temperature);
  row->u.inverse = (float)(1 / c->teacher_temperature);
  row->one.inverse = 1;
}

/* Copies a row with the floor in place of what the mask removes, whose content is not used. */
static void kl_stage(const float *from, const uint8_t *mask, float *to, int64_t cols) {
  for (int64_t i = 0; i < cols; i++) {
    to[i] = mask[i] ? from[i] : KL_FLOOR;
  }
}

/* Forward without a gradient for the teacher: one pass, and the student's logits matter where p is not 0 alone. */
static int kl_one_pass(const kl_call *c) {
  return !c->gu && (c->mode == LB_SOFTMAX_KL_FORWARD_KL || c->mode == LB_SOFTMAX_KL_SOFT_CE ||
                    (c->mode == LB_SOFTMAX_KL_SKEW_FORWARD_KL && c->w == 0));
}

/*
 * Goes on with copies in which the floor stands for -infinity. Returns 0 where that would change a result: NaN, +infinity,
 * logits beyond the floor, or -infinity on one side where the ratio counts.
 */
static int kl_raise(kl_row *row) {
  const kl_call *c = row->c;
  int teacher_may = kl_one_pass(c) || c->mode == LB_SOFTMAX_KL_TOTAL_VARIATION;
  for (int64_t i = 0; i < c->cols; i++) {
    float z = row->z.x[i];
    float u = row->u.x[i];
    int no_z = z == -INFINITY;
    int no_u = u == -INFINITY;
    if (!((fabsf(z) <= -KL_FLOOR || no_z) && (fabsf(u) <= -KL_FLOOR || no_u)) || (no_z && !no_u) ||
        (no_u && !no_z && !teacher_may)) {
      return 0;
    }
    row->copy_z[i] = no_z ? KL_FLOOR : z;
    row->copy_u[i] = no_u ? KL_FLOOR : u;
  }
  row->z.x = row->copy_z;
  row->u.x = row->copy_u;
  return 1;
}

static kl_block kl_block_of(const kl_row *row, int64_t b, double factor) {
  int64_t at = b * KL_BLOCK;
  float apart = row->z.top - row->u.top;
  float shift = fabsf(apart) <= KL_ABOVE ? 0 : apart;
  double rest = (double)row->z.top - row->u.top - shift;
  kl_block block = {row->z.x + at,
                    row->u.x + at,
                    row->z.e + at,
                    row->u.e + at,
                    lb_min(KL_BLOCK, row->c->cols - at),
                    kl_scale(&row->z, b, factor),
                    kl_scale(&row->u, b, factor),
                    row->z.inverse,
                    row->z.inverse - row->u.inverse,
                    shift,
                    row->u.top,
                    (float)(rest * row->z.inverse + (row->z.log_sum - row->u.log_sum))};
  return block;
}

/* Returns the forward divergence and writes by (q - p) where by is not 0. */
static double kl_forward(kl_row *row, double by) {
  double loss = 0;
  float *g = by == 0 ? 0 : row->gz;
  /* The factor goes into the scales; without a gradient there is none. */
  double fold = g ? by : 1;
  for (int64_t b = 0; b < kl_blocks(row->c->cols); b++) {
    kl_block block = kl_block_of(row, b, fold);
    int64_t at = b * KL_BLOCK;
    if (block.shift == 0 && block.change == 0) {
      loss += kl_forward_near(&block, g ? g + at : 0, row->next_z + at, row->next_u + at);
    } else {
      loss += kl_forward_far(&block, g ? g + at : 0);
    }
  }
  return loss / fold;
}

static void kl_pass(const kl_weights *k, const kl_block *b, kl_sums *sums, float *gz, float *gu, float by_z, float by_u) {
  switch (k->family) {
    case KL_DIRECT:
      kl_two_sided(KL_DIRECT, k, b, sums, gz, gu, by_z, by_u);
      break;
    case KL_VARIATION:
      kl_two_sided(KL_VARIATION, k, b, sums, gz, gu, by_z, by_u);
      break;
    default:
      kl_two_sided(KL_MIXED, k, b, sums, gz, gu, by_z, by_u);
      break;
  }
}

static kl_weights kl_weights_of(const kl_call *c) {
  kl_weights k = {KL_DIRECT, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  float w = (float)c->w;
  switch (c->mode) {
    case LB_SOFTMAX_KL_FORWARD_KL:
      k.forward = 1;
      return k;
    case LB_SOFTMAX_KL_REVERSE_KL:
      k.reverse = 1;
      return k;
    case LB_SOFTMAX_KL_SYMMETRIC_KL:
      k.forward = k.reverse = 0.5f;
      return k;
    case LB_SOFTMAX_KL_TOTAL_VARIATION:
      k.family = KL_VARIATION;
      return k;
    case LB_SOFTMAX_KL_JS:
      k.teacher = w;
      k.student = 1 - w;
      break;
    case LB_SOFTMAX_KL_SKEW_FORWARD_KL:
      k.teacher = 1;
      k.ratio_p = 1 - w;
      break;
    default:
      k.student = 1;
      k.ratio_q = (float)(1 - c->w);
      break;
  }
  if (c->w == 0 || c->w == 1) {
    /* m is one of the two rows: what is left is 0, or a divergence between them. */
    k.forward = c->w == 0 ? k.teacher : 0;
    k.reverse = c->w == 1 ? k.student : 0;
    return k;
  }
  k.family = KL_MIXED;
  k.w = w;
  k.log_w = logf(w);
  k.log_rest = logf(1 - w);
  return k;
}

/* The modes that take sums before gradients. */
static double kl_both(kl_row *row, double by) {
  kl_weights k = kl_weights_of(row->c);
  kl_sums sums = {0, 0, 0};
  int64_t blocks = kl_blocks(row->c->cols);
  for (int64_t b = 0; b < blocks; b++) {
    kl_block block = kl_block_of(row, b, 1);
    kl_pass(&k, &block, &sums, 0, 0, 0, 0);
  }
  for (int64_t b = 0; b < blocks && by != 0 && (row->gz || row->gu); b++) {
    kl_block block = kl_block_of(row, b, 1);
    int64_t at = b * KL_BLOCK;
    kl_pass(&k, &block, &sums, row->gz ? row->gz + at : 0, row->gu ? row->gu + at : 0, (float)(by / row->c->temperature),
            (float)(by / row->c->teacher_temperature));
  }
  return sums.loss;
}

static double kl_entropy(const kl_side *s, int64_t cols) {
  double mean = 0;
  for (int64_t b = 0; b < kl_blocks(cols); b++) {
    int64_t at = b * KL_BLOCK;
    float dot = kl_dot(s->x + at, s->e + at, lb_min(KL_BLOCK, cols - at), s->top);
    mean += (double)dot * kl_scale(s, b, s->inverse);
  }
  return s->log_sum - mean;
}

/* The cross-entropy of the student at temperature 1 and the label. */
static double kl_cross_entropy(const kl_row *row, const kl_side *one) {
  const kl_call *c = row->c;
  double smoothing = c->label_smoothing;
  double loss = (1 - smoothing) * (one->log_sum - ((double)one->x[c->labels[row->r]] - one->top));
  if (smoothing != 0) {
    double sum = 0;
    for (int64_t at = 0; at < c->cols; at += KL_BLOCK) {
      sum += kl_above_floor(one->x + at, lb_min(KL_BLOCK, c->cols - at), one->top);
    }
    loss += smoothing * (one->log_sum - sum / (double)c->kept);
  }
  return loss;
}

static void kl_hard_gradient(kl_row *row, const kl_side *one) {
  const kl_call *c = row->c;
  double by = c->hard_weight * c->factor;
  double uniform = by * c->label_smoothing / (double)c->kept;
  for (int64_t b = 0; b < kl_blocks(c->cols); b++) {
    int64_t at = b * KL_BLOCK;
    /* Where there is no mask the logits may be overwritten by now, and every column counts. */
    kl_add_hard(c->column_mask ? row->copy_z + at : 0, one->e + at, row->gz + at, lb_min(KL_BLOCK, c->cols - at),
                kl_scale(one, b, by), (float)uniform);
  }
  float *g = row->gz + c->labels[row->r];
  *g = (float)(*g - by * (1 - c->label_smoothing));
}

/* Whether temperatures and factors are those that the loops in float are good for. */
static int kl_ordinary(const kl_call *c, double by) {
  double largest = kl_one_pass(c) ? 1e12 : 1e30;
  double size = fabs(by / (c->mode == LB_SOFTMAX_KL_LOGIT_MSE ? 1 : c->temperature));
  return c->temperature >= 1e-3 && c->temperature <= 1e6 && c->teacher_temperature >= 1e-3 &&
         c->teacher_temperature <= 1e6 && (by == 0 || (size >= 1 / largest && size <= largest));
}

static void kl_clear(float *g, int64_t cols) {
  if (g) {
    memset(g, 0, (size_t)cols * sizeof(float));
  }
}

/* Does a row, or returns 0 and has written nothing: then kl_exact_row must do it. */
static int kl_run(kl_row *row) {
  const kl_call *c = row->c;
  int64_t r = row->r;
  double weight = c->row_weight ? c->row_weight[r] : 1;
  int hard = kl_hard(c, r);
  int soft = weight != 0 && c->soft_weight != 0 && c->kept > 0;
  int squares = c->mode == LB_SOFTMAX_KL_LOGIT_MSE;
  double coefficient = c->soft_weight * c->scale * weight;
  double by = coefficient * c->factor;
  if ((soft && !kl_ordinary(c, by)) || fabs(c->hard_weight * c->factor) > 1e30) {
    return 0;
  }
  if (c->column_mask && (soft || hard)) {
    kl_stage(row->z.x, c->column_mask, row->copy_z, c->cols);
    row->z.x = row->copy_z;
    if (soft) {
      kl_stage(row->u.x, c->column_mask, row->copy_u, c->cols);
      row->u.x = row->copy_u;
    }
  }
  if (soft && !squares && !(kl_scan(&row->u, c->cols) && kl_scan(&row->z, c->cols)) &&
      (hard || !kl_raise(row) || !kl_scan(&row->u, c->cols) || !kl_scan(&row->z, c->cols))) {
    return 0;
  }
  const kl_side *one = &row->one;
  double entropy = 0;
  if (hard) {
    row->one.x = row->z.x;
    if (soft && !squares && c->temperature == 1) {
      one = &row->z;
    } else if (!kl_scan(&row->one, c->cols)) {
      return 0;
    }
    entropy = kl_cross_entropy(row, one);
  }
  double loss = 0;
  if (soft && squares) {
    loss = kl_squares(row->z.x, row->u.x, c->cols, 0, 0);
    if (!isfinite(loss)) {
      return 0;
    }
    if (row->gz && by != 0) {
      kl_squares(row->z.x, row->u.x, c->cols, row->gz, (float)(2 * by));
    }
  } else if (soft && kl_one_pass(c)) {
    loss = (c->mode == LB_SOFTMAX_KL_SOFT_CE ? kl_entropy(&row->u, c->cols) : 0);
    loss += kl_forward(row, by / c->temperature);
  } else if (soft) {
    loss = kl_both(row, by);
  }
  if (!soft || by == 0) {
    kl_clear(row->gz, c->cols);
    kl_clear(row->gu, c->cols);
  }
  if (hard && row->gz && c->factor != 0) {
    kl_hard_gradient(row, one);
  }
  if (c->row_loss) {
    c->row_loss[r] = c->soft_weight * loss + c->hard_weight * entropy;
  }
  c->losses[r] = (soft ? coefficient * loss : 0) + c->hard_weight * entropy;
  return 1;
}

int32_t LB_TIER(lb_softmax_kl)(const kl_call *c, int64_t from, int64_t to) {
  for (int64_t r = from; r < to; r++) {
    kl_row row;
    kl_place(&row, c, r, to);
    if (!kl_run(&row)) {
      kl_exact_row(c, r);
    }
  }
  return LB_OK;
}
