// SPDX-License-Identifier: Apache-2.0
#include "check.h"

typedef struct {
  const char *name;
  int32_t (*forward)(int32_t, const float *, int64_t, float *, int64_t, int64_t, int64_t, int64_t);
  int32_t (*backward)(int32_t, const float *, int64_t, const float *, int64_t, float *, int64_t, int64_t, int64_t, int64_t);
  double (*value)(double);
  double (*slope)(double); /* of what the backward function is given */
  double bound;            /* relative */
} Function;

static double tanh_slope(double y) { return (1 - y) * (1 + y); }
static double relu(double x) { return x > 0 ? x : 0; }
static double relu_slope(double x) { return x > 0; }

static const Function FUNCTIONS[2] = {
    {"tanh", lb_tanh_forward, lb_tanh_backward, tanh, tanh_slope, 1e-6},
    {"relu", lb_relu_forward, lb_relu_backward, relu, relu_slope, 0},
};

static void rows(int32_t tier, const Function *f, int64_t cols, int right, int in_place) {
  const int64_t count = 3;
  const int64_t n = count * cols;
  Guarded guards[3];
  size_t bytes = (size_t)n * sizeof(float);
  float *x = guarded(&guards[0], bytes, right);
  float *g = guarded(&guards[1], bytes, right);
  float *y = in_place ? x : guarded(&guards[2], bytes, right);
  double *want = malloc((size_t)n * 2 * sizeof(double));
  check_fill(x, n, -1, 1, (uint64_t)cols);
  check_fill(g, n, -1, 1, (uint64_t)cols + 1);
  for (int64_t i = 0; i < n; i++) {
    want[i] = f->value(x[i]);
    want[n + i] = g[i] * f->slope(x[i]);
  }
  float *out = in_place ? g : y;
  /* Two ranges: a split must do. */
  CHECK(f->backward(tier, x, cols, g, cols, out, cols, 0, 1, cols) == LB_OK, "status");
  CHECK(f->backward(tier, x, cols, g, cols, out, cols, 1, count, cols) == LB_OK, "status");
  for (int64_t i = 0; i < n; i++) {
    CHECK(fabs(out[i] - want[n + i]) <= f->bound * fabs(want[n + i]), "%s, tier %d, slope at %g: %g, expected %g", f->name, tier,
          x[i], out[i], want[n + i]);
  }
  CHECK(f->forward(tier, x, cols, y, cols, 0, 2, cols) == LB_OK, "status");
  CHECK(f->forward(tier, x, cols, y, cols, 2, count, cols) == LB_OK, "status");
  for (int64_t i = 0; i < n; i++) {
    CHECK(fabs(y[i] - want[i]) <= f->bound * fabs(want[i]), "%s, tier %d, %ld columns, element %ld: %g, expected %g", f->name,
          tier, (long)cols, (long)i, y[i], want[i]);
  }
  guarded_free(&guards[0], x, bytes);
  guarded_free(&guards[1], g, bytes);
  if (!in_place) {
    guarded_free(&guards[2], y, bytes);
  }
  free(want);
}

static void special(int32_t tier) {
  const float x[8] = {INFINITY, -INFINITY, NAN, -0.0f, 0, 1e-30f, -30, 0.625f};
  float g[8];
  float y[8];
  for (int i = 0; i < 8; i++) {
    g[i] = 2;
  }
  CHECK(lb_tanh_forward(tier, x, 8, y, 8, 0, 1, 8) == LB_OK, "status");
  CHECK(y[0] == 1 && y[1] == -1 && isnan(y[2]) && y[5] == 1e-30f && y[6] == -1, "tanh of special values");
  CHECK(y[3] == 0 && signbit(y[3]) && y[4] == 0 && !signbit(y[4]), "tanh of zeros: %g, %g", y[3], y[4]);
  CHECK(lb_tanh_backward(tier, y, 8, g, 8, g, 8, 0, 1, 8) == LB_OK, "status");
  CHECK(g[0] == 0 && g[1] == 0 && isnan(g[2]) && g[3] == 2, "slopes of special values");
  CHECK(lb_relu_forward(tier, x, 8, y, 8, 0, 1, 8) == LB_OK, "status");
  CHECK(y[0] == INFINITY && y[1] == 0 && isnan(y[2]) && y[6] == 0, "relu of special values");
  CHECK(y[3] == 0 && !signbit(y[3]), "relu of -0: %g", y[3]);
  CHECK(lb_relu_backward(tier, x, 8, g, 8, g, 8, 0, 1, 8) == LB_OK, "status");
  CHECK(g[2] == 0 && g[3] == 0 && g[5] == 2 && g[6] == 0, "slopes of relu: %g, %g, %g, %g", g[2], g[3], g[5], g[6]);
  for (int k = 0; k < 2; k++) {
    const Function *f = &FUNCTIONS[k];
    CHECK(f->forward(tier, x, 8, y, 8, 1, 0, 8) == LB_BAD_SIZE, "%s: an empty range is accepted backwards", f->name);
    CHECK(f->backward(tier, x, 8, g, 8, y, 8, 0, 1, -1) == LB_BAD_SIZE, "%s: negative columns are accepted", f->name);
  }
}

/* Both pieces of tanh and the place where they meet. */
static void range(int32_t tier) {
  enum { COUNT = 1 << 15 };
  static float x[COUNT];
  static float y[COUNT];
  for (int64_t i = 0; i < COUNT; i++) {
    x[i] = (float)((double)i / COUNT * 24 - 12);
  }
  CHECK(lb_tanh_forward(tier, x, COUNT, y, COUNT, 0, 1, COUNT) == LB_OK, "status");
  for (int64_t i = 0; i < COUNT; i++) {
    double want = tanh(x[i]);
    CHECK(fabs(y[i] - want) <= 1e-6 * fabs(want), "tier %d, tanh at %.9g: %.9g, expected %.9g", tier, x[i], y[i], want);
  }
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    for (int k = 0; k < 2; k++) {
      for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
        for (int right = 0; right < 2; right++) {
          rows(check_tier(t), &FUNCTIONS[k], CHECK_SIZES[s], right, 0);
          rows(check_tier(t), &FUNCTIONS[k], CHECK_SIZES[s], right, 1);
        }
      }
    }
    range(check_tier(t));
    special(check_tier(t));
  }
  return check_done("tanh_relu");
}
