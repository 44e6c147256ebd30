// SPDX-License-Identifier: Apache-2.0
#include "check.h"

static const double SCALE = 0.79788456080286535588; /* sqrt(2 / pi) */

static double value(int32_t form, double x) {
  return form == LB_GELU_ERF ? x * erfc(-x / sqrt(2)) / 2 : x / (1 + exp(-2 * SCALE * (x + 0.044715 * x * x * x)));
}

static double slope(int32_t form, double x) {
  if (form == LB_GELU_ERF) {
    return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) * SCALE / 2;
  }
  double s = 1 / (1 + exp(-2 * SCALE * (x + 0.044715 * x * x * x)));
  return s + x * s * (1 - s) * 2 * SCALE * (1 + 3 * 0.044715 * x * x);
}

static double bound(double want) { return fabs(want) < 0.1 ? 1e-7 : 1e-6 * fabs(want); }

static void rows(int32_t tier, int32_t form, int64_t cols, int right, int in_place) {
  const int64_t count = 3;
  const int64_t n = count * cols;
  Guarded gx;
  Guarded gy;
  Guarded gg;
  size_t bytes = (size_t)n * sizeof(float);
  float *x = guarded(&gx, bytes, right);
  float *y = in_place ? x : guarded(&gy, bytes, right);
  float *g = guarded(&gg, bytes, right);
  double *want = malloc((size_t)n * 2 * sizeof(double));
  check_fill(x, n, -7, 7, (uint64_t)cols);
  check_fill(g, n, -1, 1, (uint64_t)cols + 1);
  for (int64_t i = 0; i < n; i++) {
    want[i] = value(form, x[i]);
    want[n + i] = g[i] * slope(form, x[i]);
  }
  float *out = in_place ? g : y;
  /* Two ranges: a split must do. */
  CHECK(lb_gelu_backward(tier, form, x, cols, g, cols, out, cols, 0, 1, cols) == LB_OK, "status");
  CHECK(lb_gelu_backward(tier, form, x, cols, g, cols, out, cols, 1, count, cols) == LB_OK, "status");
  for (int64_t i = 0; i < n; i++) {
    CHECK(fabs(out[i] - want[n + i]) <= 1e-6 * fabs(want[n + i]) + 1e-7, "tier %d, form %d, slope at %g: %g, expected %g", tier,
          form, x[i], out[i], want[n + i]);
  }
  CHECK(lb_gelu_forward(tier, form, x, cols, y, cols, 0, 2, cols) == LB_OK, "status");
  CHECK(lb_gelu_forward(tier, form, x, cols, y, cols, 2, count, cols) == LB_OK, "status");
  for (int64_t i = 0; i < n; i++) {
    CHECK(fabs(y[i] - want[i]) <= bound(want[i]), "tier %d, form %d, %ld columns, element %ld: %g, expected %g", tier, form,
          (long)cols, (long)i, y[i], want[i]);
  }
  guarded_free(&gx, x, bytes);
  guarded_free(&gg, g, bytes);
  if (!in_place) {
    guarded_free(&gy, y, bytes);
  }
  free(want);
}

/* Every float of a range, at steps: the bound holds between the points of the other tests too. */
static void range(int32_t tier, int32_t form) {
  enum { COUNT = 1 << 16 };
  static float x[COUNT];
  static float y[COUNT];
  for (int64_t i = 0; i < COUNT; i++) {
    x[i] = (float)((double)i / COUNT * 32 - 16);
  }
  CHECK(lb_gelu_forward(tier, form, x, COUNT, y, COUNT, 0, 1, COUNT) == LB_OK, "status");
  for (int64_t i = 0; i < COUNT; i++) {
    double want = value(form, x[i]);
    CHECK(fabs(y[i] - want) <= bound(want), "tier %d, form %d, at %.9g: %.9g, expected %.9g", tier, form, x[i], y[i], want);
  }
}

/* Rows further apart than they are long: what lies between stays as it is. */
static void strided(int32_t tier) {
  float x[2][40];
  float y[2][50];
  float g[2][45];
  memset(x, 0, sizeof x);
  memset(g, 0, sizeof g);
  for (int c = 0; c < 50; c++) {
    y[0][c] = 7;
    y[1][c] = 7;
  }
  for (int c = 0; c < 37; c++) {
    x[1][c] = 3;
    g[1][c] = 1;
  }
  CHECK(lb_gelu_forward(tier, LB_GELU_ERF, x[0], 40, y[0], 50, 0, 2, 37) == LB_OK, "status");
  for (int c = 0; c < 50; c++) {
    CHECK(y[0][c] == (c < 37 ? 0 : 7), "column %d: %g", c, y[0][c]);
    CHECK(c < 37 ? fabs(y[1][c] - value(LB_GELU_ERF, 3)) < 3e-6 : y[1][c] == 7, "column %d: %g", c, y[1][c]);
  }
  CHECK(lb_gelu_backward(tier, LB_GELU_ERF, x[0], 40, g[0], 45, y[0], 50, 1, 2, 37) == LB_OK, "status");
  for (int c = 0; c < 50; c++) {
    CHECK(y[0][c] == (c < 37 ? 0 : 7), "column %d: %g", c, y[0][c]);
    CHECK(c < 37 ? fabs(y[1][c] - slope(LB_GELU_ERF, 3)) < 1e-6 : y[1][c] == 7, "column %d: %g", c, y[1][c]);
  }
}

static void special(int32_t tier, int32_t form) {
  const float x[] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 50, -50, 0};
  const float want[] = {INFINITY, 0, NAN, 1e30f, 0, 50, 0, 0};
  const float slopes[] = {1, 0, NAN, 1, 0, 1, 0, 0.5f};
  float ones[8];
  float y[8];
  for (int i = 0; i < 8; i++) {
    ones[i] = 1;
  }
  CHECK(lb_gelu_forward(tier, form, x, 8, y, 8, 0, 1, 8) == LB_OK, "status");
  for (int i = 0; i < 8; i++) {
    CHECK(isnan(want[i]) ? isnan(y[i]) : y[i] == want[i], "form %d of %g: %g", form, x[i], y[i]);
  }
  CHECK(lb_gelu_backward(tier, form, x, 8, ones, 8, y, 8, 0, 1, 8) == LB_OK, "status");
  for (int i = 0; i < 8; i++) {
    CHECK(isnan(slopes[i]) ? isnan(y[i]) : y[i] == slopes[i], "form %d, slope at %g: %g", form, x[i], y[i]);
  }
  CHECK(lb_gelu_forward(tier, form, x, 8, y, 8, 1, 0, 8) == LB_BAD_SIZE, "an empty range is accepted backwards");
  CHECK(lb_gelu_backward(tier, form, x, 8, ones, 8, y, 8, 0, 1, -1) == LB_BAD_SIZE, "negative columns are accepted");
  CHECK(lb_gelu_forward(tier, 2, x, 8, y, 8, 0, 1, 8) == LB_BAD_OPTION, "an unknown form is accepted");
  CHECK(lb_gelu_backward(tier, -1, x, 8, ones, 8, y, 8, 0, 1, 8) == LB_BAD_OPTION, "an unknown form is accepted");
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    for (int32_t form = LB_GELU_ERF; form <= LB_GELU_TANH; form++) {
      for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
        for (int right = 0; right < 2; right++) {
          rows(check_tier(t), form, CHECK_SIZES[s], right, 0);
          rows(check_tier(t), form, CHECK_SIZES[s], right, 1);
        }
      }
      range(check_tier(t), form);
      special(check_tier(t), form);
    }
    strided(check_tier(t));
  }
  return check_done("gelu");
}
