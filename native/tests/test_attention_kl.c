// SPDX-License-Identifier: Apache-2.0
#include "check.h"

enum { BATCH = 2, HEADS = 2 };

typedef struct {
  int64_t queries;
  int64_t keys;
  int causal;
  double temperature;
  double clamp;
  const int32_t *lengths;
  const uint8_t *mask;
} Options;

static int is_real(const Options *o, int64_t r, int64_t j) {
  int64_t b = r / (HEADS * o->queries);
  int64_t i = r % o->queries;
  int64_t length = o->lengths == NULL ? o->keys : o->lengths[b];
  return (o->queries != o->keys || i < length) && j < length && (!o->causal || j <= i) &&
         (o->mask == NULL || o->mask[(b * o->queries + i) * o->keys + j] != 0);
}

static void map(const Options *o, const float *x, int64_t r, double *p) {
  double max = -INFINITY;
  double sum = 0;
  for (int64_t j = 0; j < o->keys; j++) {
    max = is_real(o, r, j) ? fmax(max, x[j]) : max;
  }
  for (int64_t j = 0; j < o->keys; j++) {
    p[j] = is_real(o, r, j) ? exp((x[j] - max) / o->temperature) : 0;
    sum += p[j];
  }
  for (int64_t j = 0; j < o->keys; j++) {
    p[j] = sum > 0 ? p[j] / sum : 0;
  }
}

static int32_t call(int32_t tier, const Options *o, const float *s, const float *t, float *g, double *losses, float *scratch,
                    int64_t from, int64_t to) {
  return lb_attention_kl(tier, s, o->keys, t, o->keys, o->lengths, o->mask, o->keys, g, o->keys, losses, scratch, from, to,
                         HEADS, o->queries, o->keys, o->causal, o->temperature, o->clamp, 0.5);
}

static void rows(int32_t tier, const Options *o, int right) {
  const int64_t count = BATCH * HEADS * o->queries;
  const int64_t n = count * o->keys;
  size_t bytes[5] = {(size_t)n * 4, (size_t)n * 4, (size_t)n * 4, (size_t)count * 8, (size_t)(o->keys + 15) / 16 * 16 * 16};
  Guarded guards[5];
  void *data[5];
  for (int k = 0; k < 5; k++) {
    data[k] = guarded(&guards[k], bytes[k], right);
  }
  float *s = data[0];
  float *t = data[1];
  float *g = data[2];
  double *losses = data[3];
  check_fill(s, n, -4, 4, (uint64_t)o->keys);
  check_fill(t, n, -4, 4, (uint64_t)o->keys + 1);
  for (int64_t i = 0; i < n; i++) {
    if (!is_real(o, i / o->keys, i % o->keys)) {
      s[i] = NAN;
      t[i] = NAN;
    }
  }
  /* Two ranges: a split must do. */
  CHECK(call(tier, o, s, t, g, losses, data[4], 0, 1) == LB_OK, "status");
  CHECK(call(tier, o, s, t, g, losses, data[4], 1, count) == LB_OK, "status");
  double *p = malloc((size_t)o->keys * sizeof(double));
  double *q = malloc((size_t)o->keys * sizeof(double));
  for (int64_t r = 0; r < count; r++) {
    int64_t b = r / (HEADS * o->queries);
    double real = (double)(o->lengths != NULL && o->queries == o->keys ? o->lengths[b] : o->queries);
    map(o, s + r * o->keys, r, p);
    map(o, t + r * o->keys, r, q);
    double loss = 0;
    double mass = 0;
    for (int64_t j = 0; j < o->keys; j++) {
      if (is_real(o, r, j)) {
        double high = fmax(q[j], o->clamp);
        loss += high * log(high / fmax(p[j], o->clamp));
        mass += p[j] > o->clamp ? high : 0;
      }
    }
    CHECK(fabs(losses[r] - loss) <= 60 * 0x1p-24 * (fabs(loss) + 0.1), "tier %d, %ld keys, row %ld: loss %.9g, expected %.9g",
          tier, (long)o->keys, (long)r, losses[r], loss);
    for (int64_t j = 0; j < o->keys; j++) {
      double want = 0;
      if (is_real(o, r, j)) {
        double pull = o->clamp == 0 ? q[j] : p[j] > o->clamp ? fmax(q[j], o->clamp) : 0;
        want = 0.5 * (p[j] * (o->clamp == 0 ? 1 : mass) - pull) / (o->temperature * real);
      }
      double bound = 60 * 0x1p-24 * (p[j] + q[j] + o->clamp);
      CHECK(fabs(g[r * o->keys + j] - want) <= bound, "tier %d, %ld keys, (%ld, %ld): %.9g, expected %.9g", tier, (long)o->keys,
            (long)r, (long)j, g[r * o->keys + j], want);
    }
  }
  /* Over the student: the same bits. */
  CHECK(call(tier, o, s, t, s, NULL, data[4], 0, count) == LB_OK, "status");
  CHECK(memcmp(s, g, bytes[2]) == 0, "tier %d, %ld keys: the gradient over the student differs", tier, (long)o->keys);
  for (int k = 0; k < 5; k++) {
    guarded_free(&guards[k], data[k], bytes[k]);
  }
  free(p);
  free(q);
}

