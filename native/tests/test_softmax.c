// SPDX-License-Identifier: Apache-2.0
#include "check.h"

static void rows(int32_t tier, int64_t cols, int right, int in_place) {
  const int64_t count = 3;
  Guarded gx;
  Guarded gy;
  size_t bytes = (size_t)(count * cols) * sizeof(float);
  float *x = guarded(&gx, bytes, right);
  float *y = in_place ? x : guarded(&gy, bytes, right);
  double *want = malloc((size_t)(count * cols) * sizeof(double));
  check_fill(x, count * cols, -20, 20, (uint64_t)cols);
  for (int64_t r = 0; r < count; r++) {
    double max = -INFINITY;
    double sum = 0;
    for (int64_t c = 0; c < cols; c++) {
      max = fmax(max, x[r * cols + c]);
    }
    for (int64_t c = 0; c < cols; c++) {
      want[r * cols + c] = exp(x[r * cols + c] - max);
      sum += want[r * cols + c];
    }
    for (int64_t c = 0; c < cols; c++) {
      want[r * cols + c] /= sum;
    }
  }
  /* Two ranges: a split must do. */
  CHECK(lb_softmax_forward(tier, x, cols, y, cols, 0, 1, cols) == LB_OK, "status");
  CHECK(lb_softmax_forward(tier, x, cols, y, cols, 1, count, cols) == LB_OK, "status");
  for (int64_t i = 0; i < count * cols; i++) {
    double bound = (44 * 0x1p-24 + 4 * 0x1p-23) * want[i] + 1e-37;
    CHECK(fabs(y[i] - want[i]) <= bound, "tier %d, %ld columns, element %ld: %g, expected %g", tier, (long)cols, (long)i, y[i],
          want[i]);
  }
  guarded_free(&gx, x, bytes);
  if (!in_place) {
    guarded_free(&gy, y, bytes);
  }
  free(want);
}

static void backward(int32_t tier, int64_t cols, int right) {
  Guarded guards[3];
  size_t bytes = (size_t)cols * sizeof(float);
  float *y = guarded(&guards[0], bytes, right);
  float *gy = guarded(&guards[1], bytes, right);
  float *gx = guarded(&guards[2], bytes, right);
  check_fill(y, cols, 0, 2.0 / (double)cols, 1);
  check_fill(gy, cols, -1, 1, 2);
  double dot = 0;
  double size = 0;
  for (int64_t i = 0; i < cols; i++) {
    dot += (double)y[i] * gy[i];
    size += fabs((double)y[i] * gy[i]);
  }
  CHECK(lb_softmax_backward(tier, y, cols, gy, cols, gx, cols, 0, 1, cols) == LB_OK, "status");
  for (int64_t i = 0; i < cols; i++) {
    double want = y[i] * (gy[i] - dot);
    double bound = 8 * 0x1p-24 * sqrt((double)cols) * y[i] * (size + fabs(gy[i])) + 1e-37;
    CHECK(fabs(gx[i] - want) <= bound, "tier %d, %ld columns, element %ld: %g, expected %g", tier, (long)cols, (long)i, gx[i],
          want);
  }
  guarded_free(&guards[0], y, bytes);
  guarded_free(&guards[1], gy, bytes);
  guarded_free(&guards[2], gx, bytes);
}

static void special(int32_t tier) {
  float x[4][20];
  for (int r = 0; r < 4; r++) {
    for (int c = 0; c < 20; c++) {
      x[r][c] = (float)c;
    }
  }
  for (int c = 0; c < 20; c++) {
    x[0][c] = -INFINITY;
  }
  x[1][18] = NAN;
  x[2][3] = INFINITY;
  x[3][19] = 200;
  CHECK(lb_softmax_forward(tier, x[0], 20, x[0], 20, 0, 4, 20) == LB_OK, "status");
  for (int c = 0; c < 20; c++) {
    CHECK(x[0][c] == 0, "a row of -infinity gives %g", x[0][c]);
    CHECK(isnan(x[1][c]), "a row with NaN gives %g", x[1][c]);
    CHECK(isnan(x[2][c]), "a row with infinity gives %g", x[2][c]);
    CHECK(x[3][c] == (c == 19), "one large logit gives %g", x[3][c]);
  }
  CHECK(lb_softmax_forward(tier, x[0], 20, x[0], 20, 1, 0, 20) == LB_BAD_SIZE, "an empty range is accepted backwards");
  CHECK(lb_softmax_backward(tier, x[0], 20, x[1], 20, x[2], 20, 0, 1, -1) == LB_BAD_SIZE, "negative columns are accepted");
}

int main(void) {
  CHECK(lb_abi() == LB_ABI, "header and library differ");
  for (int t = 0; t < check_tiers(); t++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      for (int right = 0; right < 2; right++) {
        rows(check_tier(t), CHECK_SIZES[s], right, 0);
        rows(check_tier(t), CHECK_SIZES[s], right, 1);
        backward(check_tier(t), CHECK_SIZES[s], right);
      }
    }
    special(check_tier(t));
  }
  return check_done("softmax");
}
