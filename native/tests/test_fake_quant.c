// SPDX-License-Identifier: Apache-2.0
#include "check.h"

enum { TERNARY, SYMMETRIC, MINMAX, LSQ, MIDRISE, SIGN, SCHEMES };

static double clipped(double x, double clip) { return x > clip ? clip : x < -clip ? -clip : x; }

/* The formulas of the header for one group of n elements, in double but for what they say to be float. */
static void want_of(int scheme, int bits, float clip, float step, const float *x, int64_t n, double *y, int *codes,
                    double *scale) {
  float qp = (float)((1 << (bits - 1)) - 1);
  float levels = (float)((1 << bits) - 1);
  double sum = 0;
  float max = 0;
  float low = INFINITY;
  float high = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    float v = (float)clipped(x[i], clip);
    sum += fabs(v);
    max = fmaxf(max, fabsf(v));
    low = fminf(low, v);
    high = fmaxf(high, v);
  }
  double threshold = 7 * sum / (10.0 * (double)n);
  double kept = 0;
  double count = 0;
  for (int64_t i = 0; i < n; i++) {
    double v = fabs(clipped(x[i], clip));
    kept += v > threshold ? v : 0;
    count += v > threshold;
  }
  double alpha = count == 0 ? 0 : kept / count;
  float factor = qp / max;
  float range = high - low + 1e-8f;
  double top = 2 * sum / (double)n;
  *scale = scheme == TERNARY     ? alpha
           : scheme == SYMMETRIC ? max / qp
           : scheme == MINMAX    ? range / levels
           : scheme == LSQ       ? step
           : scheme == MIDRISE   ? top
                                 : sum / (double)n;
  for (int64_t i = 0; i < n; i++) {
    float v = (float)clipped(x[i], clip);
    int c = 0;
    switch (scheme) {
      case TERNARY:
        c = v > threshold ? 1 : v < -threshold ? -1 : 0;
        y[i] = c * alpha;
        break;
      case SYMMETRIC:
        c = (int)rintf(v * factor);
        y[i] = (float)c / factor;
        break;
      case MINMAX:
        c = (int)rintf((v - low) / range * levels);
        y[i] = (float)c / levels * range + low;
        break;
      case LSQ:
        c = (int)rintf(fminf(qp, fmaxf(-qp - 1, x[i] / step)));
        y[i] = (float)c * step;
        break;
      case MIDRISE:
        c = 3.0 * v > 2 * top ? 3 : v >= 0 ? 2 : 3.0 * v > -2 * top ? 1 : 0;
        y[i] = (2 * c - 3) * top / 3;
        break;
      default:
        c = x[i] < 0 ? -1 : 1;
        y[i] = c * *scale;
        break;
    }
    codes[i] = c;
  }
}

