// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#define STRIDE_PAD 3

static int64_t blocks(int64_t k) { return (k + 255) / 256; }

static int weight(uint64_t seed, int64_t j, int64_t p) {
  return (int)(3 * check_random(seed, (uint64_t)(j * 1000003 + p))) - 1;
}

/* Packs weights as the layout is defined, one at a time. */
static void pack(uint8_t *w, int64_t cols, int64_t k, uint64_t seed) {
  for (int64_t j = 0; j < cols; j++) {
    uint8_t *row = w + j * blocks(k) * 64;
    memset(row, 0x55, (size_t)(blocks(k) * 64));
    for (int64_t p = 0; p < k; p++) {
      int shift = (int)(2 * (p % 256 / 64));
      uint8_t *byte = row + p / 256 * 64 + p % 64;
      *byte = (uint8_t)((*byte & ~(3 << shift)) | (weight(seed, j, p) + 1) << shift);
    }
  }
}

typedef struct {
  Guarded x, w, q, y, acc, scale, bias;
} Guards;

static void product(int32_t tier, int64_t rows, int64_t cols, int64_t k, int right, int each) {
  Guards g;
  int64_t stride = cols + STRIDE_PAD;
  int64_t qrow = 64 + 256 * blocks(k);
  size_t x_bytes = (size_t)(rows * k) * sizeof(float);
  size_t w_bytes = (size_t)(cols * blocks(k) * 64);
  size_t y_bytes = (size_t)(rows * stride) * 4;
  size_t n_bytes = (size_t)cols * sizeof(float);
  float *x = guarded(&g.x, x_bytes, right);
  uint8_t *w = guarded(&g.w, w_bytes, right);
  char *q = guarded(&g.q, (size_t)(rows * qrow), right);
  float *y = guarded(&g.y, y_bytes, right);
  int32_t *acc = guarded(&g.acc, y_bytes, right);
  float *scale = guarded(&g.scale, each ? n_bytes : sizeof(float), right);
  float *bias = guarded(&g.bias, n_bytes, right);
  check_fill(x, rows * k, -3, 3, 1);
  check_fill(scale, each ? cols : 1, -1, 1, 2);
  check_fill(bias, cols, -5, 5, 3);
  pack(w, cols, k, 4);
  const float *added = each ? bias : NULL;

  check_mark(y, rows * stride);
  CHECK(lb_gemm_ternary_f32(tier, x, k, w, scale, each, added, y, stride, 0, rows, 0, cols, k) == LB_OK, "status");
  check_marks(y, rows, cols, stride);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < cols; j++) {
      double sum = 0;
      double size = 0;
      for (int64_t p = 0; p < k; p++) {
        sum += (double)x[i * k + p] * weight(4, j, p);
        size += fabs((double)x[i * k + p] * weight(4, j, p));
      }
      double s = scale[each * j];
      double b = each ? bias[j] : 0;
      double bound = (double)(k + 8) * 0x1p-24 * (size * fabs(s) + fabs(b)) + 1e-37;
      CHECK(fabs(y[i * stride + j] - (sum * s + b)) <= bound, "tier %d, %ld x %ld x %ld at (%ld, %ld): %g, expected %g", tier,
            (long)rows, (long)cols, (long)k, (long)i, (long)j, y[i * stride + j], sum * s + b);
    }
  }
  float *whole = malloc(y_bytes);
  memcpy(whole, y, y_bytes);
  /* Other ranges: other tiles, the same bits. */
  int64_t row = rows / 2;
  int64_t col = cols / 3;
  check_mark(y, rows * stride);
  lb_gemm_ternary_f32(tier, x, k, w, scale, each, added, y, stride, 0, row, 0, cols, k);
  lb_gemm_ternary_f32(tier, x, k, w, scale, each, added, y, stride, row, rows, 0, col, k);
  lb_gemm_ternary_f32(tier, x, k, w, scale, each, added, y, stride, row, rows, col, cols, k);
  CHECK(memcmp(whole, y, y_bytes) == 0, "tier %d: ranges change bits", tier);

  CHECK(lb_gemm_ternary_quantize(tier, x, 0, k, q, 0, row, k) == LB_OK, "status");
  CHECK(lb_gemm_ternary_quantize(tier, x, 0, k, q, row, rows, k) == LB_OK, "status");
  check_mark(y, rows * stride);
  check_mark(acc, rows * stride);
  int32_t status = lb_gemm_ternary_i8(tier, q, w, scale, each, added, y, 0, stride, acc, 0, stride, 0, rows, 0, cols, k);
  CHECK(status == LB_OK, "status");
  check_marks(y, rows, cols, stride);
  check_marks(acc, rows, cols, stride);
  for (int64_t i = 0; i < rows; i++) {
    float top = 0;
    for (int64_t p = 0; p < k; p++) {
      top = fmaxf(top, fabsf(x[i * k + p]));
    }
    for (int64_t j = 0; j < cols; j++) {
      int64_t sum = 0;
      for (int64_t p = 0; p < k; p++) {
        int code = top > 0 ? (int)rintf(x[i * k + p] * (127 / top)) : 0;
        sum += (int64_t)code * weight(4, j, p);
      }
      CHECK(acc[i * stride + j] == sum, "tier %d, %ld x %ld x %ld at (%ld, %ld): sum %d, expected %ld", tier, (long)rows,
            (long)cols, (long)k, (long)i, (long)j, acc[i * stride + j], (long)sum);
      double want = (double)sum * (top / 127) * scale[each * j];
      double b = each ? bias[j] : 0;
      CHECK(fabs(y[i * stride + j] - (want + b)) <= 8 * 0x1p-24 * (fabs(want) + fabs(b)), "%g, expected %g",
            y[i * stride + j], want + b);
    }
  }
  memcpy(whole, y, y_bytes);
  check_mark(y, rows * stride);
  lb_gemm_ternary_i8(tier, q, w, scale, each, added, y, 0, stride, NULL, 0, 0, 0, row, 0, cols, k);
  lb_gemm_ternary_i8(tier, q, w, scale, each, added, y, 0, stride, NULL, 0, 0, row, rows, 0, col, k);
  lb_gemm_ternary_i8(tier, q, w, scale, each, added, y, 0, stride, NULL, 0, 0, row, rows, col, cols, k);
  CHECK(memcmp(whole, y, y_bytes) == 0, "tier %d: ranges change bits", tier);
  free(whole);
  guarded_free(&g.x, x, x_bytes);
  guarded_free(&g.w, w, w_bytes);
  guarded_free(&g.q, q, (size_t)(rows * qrow));
  guarded_free(&g.y, y, y_bytes);
  guarded_free(&g.acc, acc, y_bytes);
  guarded_free(&g.scale, scale, each ? n_bytes : sizeof(float));
  guarded_free(&g.bias, bias, n_bytes);
}

