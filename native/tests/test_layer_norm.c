// SPDX-License-Identifier: Apache-2.0
#include "check.h"

enum { ROWS = 11 };

typedef struct {
  Guarded guards[11];
  size_t bytes[11];
  float *data[11];
} Case;

enum { X, GY, Y, GX, GAMMA, BETA, GGAMMA, GBETA, MEAN, RSTD, SUMS };

static void make(Case *c, int64_t cols, int right) {
  for (int k = 0; k < 11; k++) {
    int64_t n = k <= GX ? ROWS * cols : k <= GBETA ? cols : k <= RSTD ? ROWS : 3 * 2 * cols;
    c->bytes[k] = (size_t)n * sizeof(float);
    c->data[k] = guarded(&c->guards[k], c->bytes[k], right);
    check_fill(c->data[k], n, k == GAMMA ? 0.5 : -2, 2, (uint64_t)(cols + k));
  }
}

static void drop(Case *c) {
  for (int k = 0; k < 11; k++) {
    guarded_free(&c->guards[k], c->data[k], c->bytes[k]);
  }
}

/* Three ranges: of one row, of several at once, of several and some single ones. */
static const int64_t CUTS[4] = {0, 1, 5, ROWS};

static void forward(int32_t tier, Case *c, float *y, int64_t cols) {
  for (int k = 0; k < 3; k++) {
    CHECK(lb_layer_norm_forward(tier, c->data[X], cols, c->data[GAMMA], c->data[BETA], y, cols, c->data[MEAN], c->data[RSTD],
                                CUTS[k], CUTS[k + 1], cols, 1e-5) == LB_OK,
          "status");
  }
}

static void backward(int32_t tier, Case *c, const float *gy, float *gx, int64_t cols) {
  float *sums = c->data[SUMS];
  for (int k = 0; k < 3; k++) {
    CHECK(lb_layer_norm_backward(tier, c->data[X], cols, c->data[GAMMA], c->data[MEAN], c->data[RSTD], gy, cols, gx, cols,
                                 sums + k * 2 * cols, CUTS[k], CUTS[k + 1], cols) == LB_OK,
          "status");
  }
  CHECK(lb_layer_norm_parameters(tier, sums, 3, c->data[GGAMMA], c->data[GBETA], cols) == LB_OK, "status");
}

static void rows(int32_t tier, int64_t cols, int right) {
  Case c;
  make(&c, cols, right);
  double *ggamma = malloc((size_t)cols * sizeof(double));
  double *gbeta = malloc((size_t)cols * sizeof(double));
  for (int64_t i = 0; i < cols; i++) {
    ggamma[i] = c.data[GGAMMA][i];
    gbeta[i] = c.data[GBETA][i];
  }
  forward(tier, &c, c.data[Y], cols);
  backward(tier, &c, c.data[GY], c.data[GX], cols);
  const double n = (double)cols;
  for (int64_t r = 0; r < ROWS; r++) {
    const float *x = c.data[X] + r * cols;
    const float *gy = c.data[GY] + r * cols;
    double mean = 0;
    double squares = 0;
    for (int64_t i = 0; i < cols; i++) {
      mean += x[i] / n;
    }
    for (int64_t i = 0; i < cols; i++) {
      squares += (x[i] - mean) * (x[i] - mean) / n;
    }
    double rstd = 1 / sqrt(squares + 1e-5);
    CHECK(fabs(c.data[MEAN][r] - mean) <= 8 * 0x1p-23, "tier %d, %ld columns: mean %g, expected %g", tier, (long)cols,
          c.data[MEAN][r], mean);
    CHECK(fabs(c.data[RSTD][r] / rstd - 1) <= 8 * 0x1p-23 * (1 + 2 * rstd), "tier %d, %ld columns: rstd %g, expected %g", tier,
          (long)cols, c.data[RSTD][r], rstd);
    /* The rest from the statistics that are stored, so that only its own errors count. */
    double m = c.data[MEAN][r];
    double f = c.data[RSTD][r];
    double sum = 0;
    double dot = 0;
    double size = 0;
    for (int64_t i = 0; i < cols; i++) {
      double xhat = (x[i] - m) * f;
      double g = (double)gy[i] * c.data[GAMMA][i];
      double want = c.data[GAMMA][i] * xhat + c.data[BETA][i];
      double got = c.data[Y][r * cols + i];
      CHECK(fabs(got - want) <= 0x1p-23 * (40 * f + 16), "tier %d, %ld columns, (%ld, %ld): %g, expected %g", tier, (long)cols,
            (long)r, (long)i, got, want);
      sum += g / n;
      dot += g * xhat / n;
      size += fabs(g) * (1 + fabs(xhat)) / n;
      ggamma[i] += gy[i] * xhat;
      gbeta[i] += gy[i];
    }
    for (int64_t i = 0; i < cols; i++) {
      double xhat = (x[i] - m) * f;
      double want = f * ((double)gy[i] * c.data[GAMMA][i] - sum - xhat * dot);
      double got = c.data[GX][r * cols + i];
      double bound = 0x1p-23 * f * (8 + sqrt(n)) * (4 + size) * (1 + fabs(xhat) + 2 * f);
      CHECK(fabs(got - want) <= bound, "tier %d, %ld columns, gx (%ld, %ld): %g, expected %g", tier, (long)cols, (long)r,
            (long)i, got, want);
    }
  }
  for (int64_t i = 0; i < cols; i++) {
    double largest = 0;
    for (int64_t r = 0; r < ROWS; r++) {
      largest = fmax(largest, c.data[RSTD][r]);
    }
    CHECK(fabs(c.data[GGAMMA][i] - ggamma[i]) <= 0x1p-23 * ROWS * (8 + 16 * largest), "tier %d, column %ld: %g, expected %g",
          tier, (long)i, c.data[GGAMMA][i], ggamma[i]);
    CHECK(fabs(c.data[GBETA][i] - gbeta[i]) <= 0x1p-23 * ROWS * 16, "tier %d, column %ld: %g, expected %g", tier, (long)i,
          c.data[GBETA][i], gbeta[i]);
  }
  /* In place: the same bits. */
  backward(tier, &c, c.data[GY], c.data[GY], cols);
  CHECK(memcmp(c.data[GY], c.data[GX], c.bytes[GX]) == 0, "tier %d, %ld columns: gx over gy differs", tier, (long)cols);
  forward(tier, &c, c.data[X], cols);
  CHECK(memcmp(c.data[X], c.data[Y], c.bytes[Y]) == 0, "tier %d, %ld columns: y over x differs", tier, (long)cols);
  drop(&c);
  free(ggamma);
  free(gbeta);
}

