// SPDX-License-Identifier: Apache-2.0
#include "check.h"

/* The generator by itself: one word. */
static uint32_t philox(uint64_t seed, uint64_t stream, uint64_t block, int word) {
  uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
  uint32_t k0 = (uint32_t)seed;
  uint32_t k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
    c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
    c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[1] = (uint32_t)p1;
    c[3] = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c[word];
}

static const uint64_t SEED = 0x0123456789ABCDEFu;
static const uint64_t STREAM = 0xFEDCBA9876543210u;

static void rows(int32_t tier, int64_t cols, int right, int64_t first) {
  const int64_t count = 5;
  const int64_t n = count * cols;
  const uint32_t threshold = 0x80000000u + 12345;
  const float scale = 2.5f;
  Guarded guards[3];
  size_t bytes = (size_t)n * sizeof(float);
  float *x = guarded(&guards[0], bytes, right);
  float *b = guarded(&guards[1], bytes, right);
  float *y = guarded(&guards[2], bytes, right);
  check_fill(x, n, -1, 1, (uint64_t)cols);
  check_fill(b, n, -1, 1, (uint64_t)cols + 1);
  x[n - 1] = NAN;
  /* Rows from `first` on, in two ranges: pointers to where row 0 would be. */
  const float *x0 = x - first * cols;
  const float *b0 = b - first * cols;
  float *y0 = y - first * cols;
  for (int residual = 1; residual >= 0; residual--) {
    int64_t cut = first + 2;
    const float *base = residual ? b0 : NULL;
    CHECK(lb_dropout(tier, x0, cols, base, cols, y0, cols, first, cut, cols, (int64_t)SEED, (int64_t)STREAM, threshold, scale) ==
              LB_OK,
          "status");
    CHECK(lb_dropout(tier, x0, cols, base, cols, y0, cols, cut, first + count, cols, (int64_t)SEED, (int64_t)STREAM, threshold,
                     scale) == LB_OK,
          "status");
    for (int64_t i = 0; i < n; i++) {
      uint64_t number = (uint64_t)(first * cols + i);
      int kept = philox(SEED, STREAM, number / 4, (int)(number % 4)) >= threshold;
      float product = scale * x[i];
      float want = kept ? (residual ? product + b[i] : product) : residual ? b[i] : 0;
      CHECK(isnan(want) ? isnan(y[i]) : y[i] == want, "tier %d, %ld columns, element %ld: %g, expected %g", tier, (long)cols,
            (long)i, y[i], want);
    }
  }
  /* In place: the same. */
  float last = y[n - 1];
  CHECK(lb_dropout(tier, x0, cols, NULL, 0, (float *)x0, cols, first, first + count, cols, (int64_t)SEED, (int64_t)STREAM,
                   threshold, scale) == LB_OK,
        "status");
  CHECK(memcmp(x, y, bytes - 4) == 0 && (isnan(last) ? isnan(x[n - 1]) : x[n - 1] == last), "y over x differs");
  guarded_free(&guards[0], x, bytes);
  guarded_free(&guards[1], b, bytes);
  guarded_free(&guards[2], y, bytes);
}

static void limits(int32_t tier) {
  float x[100];
  float y[100];
  for (int i = 0; i < 100; i++) {
    x[i] = (float)i + 1;
  }
  CHECK(lb_dropout(tier, x, 100, NULL, 0, y, 100, 0, 1, 100, 1, 2, 0, 1) == LB_OK, "status");
  CHECK(memcmp(x, y, sizeof x) == 0, "a threshold of 0 drops something");
  CHECK(lb_dropout(tier, x, 100, NULL, 0, y, 100, 0, 1, 100, 1, 2, UINT32_MAX, 1) == LB_OK, "status");
  for (int i = 0; i < 100; i++) {
    CHECK(y[i] == 0, "the highest threshold keeps element %d", i);
  }
  CHECK(lb_dropout(tier, x, 100, NULL, 0, y, 100, 1, 0, 100, 1, 2, 0, 1) == LB_BAD_SIZE, "an empty range is accepted backwards");
  CHECK(lb_dropout(tier, x, 100, NULL, 0, y, 100, 0, 1, -1, 1, 2, 0, 1) == LB_BAD_SIZE, "negative columns are accepted");
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      rows(check_tier(t), CHECK_SIZES[s], 0, 0);
      rows(check_tier(t), CHECK_SIZES[s], 1, 3);
    }
    /* Where the lower half of the block number wraps. */
    rows(check_tier(t), 257, 1, ((int64_t)1 << 34) / 257 - 2);
    rows(check_tier(t), 64, 0, ((int64_t)1 << 34) / 64 - 2);
    limits(check_tier(t));
  }
  return check_done("dropout");
}
