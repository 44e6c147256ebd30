// SPDX-License-Identifier: Apache-2.0
#include "softmax_kl_call.h"

/* What the bits of a bfloat16 stand for; beyond the largest, the next power of 2. */
static double bf16_value(uint32_t bits) {
  uint32_t wide = bits << 16;
  float x;
  memcpy(&x, &wide, sizeof x);
  return isinf(x) ? copysign(0x1p128, x) : x;
}

/* The bits of the nearest bfloat16, by distances. */
static uint16_t nearest(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  uint32_t down = bits >> 16;
  if (!isfinite(x)) {
    return (uint16_t)(isnan(x) ? 0x7fc0 : down);
  }
  double below = fabs(x - bf16_value(down));
  double above = fabs(bf16_value(down + 1) - x);
  return (uint16_t)(below < above || (below == above && down % 2 == 0) ? down : down + 1);
}

static void same_number(double got, double want, int32_t tier, const Call *c, const char *what) {
  CHECK(got == want || (isnan(got) && isnan(want)), "tier %d, mode %d, %ld columns: %s %g, expected %g", tier, c->mode,
        (long)c->cols, what, got, want);
}

static void same_rounded(const uint16_t *got, const float *want, int32_t tier, const Call *c) {
  for (int64_t i = 0; i < ROWS * c->cols; i++) {
    uint16_t expected = nearest(want[i]);
    int nan = (expected & 0x7fff) > 0x7f80;
    CHECK(nan ? (got[i] & 0x7fff) > 0x7f80 : got[i] == expected, "tier %d, mode %d, %ld columns, gradient %ld: %x for %g",
          tier, c->mode, (long)c->cols, (long)i, got[i], want[i]);
  }
}

/* Rows of bf16 against the same in f32: the same losses, and the gradients rounded. A teacher of k columns if k is not 0. */
static void bf16(int32_t tier, int mode, int64_t cols, int64_t k, int right, int in_place, int options, double cap) {
  Guarded guards[5] = {{0}};
  int64_t n = ROWS * cols;
  size_t bytes = (size_t)n * sizeof(uint16_t);
  size_t scratch_bytes = (size_t)lb_softmax_kl_scratch(LB_TYPE_BF16, cols);
  float *f = malloc(4 * (size_t)n * sizeof(float));
  int64_t *ids = malloc((size_t)(ROWS * k + 1) * sizeof(int64_t));
  float *p = malloc((size_t)(ROWS * k + 1) * sizeof(float));
  uint8_t *mask = malloc((size_t)cols);
  float weight[ROWS] = {0.5f, 1.5f, 0};
  int64_t labels[ROWS] = {cols - 1, IGNORED, cols / 2};
  Call wide = {.mode = mode, .t = 3, .tt = 3, .w = 0.5, .factor = 0.25, .cap = cap, .cols = cols, .z = f, .gz = f + 2 * n};
  void *scratch = guarded(&guards[0], scratch_bytes, 1);
  uint16_t *z = guarded(&guards[1], bytes, right);
  uint16_t *u = guarded(&guards[2], bytes, right);
  uint16_t *gz = in_place ? z : guarded(&guards[3], bytes, right);
  uint16_t *gu = in_place ? u : guarded(&guards[4], bytes, right);
  check_fill(f, 2 * n, -8, 8, (uint64_t)cols);
  if (options) {
    for (int64_t i = 0; i < cols; i++) {
      mask[i] = i % 5 != 3 || i == cols - 1 || i == cols / 2;
    }
    wide.tt = 2;
    wide.hard = 0.5;
    wide.smoothing = 0.1;
    wide.weight = weight;
    wide.mask = mask;
    wide.labels = labels;
  } else {
    /* Rows for the copies with a floor, and for the kernel in double. */
    f[cols] = f[n + cols] = -INFINITY;
    f[n - 1] = cols % 2 ? NAN : INFINITY;
  }
  for (int64_t i = 0; i < 2 * n; i++) {
    uint16_t b = nearest(f[i]);
    uint32_t bits = (uint32_t)b << 16;
    memcpy(f + i, &bits, sizeof bits);
    *(i < n ? z + i : u + i - n) = b;
  }
  for (int64_t j = 0; j < ROWS * k; j++) {
    ids[j] = (j % k * (cols / k) + j / k) % cols;
    p[j] = (float)((0.2 + check_random(3, (uint64_t)j)) / (1.3 * (double)k));
  }
  wide.teacher = LB_TOP_K_TAIL;
  wide.ids = ids;
  wide.p = p;
  wide.k = k;
  wide.u = k ? NULL : f + n;
  wide.gu = k || options || mode > JS ? NULL : f + 3 * n;
  Call narrow = wide;
  narrow.type = LB_TYPE_BF16;
  narrow.z = (float *)(void *)z;
  narrow.u = k ? NULL : (float *)(void *)u;
  narrow.gz = (float *)(void *)gz;
  narrow.gu = wide.gu ? (float *)(void *)gu : NULL;
  CHECK(run(tier, &wide, scratch, 0, ROWS) == LB_OK, "status");
  /* What the rows of before left in scratch is of no account. */
  memset(scratch, 0xff, scratch_bytes);
  narrow.stream = !in_place;
  CHECK(run(tier, &narrow, scratch, 0, 1) == LB_OK, "status");
  CHECK(run(tier, &narrow, scratch, 1, ROWS) == LB_OK, "status");
  for (int r = 0; r < ROWS; r++) {
    same_number(narrow.losses[r], wide.losses[r], tier, &wide, "loss");
    same_number(narrow.row_loss[r], wide.row_loss[r], tier, &wide, "row loss");
  }
  same_rounded(gz, wide.gz, tier, &wide);
  if (wide.gu) {
    same_rounded(gu, wide.gu, tier, &wide);
  }
  guarded_free(&guards[0], scratch, scratch_bytes);
  guarded_free(&guards[1], z, bytes);
  guarded_free(&guards[2], u, bytes);
  if (!in_place) {
    guarded_free(&guards[3], gz, bytes);
    guarded_free(&guards[4], gu, bytes);
  }
  free(f);
  free(ids);
  free(p);
  free(mask);
}