/* A matrix of rows x cols, in groups of their rows or as one group, small or cut into pieces. */
static void forward(int32_t tier, int scheme, int64_t rows, int64_t cols, int whole, int right, int in_place, float clip) {
  Guarded gx;
  Guarded gy = {0};
  Guarded gc;
  Guarded gs;
  int64_t n = rows * cols;
  int64_t groups = whole ? 1 : rows;
  int64_t size = n / groups;
  int bits = whole ? 8 : 3;
  float step = 0.3f;
  float *x = guarded(&gx, (size_t)n * sizeof(float), right);
  float *y = in_place ? x : guarded(&gy, (size_t)n * sizeof(float), right);
  int8_t *codes = guarded(&gc, (size_t)n, right);
  float *scale = guarded(&gs, (size_t)groups * sizeof(float), right);
  double *want = malloc((size_t)n * sizeof(double));
  int *want_codes = malloc((size_t)n * sizeof(int));
  double *want_scale = malloc((size_t)groups * sizeof(double));
  check_fill(x, n, -2, 2, (uint64_t)(n + scheme));
  for (int64_t g = 0; g < groups; g++) {
    want_of(scheme, bits, clip, step, x + g * size, size, want + g * size, want_codes + g * size, want_scale + g);
  }
  if (whole && cols % 2 == 1) {
    int64_t pieces = lb_fake_quant_pieces(rows, cols);
    double *partials = malloc((size_t)pieces * 2 * sizeof(double));
    float p[LB_FAKE_QUANT_PARAMETERS];
    int64_t half = pieces / 2;
    for (int second = 0; second < (scheme == TERNARY ? 2 : 1); second++) {
      const float *known = second ? p : NULL;
      CHECK(lb_fake_quant_reduce(tier, scheme, clip, known, x, cols, partials, 0, half, rows, cols, 1) == LB_OK, "status");
      CHECK(lb_fake_quant_reduce(tier, scheme, clip, known, x, cols, partials, half, pieces, rows, cols, 1) == LB_OK,
            "status");
      CHECK(lb_fake_quant_parameters(tier, scheme, second, bits, clip, step, partials, p, scale, NULL, 0, 1, rows, cols) ==
                LB_OK,
            "status");
    }
    CHECK(lb_fake_quant_apply(tier, scheme, bits, clip, p, x, cols, y, cols, codes, cols, 0, half, rows, cols, 1) == LB_OK,
          "status");
    CHECK(lb_fake_quant_apply(tier, scheme, bits, clip, p, x, cols, y, cols, codes, cols, half, pieces, rows, cols, 1) ==
              LB_OK,
          "status");
    free(partials);
  } else {
    for (int64_t g = 0; g < groups; g++) {
      CHECK(lb_fake_quant_forward(tier, scheme, bits, clip, step, x, cols, y, cols, codes, cols, scale, NULL, g, g + 1,
                                  rows / groups, cols, 1) == LB_OK,
            "status");
    }
  }
  int is_unsigned = scheme == MINMAX || scheme == MIDRISE;
  for (int64_t i = 0; i < n; i++) {
    int code = is_unsigned ? (uint8_t)codes[i] : codes[i];
    CHECK(code == want_codes[i], "tier %d, scheme %d, [%ld, %ld], code %ld: %d, expected %d", tier, scheme, (long)rows,
          (long)cols, (long)i, code, want_codes[i]);
    CHECK(fabs(y[i] - want[i]) <= 0x1p-21 * fabs(want[i]), "tier %d, scheme %d, [%ld, %ld], value %ld: %g, expected %g",
          tier, scheme, (long)rows, (long)cols, (long)i, y[i], want[i]);
  }
  for (int64_t g = 0; g < groups; g++) {
    CHECK(fabs(scale[g] - want_scale[g]) <= 0x1p-22 * want_scale[g], "tier %d, scheme %d, [%ld, %ld]: scale %g, expected %g",
          tier, scheme, (long)rows, (long)cols, scale[g], want_scale[g]);
  }
  guarded_free(&gx, x, (size_t)n * sizeof(float));
  if (!in_place) {
    guarded_free(&gy, y, (size_t)n * sizeof(float));
  }
  guarded_free(&gc, codes, (size_t)n);
  guarded_free(&gs, scale, (size_t)groups * sizeof(float));
  free(want);
  free(want_codes);
  free(want_scale);
}

