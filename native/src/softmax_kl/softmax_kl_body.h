// SPDX-License-Identifier: Apache-2.0
/*
 * softmax_kl. D = sum f(p, q), p = softmax(u / Tt), q = softmax(z / T); dz = (h - q sum h) / T with h = q df/dq; forward:
 * dz = (q - p) / T. Modes and options: limbeck.h.
 *
 * z, u, gz, gu f32 or bf16 [rows, cols], any row stride, aligned to an element; gz may be z, gu u. Rows of bf16 are widened
 * into scratch and gradients found over them there. Rows under a soft cap are copies, as are those with removed columns,
 * which are replaced, and with -infinity, replaced by a floor where both rows have it or only the teacher's matters. NaN,
 * infinities otherwise placed, factors far from 1, temperatures outside 1e-3 to 1e6, squares under a soft cap: in double,
 * kl_exact_row. Top-k teachers: their columns in double, softmax_kl_top_k.c.
 * exp to 2 ulp, sums in float lanes within blocks of KL_BLOCK, blocks in double, terms of one sign with a series for |x|
 * below KL_NEAR.
 * A call does rows [from, to) on the calling thread; the bits of a row depend on that row alone.
 * Forward: 2 exps and about 45 flops an element; 8 bytes read, 4 written, of bf16 4 and 2. The exponentials of a row stay
 * in scratch, 8 bytes an element, and loss and gradient come from them and the logits, which have not left the caches. The
 * other modes: two passes over the exponentials; with a mixture 2 exps more. Tails in masked vectors.
 */
#include <string.h>

#include "softmax_kl_cap.h"
#include "softmax_kl_loops.h"
#include "softmax_kl_move.h"

/* Where things are, and what the passes find of a row. */
typedef struct {
  const kl_call *c;
  int64_t r;
  float *gz;
  float *gu;
  double coefficient; /* of the divergence in the loss */
  double by;          /* and in the gradients */
  kl_side z;
  kl_side u;
  kl_side one; /* the student at temperature 1 */
  float *copy_z;
  float *copy_u;
  float *slope_z; /* of the soft cap */
  float *slope_u;
  float *room; /* for the gradients of a block that go past the caches, else null */
  float *widened_z; /* what rows of bf16 are widened to */
  float *widened_u;
  int past; /* whether their gradients go past the caches */
  double *parts; /* of the columns of a top-k teacher, which has neither u nor copy_u */
  kl_weights weights; /* of the modes that take sums before gradients */
} kl_row;

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

/* Places what a call has once. */
static void kl_place(kl_row *row, const kl_call *c) {
  float *scratch = c->scratch;
  int64_t line = kl_line(c->cols);
  int64_t blocks = kl_line(kl_blocks(c->cols));
  row->c = c;
  row->parts = c->scratch;
  row->u.e = scratch;
  row->copy_u = scratch + line;
  row->z.e = scratch + 2 * line;
  row->one.e = scratch + 3 * line;
  row->copy_z = scratch + 4 * line;
  row->slope_z = scratch + 5 * line;
  row->slope_u = scratch + 6 * line;
  row->z.tops = scratch + KL_LINES * line;
  row->u.tops = row->z.tops + blocks;
  row->one.tops = row->u.tops + blocks;
  row->z.inverse = (float)(1 / c->temperature);
  row->u.inverse = (float)(1 / c->teacher_temperature);
  row->one.inverse = 1;
  row->z.next = row->u.next = row->one.next = 0;
  /* What is read again stays in the caches. Where there is no soft cap there are no slopes either. */
  int again = c->soft_cap != 0 || (c->labels && c->hard_weight != 0) || c->gz == c->z;
  row->room = c->stream && !again ? row->slope_z : 0;
  row->past = c->stream && c->bf16.gz && c->bf16.gz != c->bf16.z;
  row->widened_z = scratch + kl_scratch(c->cols);
  row->widened_u = row->widened_z + line;
  row->weights = kl_weights_of(c);
}

static void kl_begin(kl_row *row, int64_t r) {
  const kl_call *c = row->c;
  row->r = r;
  row->gz = c->gz ? c->gz + r * c->gz_stride : 0;
  row->gu = c->gu ? c->gu + r * c->gu_stride : 0;
  row->z.x = c->z + r * c->z_stride;
  row->u.x = c->u ? c->u + r * c->u_stride : 0;
  row->coefficient = c->soft_weight * c->scale * (c->row_weight ? c->row_weight[r] : 1);
  row->by = row->coefficient * c->factor;
}