/* The longest sums, all codes and weights of one sign each. */
static void longest(int32_t tier) {
  int64_t k = 524288;
  float *x = malloc((size_t)(3 * k) * sizeof(float));
  uint8_t *w = malloc((size_t)(3 * k / 4));
  char *q = aligned_alloc(64, (size_t)(3 * (k + 64)));
  for (int64_t p = 0; p < k; p++) {
    x[p] = 2;
    x[k + p] = -2;
    x[2 * k + p] = p % 2 == 0 ? 2 : -2;
  }
  memset(w, 0xaa, (size_t)k / 4);
  memset(w + k / 4, 0x00, (size_t)k / 4);
  memset(w + k / 2, 0x55, (size_t)k / 4);
  float one = 1;
  float y[9];
  int32_t acc[9];
  int32_t all = (int32_t)k * 127;
  int32_t want[9] = {all, -all, 0, -all, all, 0, 0, 0, 0};
  lb_gemm_ternary_quantize(tier, x, 0, k, q, 0, 3, k);
  for (int alone = 0; alone < 2; alone++) {
    memset(acc, 1, sizeof acc);
    for (int64_t i = 0; i < 3; i += alone ? 1 : 3) {
      lb_gemm_ternary_i8(tier, q, w, &one, 0, NULL, y, 0, 3, acc, 0, 3, i, alone ? i + 1 : 3, 0, 3, k);
    }
    for (int i = 0; i < 9; i++) {
      CHECK(acc[i] == want[i], "tier %d: long sum %d: %d, expected %d", tier, i, acc[i], want[i]);
    }
  }
  free(x);
  free(w);
  free(q);
}