/* Blocks side by side in a matrix with a stride, each with statistics of its own; what lies between stays. */
static void blocks(int32_t tier) {
  enum { ROWS = 6, COLS = 51, STRIDE = 60 };
  float x[ROWS * STRIDE];
  float y[ROWS * STRIDE];
  float scale[6];
  float zero[6];
  check_fill(x, ROWS * STRIDE, -1, 1, 7);
  for (int i = 0; i < ROWS * STRIDE; i++) {
    y[i] = 77;
  }
  CHECK(lb_fake_quant_forward(tier, MINMAX, 4, INFINITY, 1, x, STRIDE, y, STRIDE, NULL, 0, scale, zero, 0, 6, 3, 17, 3) ==
            LB_OK,
        "status");
  for (int g = 0; g < 6; g++) {
    float low = INFINITY;
    float high = -INFINITY;
    for (int r = 0; r < 3; r++) {
      for (int c = 0; c < 17; c++) {
        float v = x[(g / 3 * 3 + r) * STRIDE + g % 3 * 17 + c];
        low = fminf(low, v);
        high = fmaxf(high, v);
      }
    }
    CHECK(zero[g] == low, "group %d: zero %g, expected %g", g, zero[g], low);
    CHECK(scale[g] == (high - low + 1e-8f) / 15, "group %d: scale %g", g, scale[g]);
  }
  for (int r = 0; r < ROWS; r++) {
    for (int c = 0; c < STRIDE; c++) {
      int g = r / 3 * 3 + c / 17;
      int inside = c < COLS;
      CHECK(inside ? fabsf(y[r * STRIDE + c] - x[r * STRIDE + c]) <= 0.51f * scale[g] : y[r * STRIDE + c] == 77,
            "element (%d, %d) is %g", r, c, y[r * STRIDE + c]);
    }
  }
}

static void special(int32_t tier) {
  enum { N = 37 };
  float x[3][N];
  float y[3][N];
  int8_t codes[3][N];
  float scale[3];
  for (int scheme = 0; scheme < SCHEMES; scheme++) {
    for (int i = 0; i < N; i++) {
      x[0][i] = (float)(i % 5) - 2;
      x[1][i] = i % 2 ? 0.0f : -0.0f;
      x[2][i] = (float)(i % 7) - 3;
    }
    x[0][N - 2] = NAN;
    x[2][3] = INFINITY;
    CHECK(lb_fake_quant_forward(tier, scheme, 4, 2.5f, 0.5f, x[0], N, y[0], N, codes[0], N, scale, NULL, 0, 3, 1, N, 1) ==
              LB_OK,
          "status");
    CHECK(isnan(scale[0]), "scheme %d: scale %g of a group with NaN", scheme, scale[0]);
    CHECK(scale[1] == (scheme == LSQ ? 0.5f : 0), "scheme %d: scale %g of zeros", scheme, scale[1]);
    for (int i = 0; i < N; i++) {
      CHECK(isnan(y[0][i]) && codes[0][i] == 0, "scheme %d: %g, %d in a group with NaN", scheme, y[0][i], codes[0][i]);
      CHECK(y[1][i] == 0 && !signbit(y[1][i]), "scheme %d: zeros give %g", scheme, y[1][i]);
      CHECK(isfinite(y[2][i]), "scheme %d: a clipped infinity gives %g", scheme, y[2][i]);
    }
  }
  CHECK(lb_fake_quant_forward(tier, 6, 4, 1, 1, x[0], N, y[0], N, NULL, 0, NULL, NULL, 0, 1, 1, N, 1) == LB_BAD_OPTION,
        "scheme 6");
  CHECK(lb_fake_quant_forward(tier, 0, 9, 1, 1, x[0], N, y[0], N, NULL, 0, NULL, NULL, 0, 1, 1, N, 1) == LB_BAD_OPTION,
        "9 bits");
  CHECK(lb_fake_quant_forward(tier, 0, 4, 1, 1, x[0], N, y[0], N, NULL, 0, NULL, NULL, 1, 0, 1, N, 1) == LB_BAD_SIZE,
        "a range backwards");
  CHECK(lb_fake_quant_backward(tier, 1, x[0], N, NULL, y[0], N, y[0], N, 0, 1, 1, 0, 1) == LB_BAD_SIZE, "no columns");
  CHECK(lb_fake_quant_pieces(1, 0) == 0 && lb_fake_quant_pieces(3, 5) == 1, "pieces");
  CHECK(lb_fake_quant_pieces(1, 98304) == 4 && lb_fake_quant_pieces(128, 768) == 4, "pieces for each thread");
}