/* A long row, so that there are several blocks of sums, far from 0. */
static void shifted(int32_t tier) {
  enum { COLS = 9001 };
  static float x[COLS];
  static float y[COLS];
  static float gamma[COLS];
  static float beta[COLS];
  float mean;
  float rstd;
  for (int i = 0; i < COLS; i++) {
    x[i] = 4096 + (float)(i % 7) / 64;
    gamma[i] = 1;
  }
  CHECK(lb_layer_norm_forward(tier, x, COLS, gamma, beta, y, COLS, &mean, &rstd, 0, 1, COLS, 0) == LB_OK, "status");
  double m = 0;
  double squares = 0;
  for (int i = 0; i < COLS; i++) {
    m += ((double)x[i] - 4096) / COLS;
  }
  for (int i = 0; i < COLS; i++) {
    squares += (x[i] - 4096 - m) * (x[i] - 4096 - m) / COLS;
  }
  for (int i = 0; i < COLS; i++) {
    double want = (x[i] - 4096 - m) / sqrt(squares);
    CHECK(fabs(y[i] - want) <= 4e-7, "tier %d, column %d: %g, expected %g", tier, i, y[i], want);
  }
}

static void special(int32_t tier) {
  float x[3][20];
  float gamma[20];
  float beta[20];
  float mean[3];
  float rstd[3];
  float sums[40];
  for (int c = 0; c < 20; c++) {
    x[0][c] = (float)c;
    x[1][c] = (float)c;
    x[2][c] = (float)(c * c);
    gamma[c] = 1;
    beta[c] = 1;
  }
  x[0][0] = INFINITY;
  x[1][19] = NAN;
  CHECK(lb_layer_norm_forward(tier, x[0], 20, gamma, beta, x[0], 20, mean, rstd, 0, 3, 20, 1e-12) == LB_OK, "status");
  for (int c = 0; c < 20; c++) {
    CHECK(isnan(x[0][c]), "a row with infinity gives %g", x[0][c]);
    CHECK(isnan(x[1][c]), "a row with NaN gives %g", x[1][c]);
    CHECK(isfinite(x[2][c]), "a row beside them gives %g", x[2][c]);
  }
  CHECK(lb_layer_norm_backward(tier, x[0], 20, gamma, mean, rstd, x[0], 20, x[0], 20, sums, 2, 2, 20) == LB_OK, "status");
  for (int i = 0; i < 40; i++) {
    CHECK(sums[i] == 0, "the sum of no row is %g", sums[i]);
  }
  CHECK(lb_layer_norm_forward(tier, x[0], 20, gamma, beta, x[0], 20, mean, rstd, 0, 3, 0, 1) == LB_OK, "no columns");
  CHECK(lb_layer_norm_forward(tier, x[0], 20, gamma, beta, x[0], 20, mean, rstd, -1, 3, 20, 1) == LB_BAD_SIZE,
        "a negative row is accepted");
  CHECK(lb_layer_norm_backward(tier, x[0], 20, gamma, mean, rstd, x[1], 20, x[1], 20, sums, 2, 1, 20) == LB_BAD_SIZE,
        "an empty range is accepted backwards");
  CHECK(lb_layer_norm_parameters(tier, sums, -1, gamma, beta, 20) == LB_BAD_SIZE, "negative chunks are accepted");
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      rows(check_tier(t), CHECK_SIZES[s], 0);
      rows(check_tier(t), CHECK_SIZES[s], 1);
    }
    shifted(check_tier(t));
    special(check_tier(t));
  }
  return check_done("layer_norm");
}