/* Puts the floor in place of what the mask removes, whose content is not used. `to` may be x. */
static void kl_remove(const float *x, const uint8_t *restrict mask, float *to, int64_t cols) {
  for (int64_t at = 0; at < cols; at += KL_BLOCK) {
    int64_t end = lb_min(cols, at + KL_BLOCK);
    /* Apart from the loop that the compiler makes vectors of. */
    for (int64_t i = at; i < end; i += KL_PAD) {
      LB_PREFETCH_FAR(x + i + KL_AHEAD);
    }
    for (int64_t i = at; i < end; i++) {
      to[i] = mask[i] ? x[i] : KL_FLOOR;
    }
  }
}

/* Goes on with a copy, under the soft cap and the mask. slope may be null. */
static void kl_stage(const kl_call *c, kl_side *s, float *copy, float *slope) {
  if (c->soft_cap != 0) {
    kl_cap(s->x, copy, slope, c->cols, (float)c->soft_cap);
    s->x = copy;
  }
  if (c->column_mask) {
    kl_remove(s->x, c->column_mask, copy, c->cols);
    s->x = copy;
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
  /* Under a soft cap there are no infinities, and the rows lie in the copies. */
  if (c->soft_cap != 0) {
    return 0;
  }
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

/* The teacher's sum of p log p over a block, but for its log sum. */
static double kl_negentropy(const kl_side *u, int64_t b, int64_t cols) {
  int64_t at = b * KL_BLOCK;
  float dot = kl_dot(u->x + at, u->e + at, lb_min(KL_BLOCK, cols - at), u->top);
  return (double)dot * kl_scale(u, b, u->inverse);
}

/* The forward divergence or cross-entropy of a block; writes by (q - p) where by is not 0. */
static double kl_forward_block(kl_row *row, int64_t b, double by) {
  float *g = by == 0 || !row->gz ? 0 : row->gz + b * KL_BLOCK;
  /* The factor goes into the scales; without a gradient there is none. */
  double fold = g ? by : 1;
  kl_block block = kl_block_of(row, b, fold);
  double loss;
  if (block.shift != 0 || block.change != 0) {
    loss = kl_forward_far(&block, g) / fold;
  } else if (g && row->room && (uintptr_t)g % sizeof(vf32) != 0) {
    loss = kl_forward_near(&block, row->room, 0) / fold;
    kl_stream(row->room, g, block.n);
  } else {
    loss = kl_forward_near(&block, g, row->room != 0) / fold;
  }
  return row->c->mode == LB_SOFTMAX_KL_SOFT_CE ? loss - kl_negentropy(&row->u, b, row->c->cols) : loss;
}

static double kl_forward(kl_row *row, double by) {
  int64_t blocks = kl_blocks(row->c->cols);
  double loss = row->c->mode == LB_SOFTMAX_KL_SOFT_CE ? row->u.log_sum : 0;
  for (int64_t i = 0; i < blocks; i++) {
    /* Of a long row the caches still hold the last blocks. */
    loss += kl_forward_block(row, blocks > KL_LONG ? blocks - 1 - i : i, by);
  }
  return loss;
}

static void kl_pass(kl_task task, const kl_weights *k, const kl_block *b, kl_sums *sums, float *gz, float *gu, float by_z,
                    float by_u) {
  switch (k->family) {
    case KL_DIRECT:
      kl_two_sided(KL_DIRECT, task, k, b, sums, gz, gu, by_z, by_u);
      break;
    case KL_VARIATION:
      kl_two_sided(KL_VARIATION, task, k, b, sums, gz, gu, by_z, by_u);
      break;
    default:
      kl_two_sided(KL_MIXED, task, k, b, sums, gz, gu, by_z, by_u);
      break;
  }
}

/* The modes that take sums before gradients. */
static double kl_both(kl_row *row, double by) {
  const kl_weights *k = &row->weights;
  kl_sums sums = {0, 0, 0};
  int64_t blocks = kl_blocks(row->c->cols);
  float by_z = (float)(by / row->c->temperature);
  float by_u = (float)(by / row->c->teacher_temperature);
  int write = by != 0 && (row->gz || row->gu);
  if (write && row->c->cols <= LB_W) {
    kl_block block = kl_block_of(row, 0, 1);
    kl_pass(KL_ONCE, k, &block, &sums, row->gz, row->gu, by_z, by_u);
    return sums.loss;
  }
  for (int64_t b = 0; b < blocks; b++) {
    kl_block block = kl_block_of(row, b, 1);
    kl_pass(KL_SUM, k, &block, &sums, 0, 0, 0, 0);
  }
  for (int64_t b = 0; b < blocks && write; b++) {
    kl_block block = kl_block_of(row, b, 1);
    int64_t at = b * KL_BLOCK;
    kl_pass(KL_WRITE, k, &block, &sums, row->gz ? row->gz + at : 0, row->gu ? row->gu + at : 0, by_z, by_u);
  }
  return sums.loss;
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

/* Whether options and factors are those that the loops in float are good for. */
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

static void kl_end(const kl_row *row, double loss, double entropy) {
  const kl_call *c = row->c;
  if (c->row_loss) {
    c->row_loss[row->r] = c->soft_weight * loss + c->hard_weight * entropy;
  }
  c->losses[row->r] = row->coefficient * loss + c->hard_weight * entropy;
}

/*
 * The divergence from a top-k teacher; returns 0 and has written nothing where float does not bear it. The columns K have
 * no exponentials from here on.
 */
static int kl_sparse(kl_row *row, kl_top_k *t) {
  const kl_call *c = row->c;
  const int64_t *ids = c->ids + row->r * c->ids_stride;
  int own = c->teacher == LB_TOP_K_BOTH_RENORM;
  double off = 0;
  if (own) {
    kl_top_k_own_softmax(c, row->r, row->z.x, t);
  } else {
    t->top = row->z.top;
    t->inverse = row->z.inverse;
    t->log_sum = row->z.log_sum;
    for (int64_t j = 0; j < c->k; j++) {
      row->z.e[ids[j]] = 0;
    }
    for (int64_t b = 0; b < kl_blocks(c->cols) && c->teacher != LB_TOP_K_RAW; b++) {
      float sum = kl_total(row->z.e + b * KL_BLOCK, lb_min(KL_BLOCK, c->cols - b * KL_BLOCK));
      off += (double)sum * kl_scale(&row->z, b, 1);
    }
    /* Exponentials below exp(LB_EXP_LOWEST) are missing in the sum, and a tail's gradient is divided by it. */
    if (c->teacher == LB_TOP_K_TAIL && c->kept > t->count && off < 1e-20) {
      return 0;
    }
  }
  kl_top_k_terms(c, row->r, row->z.x, off, row->parts, t);
  if (!row->gz || row->by == 0) {
    return 1;
  }
  kl_top_k_gradients(c, row->r, row->z.x, row->by, row->parts, t);
  if (own) {
    kl_clear(row->gz, c->cols);
  }
  for (int64_t b = 0; b < kl_blocks(c->cols) && !own; b++) {
    int64_t at = b * KL_BLOCK;
    kl_spread(row->z.e + at, row->gz + at, lb_min(KL_BLOCK, c->cols - at), kl_scale(&row->z, b, row->by * t->rest));
  }
  for (int64_t j = 0; j < c->k; j++) {
    if (kl_unmasked(c, ids[j])) {
      row->gz[ids[j]] = (float)row->parts[j];
    }
  }
  return 1;
}

/* Finds the exponentials that a divergence needs, or returns 0. `raise`: whether -infinity may be replaced. */
static int kl_exponentials(kl_row *row, int raise) {
  const kl_call *c = row->c;
  if (c->mode == LB_SOFTMAX_KL_LOGIT_MSE || c->teacher == LB_TOP_K_BOTH_RENORM) {
    return 1;
  }
  if (c->teacher != KL_DENSE) {
    return row->z.next ? kl_scan_widened(&row->z, c->cols) : kl_scan(&row->z, c->cols);
  }
  if (row->z.next ? kl_scan_both_widened(&row->u, &row->z, c->cols) : kl_scan_both(&row->u, &row->z, c->cols)) {
    return 1;
  }
  return raise && kl_raise(row) && kl_scan_both(&row->u, &row->z, c->cols);
}

/* The divergence of a row with its gradients, or 0 where float does not bear it; then nothing is written. */
static int kl_soft(kl_row *row, kl_top_k *t, double *loss) {
  const kl_call *c = row->c;
  if (c->teacher != KL_DENSE) {
    int done = kl_sparse(row, t);
    *loss = t->loss;
    return done;
  }
  if (c->mode == LB_SOFTMAX_KL_LOGIT_MSE) {
    *loss = kl_squares(row->z.x, row->u.x, c->cols, 0, 0);
    if (!isfinite(*loss)) {
      return 0;
    }
    if (row->gz && row->by != 0) {
      kl_squares(row->z.x, row->u.x, c->cols, row->gz, (float)(2 * row->by));
    }
  } else {
    *loss = kl_one_pass(c) ? kl_forward(row, row->by / c->temperature) : kl_both(row, row->by);
  }
  return 1;
}

/* Whether float bears the soft cap. The difference of two logits near the cap would lose what their rounding takes. */
static int kl_cap_ordinary(const kl_call *c) {
  return c->soft_cap == 0 || (c->soft_cap >= 1e-6 && c->soft_cap <= 1e6 && c->mode != LB_SOFTMAX_KL_LOGIT_MSE);
}

/* Does a row, or returns 0 and has written nothing: then kl_exact_row must do it. */
static int kl_run(kl_row *row) {
  const kl_call *c = row->c;
  int dense = c->teacher == KL_DENSE;
  int hard = kl_hard(c, row->r);
  kl_top_k t = {.mass = 0};
  int soft = kl_weighs(c, row->r) && (dense ? c->kept > 0 : kl_top_k_begin(c, row->r, &t));
  if ((soft && !kl_ordinary(c, row->by)) || fabs(c->hard_weight * c->factor) > 1e30 ||
      !kl_cap_ordinary(c)) {
    return 0;
  }
  if (soft || hard) {
    kl_stage(c, &row->z, row->copy_z, row->gz ? row->slope_z : 0);
  }
  if (soft && dense) {
    kl_stage(c, &row->u, row->copy_u, row->gu ? row->slope_u : 0);
  }
  if (soft && !kl_exponentials(row, !hard)) {
    return 0;
  }
  const kl_side *one = &row->one;
  double entropy = 0;
  if (hard) {
    row->one.x = row->z.x;
    if (soft && dense && c->mode != LB_SOFTMAX_KL_LOGIT_MSE && c->temperature == 1) {
      one = &row->z;
    } else if (!kl_scan(&row->one, c->cols)) {
      return 0;
    }
    entropy = kl_cross_entropy(row, one);
  }
  double loss = 0;
  if (soft && !kl_soft(row, &t, &loss)) {
    return 0;
  }
  if (!soft || row->by == 0) {
    kl_clear(row->gz, c->cols);
    kl_clear(row->gu, c->cols);
  }
  if (hard && row->gz && c->factor != 0) {
    kl_hard_gradient(row, one);
  }
  if (c->soft_cap != 0 && row->gz && (soft || hard)) {
    kl_steepen(row->gz, row->slope_z, c->cols);
  }
  if (c->soft_cap != 0 && row->gu && soft) {
    kl_steepen(row->gu, row->slope_u, c->cols);
  }
  kl_end(row, loss, entropy);
  return 1;
}

/* Widens what will be read of a row, and tells the scans where the next one lies. */
static void kl_widen_row(kl_row *row, int64_t r) {
  const kl_call *c = row->c;
  const kl_bf16 *g = &c->bf16;
  int soft = kl_weighs(c, r);
  if (soft || kl_hard(c, r)) {
    kl_widen(g->z + r * g->z_stride, row->widened_z, c->cols);
    row->z.next = g->z + (r + 1) * g->z_stride;
  }
  if (soft && g->u) {
    kl_widen(g->u + r * g->u_stride, row->widened_u, c->cols);
    row->u.next = g->u + (r + 1) * g->u_stride;
  }
}

/* Rounds the gradients of a row. */
static void kl_round_row(kl_row *row, int64_t r) {
  const kl_call *c = row->c;
  const kl_bf16 *g = &c->bf16;
  if (g->gz && row->past) {
    /* The exponentials of the row have been used. */
    kl_round_past(c->gz, g->gz + r * g->gz_stride, c->cols, row->z.e);
  } else if (g->gz) {
    kl_round(c->gz, g->gz + r * g->gz_stride, c->cols);
  }
  if (g->gu) {
    kl_round(c->gu, g->gu + r * g->gu_stride, c->cols);
  }
}

int32_t LB_TIER(lb_softmax_kl)(const kl_call *c, int64_t from, int64_t to) {
  kl_row row;
  int bf16 = c->bf16.z != 0;
  kl_place(&row, c);
  for (int64_t r = from; r < to; r++) {
    if (bf16) {
      kl_widen_row(&row, r);
    }
    kl_begin(&row, r);
    if (!kl_run(&row)) {
      kl_exact_row(c, r);
    }
    if (bf16) {
      kl_round_row(&row, r);
    }
  }
  if (row.room || row.past) {
    vf32_stream_end();
  }
  return LB_OK;
}