/* The pieces of the largest group that backward is given. */
#define MOST_PIECES 4

static void backward(int32_t tier, int64_t cols, int right) {
  Guarded guards[3];
  size_t bytes = (size_t)cols * sizeof(float);
  float *x = guarded(&guards[0], bytes, right);
  float *gy = guarded(&guards[1], bytes, right);
  float *gx = guarded(&guards[2], bytes, right);
  float scale = 0.7f;
  int64_t units = lb_fake_quant_pieces(1, cols);
  CHECK(units <= MOST_PIECES, "%ld pieces", (long)units);
  check_fill(x, cols, -2, 2, 3);
  check_fill(gy, cols, -1, 1, 4);
  x[cols / 2] = NAN;
  for (int with_scale = 0; with_scale < 2; with_scale++) {
    CHECK(lb_fake_quant_backward(tier, 1.5f, x, cols, with_scale ? &scale : NULL, gy, cols, gx, cols, 0, units, 1, cols, 1) ==
              LB_OK,
          "status");
    for (int64_t i = 0; i < cols; i++) {
      CHECK(gx[i] == (fabsf(x[i]) < (with_scale ? 0.7f : 1.5f) ? gy[i] : 0), "tier %d, %ld columns, element %ld: %g", tier,
            (long)cols, (long)i, gx[i]);
    }
  }
  CHECK(lb_fake_quant_backward(tier, 1, NULL, 0, NULL, gy, cols, gx, cols, 0, units, 1, cols, 1) == LB_OK, "status");
  CHECK(memcmp(gx, gy, bytes) == 0, "the gradient does not pass everywhere");
  x[cols / 2] = 9;
  for (int plain = 0; plain < 2; plain++) {
    double sum = 0;
    double partials[MOST_PIECES] = {0};
    memcpy(gx, gy, bytes);
    CHECK(lb_fake_quant_backward_step(tier, 3, plain, 0.25f, x, cols, gx, cols, gx, cols, partials, 0, units, 1, cols, 1) ==
              LB_OK,
          "status");
    for (int64_t i = 0; i < cols; i++) {
      float v = x[i] / 0.25f;
      int inside = v >= -4 && v <= 3;
      sum += (double)gy[i] * (inside ? rintf(v) - v : v < 0 ? -4 : 3);
      CHECK(gx[i] == (inside || plain ? gy[i] : 0), "tier %d, %ld columns, element %ld: %g", tier, (long)cols, (long)i,
            gx[i]);
    }
    double got = 0;
    for (int u = 0; u < MOST_PIECES; u++) {
      got += partials[u];
    }
    CHECK(fabs(sum - got) <= 1e-12 * (double)cols, "sum %g, expected %g", got, sum);
  }
  guarded_free(&guards[0], x, bytes);
  guarded_free(&guards[1], gy, bytes);
  guarded_free(&guards[2], gx, bytes);
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    int32_t tier = check_tier(t);
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      for (int right = 0; right < 2; right++) {
        for (int scheme = 0; scheme < SCHEMES; scheme++) {
          forward(tier, scheme, 3, CHECK_SIZES[s], 0, right, 0, 1.5f);
          forward(tier, scheme, 3, CHECK_SIZES[s], 1, right, 1, INFINITY);
        }
        backward(tier, CHECK_SIZES[s], right);
      }
    }
    for (int scheme = 0; scheme < SCHEMES; scheme++) {
      forward(tier, scheme, 2, 40001, 1, 1, 0, 1.5f);
      forward(tier, scheme, 300, 257, 1, 1, 1, 1.5f);
      forward(tier, scheme, 2, 70002, 0, 1, 0, 1.5f);
    }
    backward(tier, 40000, 1);
    blocks(tier);
    special(tier);
  }
  return check_done("fake_quant");
}
