// SPDX-License-Identifier: Apache-2.0
#include "check.h"

enum { ROWS = 3 };

static double floored(double x, float floor) { return x <= floor ? 0 : x; }

static void rows(int32_t tier, int64_t cols, float floor, int right) {
  const int64_t n = ROWS * cols;
  const float weights[ROWS] = {1, 0, 0.25f};
  size_t bytes[4] = {(size_t)n * 4, (size_t)n * 4, (size_t)n * 4, ROWS * 8};
  Guarded guards[4];
  void *data[4];
  for (int k = 0; k < 4; k++) {
    data[k] = guarded(&guards[k], bytes[k], right);
  }
  float *s = data[0];
  float *t = data[1];
  float *g = data[2];
  double *losses = data[3];
  check_fill(s, n, -2, 2, (uint64_t)cols);
  check_fill(t, n, -2, 2, (uint64_t)cols + 1);
  for (int64_t i = cols; i < 2 * cols; i++) {
    s[i] = NAN; /* its row has weight 0 */
  }
  /* Two ranges: a split must do. */
  CHECK(lb_mse(tier, s, cols, t, cols, weights, g, cols, losses, 0, 1, cols, floor, 0.5) == LB_OK, "status");
  CHECK(lb_mse(tier, s, cols, t, cols, weights, g, cols, losses, 1, ROWS, cols, floor, 0.5) == LB_OK, "status");
  for (int64_t r = 0; r < ROWS; r++) {
    double loss = 0;
    for (int64_t i = r * cols; i < (r + 1) * cols; i++) {
      double d = floored(s[i], floor) - floored(t[i], floor);
      double want = weights[r] == 0 || s[i] <= floor ? 0 : weights[r] * d / (double)cols;
      loss += weights[r] == 0 ? 0 : d * d / (double)cols;
      CHECK(fabs(g[i] - want) <= 4 * 0x1p-24 * fabs(want), "tier %d, %ld columns, element %ld: %g, expected %g", tier, (long)cols,
            (long)i, g[i], want);
    }
    CHECK(fabs(losses[r] - loss) <= 0x1p-22 * loss, "tier %d, %ld columns, row %ld: loss %g, expected %g", tier, (long)cols,
          (long)r, losses[r], loss);
  }
  double first = losses[0];
  CHECK(lb_mse(tier, s, cols, t, cols, NULL, NULL, 0, losses, 0, 1, cols, floor, 0.5) == LB_OK, "status");
  CHECK(losses[0] == first, "the loss alone differs: %g, %g", losses[0], first);
  CHECK(lb_mse(tier, s, cols, t, cols, weights, s, cols, losses, 0, ROWS, cols, floor, 0.5) == LB_OK, "status");
  CHECK(memcmp(s, g, bytes[2]) == 0, "tier %d, %ld columns: the gradient over the student differs", tier, (long)cols);
  CHECK(lb_mse(tier, g, cols, t, cols, NULL, g, cols, losses, 0, ROWS, cols, floor, 0) == LB_OK, "status");
  for (int64_t i = 0; i < n; i++) {
    CHECK(g[i] == 0, "a factor of 0 gives %g", g[i]);
  }
  for (int k = 0; k < 4; k++) {
    guarded_free(&guards[k], data[k], bytes[k]);
  }
}

static void special(int32_t tier) {
  float s[20] = {0};
  float t[20] = {0};
  float g[20];
  double loss;
  s[1] = NAN;
  t[2] = NAN;
  s[3] = -INFINITY;
  s[18] = 3;
  CHECK(lb_mse(tier, s, 20, t, 20, NULL, g, 20, &loss, 0, 1, 20, NAN, 10) == LB_OK, "status");
  CHECK(isnan(loss) && isnan(g[1]) && isnan(g[2]) && g[3] == -INFINITY && g[18] == 3 && g[4] == 0, "without a floor: %g", loss);
  CHECK(lb_mse(tier, s, 20, t, 20, NULL, g, 20, &loss, 0, 1, 20, 0, 10) == LB_OK, "status");
  CHECK(isnan(loss) && isnan(g[1]) && g[2] == 0 && g[3] == 0 && g[18] == 3, "floor 0: %g, %g, %g", g[1], g[2], g[3]);
  CHECK(lb_mse(tier, s, 20, t, 20, NULL, g, 20, &loss, 0, 1, -1, 0, 10) == LB_BAD_SIZE, "negative columns are accepted");
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      for (int right = 0; right < 2; right++) {
        rows(check_tier(t), CHECK_SIZES[s], NAN, right);
        rows(check_tier(t), CHECK_SIZES[s], -1, right);
        rows(check_tier(t), CHECK_SIZES[s], 0.5f, right);
      }
    }
    special(check_tier(t));
  }
  return check_done("mse");
}