static void special(int32_t tier) {
  float x[5][20];
  uint8_t w[64];
  _Alignas(64) char q[5 * 320];
  float one = 1;
  float y[5];
  int32_t acc[5];
  memset(w, 0xaa, sizeof w);
  for (int p = 0; p < 20; p++) {
    x[0][p] = p == 7 ? NAN : 1;
    x[1][p] = p == 19 ? -INFINITY : 1;
    x[2][p] = p % 2 == 0 ? 0.0f : -0.0f;
    x[3][p] = 1e-38f;
    x[4][p] = 3e38f;
  }
  CHECK(lb_gemm_ternary_quantize(tier, x[0], 0, 20, q, 0, 5, 20) == LB_OK, "status");
  CHECK(lb_gemm_ternary_i8(tier, q, w, &one, 0, NULL, y, 0, 1, acc, 0, 1, 0, 5, 0, 1, 20) == LB_OK, "status");
  for (int i = 0; i < 4; i++) {
    CHECK(acc[i] == 0, "row %d has the sum %d", i, acc[i]);
  }
  CHECK(isnan(y[0]) && isnan(y[1]) && y[2] == 0 && y[3] == 0, "%g %g %g %g", y[0], y[1], y[2], y[3]);
  CHECK(acc[4] == 20 * 127, "large numbers have the sum %d", acc[4]);
  CHECK(lb_gemm_ternary_f32(tier, x[0], 20, w, &one, 0, NULL, y, 1, 0, 4, 0, 1, 20) == LB_OK, "status");
  CHECK(isnan(y[0]) && !isfinite(y[1]) && y[2] == 0 && y[3] > 0, "%g %g %g %g", y[0], y[1], y[2], y[3]);
  CHECK(lb_gemm_ternary_f32(tier, x[0], 20, w, &one, 0, NULL, y, 1, 1, 0, 0, 1, 20) == LB_BAD_SIZE, "rows backwards");
  CHECK(lb_gemm_ternary_f32(tier, x[0], 20, w, &one, 0, NULL, y, 1, 0, 1, -1, 1, 20) == LB_BAD_SIZE, "column -1");
  CHECK(lb_gemm_ternary_i8(tier, q, w, &one, 0, NULL, y, 0, 1, acc, 0, 1, 0, 1, 0, 1, 524289) == LB_BAD_SIZE, "k of 524289");
  CHECK(lb_gemm_ternary_quantize(tier, x[0], 0, 20, q, 0, 1, -1) == LB_BAD_SIZE, "k of -1");
}

int main(void) {
  static const int64_t LENGTHS[] = {0, 1, 63, 64, 65, 128, 193, 255, 256, 257, 600, 1024, 4500};
  static const int64_t SHAPES[][2] = {{1, 1}, {1, 9}, {2, 3}, {3, 8}, {4, 17}, {5, 67}, {6, 33}, {8, 7},
                                      {9, 35}, {10, 3}, {11, 16}, {12, 65}, {13, 5}};
  for (int t = 0; t < check_tiers(); t++) {
    for (size_t l = 0; l < sizeof LENGTHS / sizeof LENGTHS[0]; l++) {
      for (size_t s = 0; s < sizeof SHAPES / sizeof SHAPES[0]; s++) {
        for (int right = 0; right < 2; right++) {
          product(check_tier(t), SHAPES[s][0], SHAPES[s][1], LENGTHS[l], right, (int)(s + l) % 2);
        }
      }
    }
    longest(check_tier(t));
    special(check_tier(t));
  }
  /* The tier between, without the instructions of its features. */
  if ((lb_best_tier() & LB_TIER_MASK) == LB_TIER_AVX512) {
    product(LB_TIER_AVX512, 8, 17, 600, 1, 1);
    product(LB_TIER_AVX512, 1, 17, 4500, 1, 1);
    longest(LB_TIER_AVX512);
  }
  return check_done("gemm_ternary");
}