/* Gradients of bf16 past the caches, at any alignment; and a type that there is not. */
static void bf16_streamed(int32_t tier) {
  enum { COLS = 2501, SHIFTS = 33 };
  uint16_t *memory = aligned_alloc(64, sizeof(uint16_t) * 64 * 128);
  uint16_t *z = malloc(sizeof(uint16_t) * ROWS * COLS);
  uint16_t *want = malloc(sizeof(uint16_t) * ROWS * COLS);
  void *scratch = aligned_alloc(64, (size_t)(lb_softmax_kl_scratch(LB_TYPE_BF16, COLS) + 63) / 64 * 64);
  for (int i = 0; i < ROWS * COLS; i++) {
    z[i] = nearest((float)(8 * check_random(4, (uint64_t)i)));
  }
  Call c = {.type = LB_TYPE_BF16, .mode = FORWARD, .t = 2, .tt = 3, .factor = 1, .cols = COLS};
  c.z = c.u = (float *)(void *)z;
  c.gz = (float *)(void *)want;
  CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
  for (int shift = 0; shift < SHIFTS; shift++) {
    uint16_t *g = memory + shift;
    memset(memory, 0xA5, sizeof(uint16_t) * 64 * 128);
    c.stream = 1;
    c.gz = (float *)(void *)g;
    CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
    CHECK(memcmp(g, want, sizeof(uint16_t) * ROWS * COLS) == 0, "tier %d: other bits at shift %d", tier, shift);
    CHECK((shift == 0 || g[-1] == 0xA5A5) && g[ROWS * COLS] == 0xA5A5, "tier %d: beside the rows at %d", tier, shift);
  }
  c.type = 2;
  CHECK(run(tier, &c, scratch, 0, ROWS) == LB_BAD_OPTION, "another type");
  free(memory);
  free(z);
  free(want);
  free(scratch);
}

static void all_bf16(int32_t tier) {
  for (int mode = 0; mode < MODES; mode++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      bf16(tier, mode, CHECK_SIZES[s], 0, s % 2, (s + mode) % 2, 0, 0);
      bf16(tier, mode, CHECK_SIZES[s], 0, 1 - s % 2, (s + mode) % 2, 1, mode % 2 ? 3 : 0);
    }
    bf16(tier, mode, 5000, 0, 1, mode % 2, 0, 0);
    bf16(tier, mode, 5000, 0, 0, 1 - mode % 2, 1, 0);
  }
  for (int64_t cols = 7; cols < 5000; cols = 3 * cols + 1) {
    bf16(tier, FORWARD, cols, 5, 1, 0, 0, 0);
    bf16(tier, JS, cols, 5, 0, 1, 1, 0);
  }
  /* A soft cap that is left to doubles, on a row that is not read: what scratch holds is no number. */
  bf16(tier, FORWARD, 33, 0, 1, 0, 1, 1e7);
  bf16_streamed(tier);
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    all_bf16(check_tier(t));
  }
  return check_done("softmax_kl in bf16");
}