static void all_masks(int32_t tier, int64_t keys, int right) {
  static uint8_t mask[BATCH * 3 * 1000];
  for (int64_t i = 0; i < BATCH * 3 * keys; i++) {
    mask[i] = check_random(9, (uint64_t)i) < 0.6;
  }
  const int32_t lengths[BATCH] = {(int32_t)keys, (int32_t)(keys / 2)};
  Options o = {.queries = 3, .keys = keys, .temperature = 1};
  rows(tier, &o, right);
  o.clamp = 1e-8;
  rows(tier, &o, right);
  o.lengths = lengths;
  o.temperature = 2;
  rows(tier, &o, right);
  o.mask = mask;
  rows(tier, &o, right);
  o.clamp = 0;
  rows(tier, &o, right);
  if (keys <= 33) {
    o.queries = keys;
    o.causal = 1;
    for (int64_t i = 0; i < BATCH * keys * keys; i++) {
      mask[i] = check_random(10, (uint64_t)i) < 0.6;
    }
    rows(tier, &o, right);
    o.mask = NULL;
    rows(tier, &o, right);
  }
}

static void special(int32_t tier) {
  enum { KEYS = 20, COUNT = 7 };
  static float s[COUNT][KEYS];
  static float t[COUNT][KEYS];
  static float g[COUNT][KEYS];
  static float scratch[4 * 32];
  double losses[COUNT];
  for (int r = 0; r < COUNT; r++) {
    for (int c = 0; c < KEYS; c++) {
      s[r][c] = r == 3 ? -INFINITY : (float)c / 4;
      t[r][c] = (float)c / 4;
    }
  }
  s[1][18] = NAN;
  t[2][3] = INFINITY;
  t[4][0] = -INFINITY;
  s[5][19] = -INFINITY;
  t[6][5] = s[6][5] + 1e-4f;
  CHECK(lb_attention_kl(tier, s[0], KEYS, t[0], KEYS, NULL, NULL, 0, g[0], KEYS, losses, scratch, 0, COUNT, 1, COUNT, KEYS, 0,
                        1, 0, 1) == LB_OK,
        "status");
  for (int c = 0; c < KEYS; c++) {
    CHECK(g[0][c] == 0, "equal scores give %g", g[0][c]);
    CHECK(isnan(g[1][c]) && isnan(g[2][c]) && isnan(g[3][c]), "a row without softmax gives %g", g[1][c]);
    CHECK(isfinite(g[4][c]) && isfinite(g[5][c]), "a row with a probability of 0 gives %g", g[4][c]);
  }
  CHECK(losses[0] == 0, "the loss of equal scores is %g", losses[0]);
  CHECK(isnan(losses[1]) && isnan(losses[2]) && isnan(losses[3]), "the loss without softmax is %g", losses[1]);
  CHECK(losses[4] > 0 && losses[4] < 1, "the loss with a teacher's 0 is %g", losses[4]);
  CHECK(losses[5] == INFINITY, "the loss with a student's 0 is %g", losses[5]);
  /* A shift of one score by d: the loss is d^2 q (1 - q) / 2. */
  double sum = 0;
  for (int c = 0; c < KEYS; c++) {
    sum += exp(c / 4.0);
  }
  double q = exp(5 / 4.0) / sum;
  double d = t[6][5] - s[6][5];
  double want = d * d * q * (1 - q) / 2;
  CHECK(fabs(losses[6] / want - 1) < 1e-4, "the loss of close maps is %g, expected %g", losses[6], want);
  CHECK(lb_attention_kl(tier, s[0], KEYS, t[0], KEYS, NULL, NULL, 0, g[0], KEYS, losses, scratch, 1, 0, 1, COUNT, KEYS, 0, 1, 0,
                        1) == LB_BAD_SIZE,
        "an empty range is accepted backwards");
  CHECK(lb_attention_kl(tier, s[0], KEYS, t[0], KEYS, NULL, NULL, 0, g[0], KEYS, losses, scratch, 0, 1, 0, COUNT, KEYS, 0, 1, 0,
                        1) == LB_BAD_SIZE,
        "no heads are accepted");
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
      all_masks(check_tier(t), CHECK_SIZES[s], 0);
      all_masks(check_tier(t), CHECK_SIZES[s], 1);
    }
    special(check_tier(t));
  }
  return check_done("attention_kl");
}
