// SPDX-License-Identifier: Apache-2.0
#include "check.h"

enum { VOCAB = 5, COUNT = 7 };

static const int64_t IDS[COUNT] = {3, 0, 3, 4, 1, 3, 1};

static void rows(int32_t tier, int64_t cols, int right) {
  Guarded guards[3];
  size_t bytes[3] = {(size_t)(VOCAB * cols) * 4, (size_t)(COUNT * cols) * 4, COUNT * 8};
  float *table = guarded(&guards[0], bytes[0], right);
  float *y = guarded(&guards[1], bytes[1], right);
  int64_t *ids = guarded(&guards[2], bytes[2], right);
  float *want = malloc(bytes[0]);
  const float scale = 1.7f;
  memcpy(ids, IDS, sizeof IDS);
  check_fill(table, VOCAB * cols, -1, 1, (uint64_t)cols);
  CHECK(lb_embedding_forward(tier, table, cols, ids, y, cols, 0, 2, cols, scale) == LB_OK, "status");
  CHECK(lb_embedding_forward(tier, table, cols, ids, y, cols, 2, COUNT, cols, scale) == LB_OK, "status");
  for (int64_t i = 0; i < COUNT * cols; i++) {
    float expected = scale * table[ids[i / cols] * cols + i % cols];
    CHECK(y[i] == expected, "tier %d, %ld columns, element %ld: %g, expected %g", tier, (long)cols, (long)i, y[i], expected);
  }
  memcpy(want, table, bytes[0]);
  for (int64_t i = 0; i < COUNT * cols; i++) {
    if (ids[i / cols] != 1) {
      float term = scale * y[i];
      want[ids[i / cols] * cols + i % cols] += term;
    }
  }
  /* Two ranges of columns, with no vector between them. */
  CHECK(lb_embedding_backward(tier, ids, COUNT, y, cols, table, cols, 0, cols / 3, scale, 1) == LB_OK, "status");
  CHECK(lb_embedding_backward(tier, ids, COUNT, y, cols, table, cols, cols / 3, cols, scale, 1) == LB_OK, "status");
  CHECK(memcmp(table, want, bytes[0]) == 0, "tier %d, %ld columns: the gradient differs", tier, (long)cols);
  guarded_free(&guards[0], table, bytes[0]);
  guarded_free(&guards[1], y, bytes[1]);
  guarded_free(&guards[2], ids, bytes[2]);
  free(want);
}

int main(void) {
  float x[4] = {0};
  for (int t = 0; t < check_tiers(); t++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      rows(check_tier(t), CHECK_SIZES[s], 0);
      rows(check_tier(t), CHECK_SIZES[s], 1);
    }
    CHECK(lb_embedding_forward(check_tier(t), x, 1, IDS, x + 2, 1, 1, 0, 1, 1) == LB_BAD_SIZE,
          "an empty range is accepted backwards");
    CHECK(lb_embedding_backward(check_tier(t), IDS, -1, x, 1, x + 2, 1, 0, 1, 1, -1) == LB_BAD_SIZE,
          "a negative count is accepted");
  }
  return check_done("embedding");
}
