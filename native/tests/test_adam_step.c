// SPDX-License-Identifier: Apache-2.0
#include "check.h"

static const float BETA1 = 0.9f;
static const float REST1 = 0.1f;
static const float BETA2 = 0.999f;
static const float REST2 = 0.001f;
static const float EPSILON = 1e-8f;
static const float FACTOR = 0.25f;
static const float DECAY = 0.99f;
static const float SIZE = 0.01f;
static const float ROOT = 1.5f;

static void rows(int32_t tier, int64_t cols, int right) {
  const int64_t count = 3;
  const int64_t n = count * cols;
  Guarded guards[4];
  size_t bytes = (size_t)n * sizeof(float);
  float *data[4]; /* w, g, m, v */
  double *want = malloc((size_t)n * 3 * sizeof(double));
  double squares = 0;
  for (int k = 0; k < 4; k++) {
    data[k] = guarded(&guards[k], bytes, right);
    check_fill(data[k], n, k == 3 ? 0 : -1, 1, (uint64_t)(cols + k));
  }
  for (int64_t i = 0; i < n; i++) {
    double g = FACTOR * data[1][i];
    double m = BETA1 * data[2][i] + REST1 * g;
    double v = BETA2 * data[3][i] + REST2 * g * g;
    want[i] = DECAY * data[0][i] - SIZE * m / (ROOT * sqrt(v) + EPSILON);
    want[n + i] = m;
    want[2 * n + i] = v;
    squares += (double)data[1][i] * data[1][i];
  }
  double sums[2];
  CHECK(lb_adam_squares(tier, data[1], cols, &sums[0], 0, 2, cols) == LB_OK, "status");
  CHECK(lb_adam_squares(tier, data[1], cols, &sums[1], 2, count, cols) == LB_OK, "status");
  CHECK(fabs(sums[0] + sums[1] - squares) <= 1e-14 * squares, "tier %d, %ld columns: squares %.17g, expected %.17g", tier,
        (long)cols, sums[0] + sums[1], squares);
  /* Two ranges: a split must do. */
  for (int64_t r = 0; r < count; r += 2) {
    CHECK(lb_adam_step(tier, data[0], cols, data[1], cols, data[2], cols, data[3], cols, r, r + 2 < count ? r + 2 : count, cols,
                       BETA1, REST1, BETA2, REST2, EPSILON, FACTOR, DECAY, SIZE, ROOT) == LB_OK,
          "status");
  }
  static const int outputs[3] = {0, 2, 3};
  for (int k = 0; k < 3; k++) {
    for (int64_t i = 0; i < n; i++) {
      double w = want[k * n + i];
      double got = data[outputs[k]][i];
      CHECK(fabs(got - w) <= 4 * 0x1p-23 * (k == 0 ? fmax(1, fabs(w)) : fabs(w)) + (k == 1 ? 0x1p-24 : 0),
            "tier %d, %ld columns, array %d, element %ld: %.9g, expected %.9g", tier, (long)cols, k, (long)i, got, w);
    }
  }
  for (int k = 0; k < 4; k++) {
    guarded_free(&guards[k], data[k], bytes);
  }
  free(want);
}

static void special(int32_t tier) {
  float w[20];
  float g[20];
  float m[20] = {0};
  float v[20] = {0};
  for (int i = 0; i < 20; i++) {
    w[i] = 1;
    g[i] = 1e19f; /* its square is no float, its share of v is one */
  }
  g[3] = NAN;
  g[18] = 0;
  double sum;
  CHECK(lb_adam_squares(tier, g, 20, &sum, 0, 1, 3) == LB_OK && fabs(sum / 3e38 - 1) < 1e-6, "squares %g", sum);
  CHECK(lb_adam_squares(tier, g, 20, &sum, 0, 1, 4) == LB_OK && isnan(sum), "squares with NaN: %g", sum);
  CHECK(lb_adam_squares(tier, g, 20, &sum, 0, 0, 4) == LB_OK && sum == 0, "squares of nothing: %g", sum);
  CHECK(lb_adam_step(tier, w, 20, g, 20, m, 20, v, 20, 0, 1, 20, BETA1, REST1, BETA2, REST2, EPSILON, 1, 1, SIZE, 1) == LB_OK,
        "status");
  for (int i = 0; i < 20; i++) {
    if (i == 3) {
      CHECK(isnan(w[i]) && isnan(m[i]) && isnan(v[i]), "NaN gives %g", w[i]);
    } else {
      double want = i == 18 ? 1 : 1 - SIZE * 0.1 / sqrt(0.001);
      CHECK(fabs(w[i] - want) < 1e-6, "element %d: %g, expected %g", i, w[i], want);
    }
  }
  CHECK(lb_adam_squares(tier, g, 20, &sum, 1, 0, 4) == LB_BAD_SIZE, "an empty range is accepted backwards");
  CHECK(lb_adam_step(tier, w, 20, g, 20, m, 20, v, 20, 0, 1, -1, 0, 1, 0, 1, 0, 1, 1, 1, 1) == LB_BAD_SIZE,
        "negative columns are accepted");
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      rows(check_tier(t), CHECK_SIZES[s], 0);
      rows(check_tier(t), CHECK_SIZES[s], 1);
    }
    special(check_tier(t));
  }
  return check_done("adam_step");
}
