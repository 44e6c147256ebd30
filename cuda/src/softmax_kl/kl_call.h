// SPDX-License-Identifier: Apache-2.0
//
// softmax_kl: the arguments of a call, and what follows from them for a row.

#pragma once

#include "../device/device.h"
#include "../device/total.h"

namespace lb {

enum KlMode : int {
  KL_FORWARD,
  KL_REVERSE,
  KL_SYMMETRIC,
  KL_JS,
  KL_SKEW_FORWARD,
  KL_SKEW_REVERSE,
  KL_SOFT_CE,
  KL_VARIATION,
  KL_LOGIT_MSE
};

enum KlTeacher : int { KL_DENSE, KL_TOP_K_RAW, KL_TOP_K_RENORM, KL_TOP_K_TAIL, KL_TOP_K_BOTH_RENORM };

/**
 * Stands for what the mask removes and for what is beside a row: p = q = 0 there and x is finite, so nothing is added. The number
 * of bfloat16 below the one nearest to -1e30, which may stand in a row as a logit.
 */
constexpr float KL_FLOOR = -0x1.96p+99f;

struct KlCall {
  const void* z; /* z, u, gz and gu: float or Bf16, as the kernel says */
  int64_t z_stride;
  const void* u;
  int64_t u_stride;
  const int64_t* ids;
  int64_t ids_stride;
  const float* top;
  int64_t top_stride;
  int64_t k;
  const float* row_weight;
  const uint8_t* mask;
  const int64_t* labels;
  void* gz;
  int64_t gz_stride;
  void* gu;
  int64_t gu_stride;
  double* row_loss;
  double* losses;
  int* todo; /* of each row: whether it is left to the kernel in double; null there if it does all rows */
  const double* left_factor;
  const int64_t* left_kept;
  int64_t rows;
  int64_t cols;
  int64_t ignore_index;
  int mode;
  int teacher;
  double temperature;
  double teacher_temperature;
  double w; /* of the teacher's row in a mixture */
  double soft_cap;
  double soft_weight;
  double scale;
  double hard_weight;
  double smoothing;
  double known_factor;
};

#define KL_PARAMETERS                                                                                                        \
  const void *z, int64_t z_stride, const void *u, int64_t u_stride, const int64_t *ids, int64_t ids_stride,                   \
      const float *top, int64_t top_stride, int64_t k, const float *row_weight, const uint8_t *mask, const int64_t *labels,   \
      void *gz, int64_t gz_stride, void *gu, int64_t gu_stride, double *row_loss, double *losses, int *todo,                  \
      const double *left_factor, const int64_t *left_kept, int64_t rows, int64_t cols, int64_t ignore_index, int mode,        \
      int teacher, double temperature, double teacher_temperature, double w, double soft_cap, double soft_weight,             \
      double scale, double hard_weight, double smoothing, double known_factor

#define KL_CALL                                                                                                               \
  {z,        z_stride,    u,         u_stride, ids,          ids_stride, top,         top_stride, k,           row_weight,    \
   mask,     labels,      gz,        gz_stride, gu,          gu_stride,  row_loss,    losses,     todo,        left_factor,   \
   left_kept, rows,       cols,      ignore_index, mode,     teacher,    temperature, teacher_temperature, w,  soft_cap,      \
   soft_weight, scale,    hard_weight, smoothing, known_factor}

/** Of a row, before its logits are read; E is their type. */
template <class E>
struct KlRow {
  int64_t row;
  const E* z;
  const E* u;
  E* gz;
  E* gu;
  int64_t label; /* -1 where none counts, or where it is no column */
  bool hard;
  bool soft; /* by the weights; a top-k teacher and the mask may still leave nothing to compare */
  int64_t kept;
  double factor;
  double coefficient; /* of the divergence in the loss */
  double by;          /* and in the gradients */

  LB_DEVICE KlRow(const KlCall& c, int64_t r) : row(r) {
    z = static_cast<const E*>(c.z) + r * c.z_stride;
    u = c.u == nullptr ? nullptr : static_cast<const E*>(c.u) + r * c.u_stride;
    gz = c.gz == nullptr ? nullptr : static_cast<E*>(c.gz) + r * c.gz_stride;
    gu = c.gu == nullptr ? nullptr : static_cast<E*>(c.gu) + r * c.gu_stride;
    label = -1;
    hard = false;
    if (c.labels != nullptr && c.hard_weight != 0.0) {
      label = c.labels[r];
      hard = label != c.ignore_index;
      label = hard && label >= 0 && label < c.cols ? label : -1;
    }
    const double weight = c.row_weight == nullptr ? 1.0 : c.row_weight[r];
    kept = c.left_kept == nullptr ? c.cols : *c.left_kept;
    soft = weight != 0.0 && c.soft_weight != 0.0 && kept > 0;
    factor = factor_of(c.left_factor, c.known_factor);
    coefficient = c.soft_weight * c.scale * weight;
    by = coefficient * factor;
  }

  /** By one thread. */
  LB_DEVICE void finish(const KlCall& c, double divergence, double entropy) const {
    if (c.row_loss != nullptr) {
      c.row_loss[row] = c.soft_weight * divergence + c.hard_weight * entropy;
    }
    c.losses[row] = (soft ? coefficient * divergence : 0.0) + c.hard_weight * entropy;
  }
};

}  // namespace lb
