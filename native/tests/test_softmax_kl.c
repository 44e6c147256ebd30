// SPDX-License-Identifier: Apache-2.0
#include "softmax_kl_call.h"

static double logit(const Call *c, float x) { return c->cap == 0 ? x : c->cap * tanh(x / c->cap); }

static double slope(const Call *c, float x) { return c->cap == 0 ? 1 : 1 / pow(cosh(x / c->cap), 2); }

static void softmax(const Call *c, const float *x, double t, double *p) {
  double max = -INFINITY;
  double sum = 0;
  for (int64_t i = 0; i < c->cols; i++) {
    max = c->mask && !c->mask[i] ? max : fmax(max, logit(c, x[i]) / t);
  }
  for (int64_t i = 0; i < c->cols; i++) {
    p[i] = c->mask && !c->mask[i] ? 0 : exp(logit(c, x[i]) / t - max);
    sum += p[i];
  }
  for (int64_t i = 0; i < c->cols; i++) {
    p[i] /= sum;
  }
}

/* The definition of a divergence for one element, and its derivatives; natural logarithms. */
static double term(const Call *c, double p, double q, double *dp, double *dq) {
  double w = c->w;
  double m = w * p + (1 - w) * q;
  switch (c->mode) {
    case FORWARD:
      *dq = -p / q;
      *dp = log(p / q) + 1;
      return p * log(p / q);
    case REVERSE:
      *dq = log(q / p) + 1;
      *dp = -q / p;
      return q * log(q / p);
    case SYMMETRIC:
      *dq = (log(q / p) + 1 - p / q) / 2;
      *dp = (log(p / q) + 1 - q / p) / 2;
      return (p * log(p / q) + q * log(q / p)) / 2;
    case JS:
      *dq = (1 - w) * log(q / m);
      *dp = w * log(p / m);
      return w * p * log(p / m) + (1 - w) * q * log(q / m);
    case SKEW_FORWARD:
      *dq = -(1 - w) * p / m;
      return p * log(p / m);
    case SKEW_REVERSE:
      *dq = log(q / m) + 1 - (1 - w) * q / m;
      return q * log(q / m);
    case SOFT_CE:
      *dq = -p / q;
      return -p * log(q);
    default:
      *dq = q > p ? 0.5 : -0.5;
      return fabs(p - q) / 2;
  }
}

static void close_to(double got, double want, double bound, int32_t tier, const Call *c, const char *what, int64_t i) {
  CHECK(fabs(got - want) <= bound, "tier %d, mode %d, %ld columns, %s %ld: %g, expected %g within %g", tier, c->mode,
        (long)c->cols, what, (long)i, got, want, bound);
}

/* Compares a row with its definition; z and u are the logits before the call. */
static void compare(int32_t tier, const Call *c, const float *z, const float *u, int64_t r) {
  int64_t n = c->cols;
  double eps = 0x1p-24;
  double *p = calloc((size_t)n * 5, sizeof(double));
  double *q = p + n;
  double *one = q + n;
  double *dp = one + n;
  double *dq = dp + n;
  double weight = c->weight ? c->weight[r] : 1;
  int hard = c->labels && c->labels[r] != IGNORED;
  double kept = 0;
  double loss = 0;
  double size = 0;
  double mean_p = 0;
  double mean_q = 0;
  double entropy = 0;
  double slack = 0;
  softmax(c, u, c->tt, p);
  softmax(c, z, c->t, q);
  softmax(c, z, 1, one);
  for (int64_t i = 0; i < n; i++) {
    kept += !c->mask || c->mask[i];
  }
  for (int64_t i = 0; i < n; i++) {
    if (c->mask && !c->mask[i]) {
      continue;
    }
    double square = pow(logit(c, z[i]) - logit(c, u[i]), 2);
    loss += c->mode == SQUARES ? square : term(c, p[i], q[i], &dp[i], &dq[i]);
    size += c->mode == SQUARES ? square : (p[i] + q[i]) * (1 + fabs(log(q[i] / p[i])) + (c->mode == SOFT_CE ? 20 : 0));
    /* The sign of a difference that rounding may turn. */
    slack += c->mode == VARIATION && fabs(q[i] - p[i]) < 4e-6 * (p[i] + q[i]) ? q[i] : 0;
    mean_p += p[i] * dp[i];
    mean_q += q[i] * dq[i];
    double target = c->smoothing / kept + (hard && i == c->labels[r] ? 1 - c->smoothing : 0);
    entropy -= hard ? target * log(one[i]) : 0;
  }
  if (weight == 0) {
    loss = 0;
  }
  close_to(c->row_loss[r], SOFT * loss + c->hard * entropy, 32 * eps * (size + 20), tier, c, "row loss", r);
  close_to(c->losses[r], SOFT * SCALE * weight * loss + c->hard * entropy, 32 * eps * SCALE * (size + 20), tier, c, "loss",
           r);
  double by = SOFT * SCALE * weight * c->factor;
  for (int64_t i = 0; i < n; i++) {
    int keeps = !c->mask || c->mask[i];
    double square = 2 * (logit(c, z[i]) - logit(c, u[i]));
    double dz = c->mode == SQUARES ? square : q[i] * (dq[i] - mean_q) / c->t;
    double du = p[i] * (dp[i] - mean_p) / c->tt;
    double target = c->smoothing / kept + (hard && i == c->labels[r] ? 1 - c->smoothing : 0);
    double bound = keeps ? 160 * (p[i] + q[i]) * (1 + fabs(log(q[i] / p[i]))) + 32 * one[i] : 0;
    bound = 1e-37 + eps * (c->mode == SQUARES ? fabs(square) * 8 + 8 : bound + 1e-3) * SCALE * (1 + weight) * c->factor;
    dz = keeps ? by * dz + (hard ? c->hard * c->factor * (one[i] - target) : 0) : 0;
    bound += 4 * eps * fabs(dz) + by * slack / c->t;
    close_to(c->gz[r * n + i], dz * slope(c, z[i]), bound, tier, c, "gradient", i);
    if (c->gu) {
      close_to(c->gu[r * n + i], keeps ? by * du * slope(c, u[i]) : 0, bound, tier, c, "teacher's gradient", i);
    }
  }
  free(p);
}

static void rows(int32_t tier, int mode, int64_t cols, int right, int in_place, int options, int apart, double cap) {
  Guarded guards[6] = {{0}};
  int64_t n = ROWS * cols;
  size_t bytes = (size_t)n * sizeof(float);
  size_t scratch_bytes = (size_t)lb_softmax_kl_scratch(LB_TYPE_F32, cols);
  Call c = {.mode = mode, .t = 3, .tt = 3, .w = 0.5, .factor = 0.25, .cap = cap, .cols = cols};
  float weight[ROWS] = {0.5f, 1.5f, 0};
  int64_t labels[ROWS] = {cols - 1, IGNORED, cols / 2};
  void *scratch = guarded(&guards[0], scratch_bytes, 1);
  c.z = guarded(&guards[1], bytes, right);
  c.u = guarded(&guards[2], bytes, right);
  uint8_t *mask = guarded(&guards[3], (size_t)cols, right);
  c.gz = in_place ? c.z : guarded(&guards[4], bytes, right);
  c.gu = in_place ? c.u : guarded(&guards[5], bytes, right);
  float *gu = c.gu;
  float *z = malloc(bytes);
  float *u = malloc(bytes);
  check_fill(c.z, n, -8, 8, (uint64_t)cols);
  /* In one row logits close to each other; `apart` with one at the end that is far above those before. */
  for (int64_t i = 0; i < n; i++) {
    float noise = (float)check_random(9, (uint64_t)i);
    float far = i % cols == cols - 1 ? 150 : 50 + 16 * noise;
    c.u[i] = i < cols ? c.z[i] + 0.01f * noise : apart ? far : 16 * noise - 8;
  }
  for (int64_t i = 0; i < cols; i++) {
    mask[i] = i % 5 != 3 || i == cols - 1 || i == cols / 2;
  }
  if (options) {
    c.tt = 2;
    c.w = 0.25;
    c.hard = 0.5;
    c.smoothing = 0.1;
    c.weight = weight;
    c.mask = mask;
    c.labels = labels;
  }
  if (options || mode > JS) {
    c.gu = NULL;
  }
  memcpy(z, c.z, bytes);
  memcpy(u, c.u, bytes);
  CHECK(run(tier, &c, scratch, 0, 1) == LB_OK, "status");
  CHECK(run(tier, &c, scratch, 1, ROWS) == LB_OK, "status");
  for (int64_t r = 0; r < ROWS; r++) {
    compare(tier, &c, z + r * cols, u + r * cols, r);
  }
  guarded_free(&guards[0], scratch, scratch_bytes);
  guarded_free(&guards[1], c.z, bytes);
  guarded_free(&guards[2], c.u, bytes);
  guarded_free(&guards[3], mask, (size_t)cols);
  if (!in_place) {
    guarded_free(&guards[4], c.gz, bytes);
    guarded_free(&guards[5], gu, bytes);
  }
  free(z);
  free(u);
}

/*
 * A row of a top-k teacher against its definition: a divergence of classes, which are the columns of K, and for the rest
 * none, one for each column, or one for all.
 */
static void compare_top_k(int32_t tier, const Call *c, const float *z, int64_t r) {
  int64_t n = c->cols;
  double eps = 0x1p-24;
  double *p = calloc((size_t)n * 5, sizeof(double));
  double *q = p + n;
  double *one = q + n;
  double *dq = one + n;
  double *in_k = dq + n;
  double unused;
  double weight = c->weight ? c->weight[r] : 1;
  int hard = c->labels && c->labels[r] != IGNORED;
  double mass = 0;
  double mass_q = 0;
  double rest_q = 0;
  double kept = 0;
  for (int64_t j = 0; j < c->k; j++) {
    int64_t id = c->ids[r * c->k + j];
    int keeps = !c->mask || c->mask[id];
    in_k[id] = keeps;
    p[id] = keeps ? c->p[r * c->k + j] : 0;
    mass += p[id];
  }
  softmax(c, z, c->t, q);
  softmax(c, z, 1, one);
  for (int64_t i = 0; i < n; i++) {
    kept += !c->mask || c->mask[i];
    mass_q += in_k[i] * q[i];
    rest_q += (1 - in_k[i]) * q[i];
  }
  int own = c->teacher == LB_TOP_K_BOTH_RENORM;
  int renormalised = own || c->teacher == LB_TOP_K_RENORM;
  int soft = weight != 0 && kept > 0 && !(renormalised && mass == 0);
  double loss = 0;
  double mean = 0;
  double size = 0;
  double entropy = 0;
  for (int64_t i = 0; i < n && soft; i++) {
    p[i] /= renormalised ? mass : 1;
    q[i] *= !own ? 1 : in_k[i] / mass_q;
    if (in_k[i] != 0 && (p[i] != 0 || c->mode != FORWARD)) {
      loss += term(c, p[i], q[i], &unused, &dq[i]);
      size += (p[i] + q[i]) * (1 + fabs(log(q[i] / p[i])));
      mean += q[i] * dq[i];
    }
  }
  double rest_dq = 0;
  if (soft && c->teacher == LB_TOP_K_TAIL && rest_q > 0) {
    loss += term(c, 1 - mass, rest_q, &unused, &rest_dq);
    size += (1 - mass + rest_q) * (1 + fabs(log(rest_q / (1 - mass))));
    mean += rest_q * rest_dq;
  }
  for (int64_t i = 0; i < n; i++) {
    double target = c->smoothing / kept + (hard && i == c->labels[r] ? 1 - c->smoothing : 0);
    entropy -= hard && (!c->mask || c->mask[i]) ? target * log(one[i]) : 0;
  }
  close_to(c->row_loss[r], SOFT * loss + c->hard * entropy, 32 * eps * (size + 20), tier, c, "row loss", r);
  close_to(c->losses[r], SOFT * SCALE * weight * loss + c->hard * entropy, 32 * eps * SCALE * (size + 20), tier, c, "loss",
           r);
  double by = SOFT * SCALE * weight * c->factor / c->t;
  for (int64_t i = 0; i < n; i++) {
    int keeps = !c->mask || c->mask[i];
    double dz = soft ? by * q[i] * ((in_k[i] != 0 ? dq[i] : rest_dq) - mean) : 0;
    double target = c->smoothing / kept + (hard && i == c->labels[r] ? 1 - c->smoothing : 0);
    double bound = (160 * q[i] * (1 + fabs(dq[i]) + fabs(rest_dq) + fabs(mean)) + 32 * one[i] + 1e-3) * SCALE * c->factor;
    dz = keeps ? dz + (hard ? c->hard * c->factor * (one[i] - target) : 0) : 0;
    close_to(c->gz[r * n + i], dz * slope(c, z[i]), 1e-37 + 4 * eps * (fabs(dz) + bound), tier, c, "gradient", i);
  }
  free(p);
}

static void top_k(int32_t tier, int32_t teacher, int mode, int64_t cols, int64_t k, int options) {
  Guarded guards[6] = {{0}};
  size_t bytes = (size_t)(ROWS * cols) * sizeof(float);
  size_t scratch_bytes = (size_t)lb_softmax_kl_scratch(LB_TYPE_F32, cols);
  size_t id_bytes = (size_t)(ROWS * k) * sizeof(int64_t);
  size_t p_bytes = (size_t)(ROWS * k) * sizeof(float);
  float weight[ROWS] = {0.5f, 1.5f, 0};
  int64_t labels[ROWS] = {cols - 1, IGNORED, cols / 2};
  void *scratch = guarded(&guards[0], scratch_bytes, 1);
  float *z = guarded(&guards[1], bytes, 1);
  int64_t *ids = guarded(&guards[2], id_bytes, 1);
  float *p = guarded(&guards[3], p_bytes, 1);
  uint8_t *mask = guarded(&guards[4], (size_t)cols, 1);
  float *gz = options ? z : guarded(&guards[5], bytes, 1);
  float *before = malloc(bytes);
  Call c = {.mode = mode, .t = 2, .tt = 1, .w = 0.5, .factor = 0.25, .cols = cols, .z = z, .gz = gz};
  check_fill(z, ROWS * cols, -8, 8, (uint64_t)cols);
  memcpy(before, z, bytes);
  for (int64_t j = 0; j < ROWS * k; j++) {
    /* Different columns, not in order; probabilities that add up to 1 if K is every column, else to less; one of them 0. */
    ids[j] = (j % k * (cols / k) + j / k) % cols;
    p[j] = mode == FORWARD && j % k == 1 ? 0 : (float)((0.2 + check_random(3, (uint64_t)j)) / (1.3 * (double)k));
  }
  for (int64_t r = 0; r < ROWS && k == cols; r++) {
    double sum = 0;
    for (int64_t j = 0; j < k; j++) {
      sum += p[r * k + j];
    }
    for (int64_t j = 0; j < k; j++) {
      p[r * k + j] = (float)(p[r * k + j] / sum);
    }
  }
  for (int64_t i = 0; i < cols; i++) {
    mask[i] = i % 5 != 3 || i == cols - 1 || i == cols / 2;
  }
  c.teacher = teacher;
  c.ids = ids;
  c.p = p;
  c.k = k;
  if (options) {
    c.w = 0.25;
    c.t = options == 1 ? 1 : 2;
    c.cap = 6;
    c.hard = 0.5;
    c.smoothing = 0.1;
    c.weight = weight;
    c.mask = mask;
    c.labels = labels;
  }
  CHECK(run(tier, &c, scratch, 0, 1) == LB_OK, "status");
  CHECK(run(tier, &c, scratch, 1, ROWS) == LB_OK, "status");
  for (int64_t r = 0; r < ROWS; r++) {
    compare_top_k(tier, &c, before + r * cols, r);
  }
  guarded_free(&guards[0], scratch, scratch_bytes);
  guarded_free(&guards[1], z, bytes);
  guarded_free(&guards[2], ids, id_bytes);
  guarded_free(&guards[3], p, p_bytes);
  guarded_free(&guards[4], mask, (size_t)cols);
  if (!options) {
    guarded_free(&guards[5], gz, bytes);
  }
  free(before);
}

/* What the student gives the columns off K is too little for float, or is not a number. */
static void top_k_special(int32_t tier) {
  enum { COLS = 40 };
  float z[COLS];
  float gz[COLS];
  int64_t ids[2] = {7, 30};
  float p[2] = {0.5f, 0.25f};
  void *scratch = aligned_alloc(64, (size_t)(lb_softmax_kl_scratch(LB_TYPE_F32, COLS) + 63) / 64 * 64);
  Call c = {.mode = FORWARD, .t = 1, .w = 0.5, .factor = 1, .cols = COLS, .z = z, .gz = gz, .ids = ids, .p = p, .k = 2};
  for (c.teacher = LB_TOP_K_RAW; c.teacher <= LB_TOP_K_BOTH_RENORM; c.teacher++) {
    check_fill(z, COLS, -4, 4, 5);
    z[7] = z[30] = 200;
    CHECK(run(tier, &c, scratch, 0, 1) == LB_OK, "status");
    compare_top_k(tier, &c, z, 0);
    z[7] = NAN;
    CHECK(run(tier, &c, scratch, 0, 1) == LB_OK && isnan(c.losses[0]), "teacher %d: NaN gives %g", c.teacher, c.losses[0]);
    c.mode = SKEW_REVERSE;
    CHECK(run(tier, &c, scratch, 0, 1) == LB_BAD_OPTION, "a mode that top-k teachers do not have");
    c.mode = FORWARD;
  }
  CHECK(run(tier, &c, scratch, 0, 1) == LB_BAD_OPTION, "another teacher");
  c.teacher = LB_TOP_K_TAIL;
  c.k = COLS + 1;
  CHECK(run(tier, &c, scratch, 0, 1) == LB_BAD_SIZE, "more columns than there are");
  free(scratch);
}

/* Past the caches, at any alignment: the same bits. */
static void streamed(int32_t tier) {
  enum { COLS = 5003, ROOM = 32 };
  float *memory = aligned_alloc(64, sizeof(float) * 64 * 320);
  float *u = malloc(sizeof(float) * ROWS * COLS);
  float *z = malloc(sizeof(float) * ROWS * COLS);
  float *want = malloc(sizeof(float) * ROWS * COLS);
  void *scratch = aligned_alloc(64, (size_t)(lb_softmax_kl_scratch(LB_TYPE_F32, COLS) + 63) / 64 * 64);
  check_fill(z, ROWS * COLS, -8, 8, 1);
  check_fill(u, ROWS * COLS, -8, 8, 2);
  for (int shift = 0; shift <= ROOM; shift++) {
    Call c = {.mode = FORWARD, .t = 2, .tt = shift % 3 == 2 ? 3 : 2, .factor = 1, .cols = COLS, .z = z, .u = u, .gz = want};
    CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
    c.stream = 1;
    c.gz = memory + shift;
    check_mark(memory, 64 * 320);
    CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
    CHECK(memcmp(c.gz, want, sizeof(float) * ROWS * COLS) == 0, "tier %d: other bits at shift %d", tier, shift);
    check_marks(memory, 1, 0, shift);
    check_marks(c.gz + ROWS * COLS, 1, 0, 64);
  }
  free(memory);
  free(u);
  free(z);
  free(want);
  free(scratch);
}

/* Equal rows give exactly 0; rows that hardly differ give the first term of the series. */
static void small(int32_t tier) {
  enum { COLS = 3001 };
  static float z[ROWS * COLS];
  static float u[ROWS * COLS];
  static float gz[ROWS * COLS];
  void *scratch = aligned_alloc(64, (size_t)(lb_softmax_kl_scratch(LB_TYPE_F32, COLS) + 63) / 64 * 64);
  for (int mode = 0; mode < MODES; mode++) {
    Call c = {.mode = mode, .t = 1, .tt = 1, .w = 0.5, .factor = 1, .cols = COLS, .z = z, .u = u, .gz = gz};
    check_fill(z, ROWS * COLS, -4, 4, 5);
    memcpy(u, z, sizeof z);
    for (int i = 0; i < COLS; i++) {
      u[COLS + i] += i % 2 ? 0x1p-12f : -0x1p-12f;
    }
    CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
    for (int i = 0; i < COLS; i++) {
      CHECK(gz[i] == 0, "tier %d, mode %d: gradient %g between equal rows", tier, mode, gz[i]);
    }
    if (mode == SOFT_CE) {
      continue;
    }
    CHECK(c.row_loss[0] == 0, "tier %d, mode %d: %g between equal rows", tier, mode, c.row_loss[0]);
    double p[COLS];
    double q[COLS];
    softmax(&c, z + COLS, 1, q);
    softmax(&c, u + COLS, 1, p);
    double want = 0;
    for (int i = 0; i < COLS; i++) {
      double x = log(q[i] / p[i]);
      want += mode == VARIATION ? fabs(q[i] - p[i]) / 2 : p[i] * x * x / 2;
    }
    /* With a weight of 1/2, a mixture is half as far from each row, a quarter in the square. */
    want *= mode == JS || mode == SKEW_FORWARD || mode == SKEW_REVERSE ? 0.25 : mode == SQUARES ? 0 : 1;
    if (mode != SQUARES) {
      CHECK(fabs(c.row_loss[1] / SOFT - want) <= 2e-3 * want, "tier %d, mode %d: %g, expected %g", tier, mode,
            c.row_loss[1] / SOFT, want);
    }
  }
  free(scratch);
}

static void special(int32_t tier) {
  enum { COLS = 37 };
  float z[ROWS * COLS];
  float u[ROWS * COLS];
  float gz[ROWS * COLS];
  uint8_t none[COLS] = {0};
  void *scratch = aligned_alloc(64, (size_t)(lb_softmax_kl_scratch(LB_TYPE_F32, COLS) + 63) / 64 * 64);
  for (int mode = 0; mode < MODES; mode++) {
    Call c = {.mode = mode, .t = 2, .tt = 2, .w = 0.5, .factor = 1, .cols = COLS, .z = z, .u = u, .gz = gz};
    check_fill(z, ROWS * COLS, -4, 4, 5);
    check_fill(u, ROWS * COLS, -4, 4, 6);
    z[3] = NAN;
    z[COLS + 5] = u[COLS + 5] = -INFINITY;
    u[2 * COLS + 7] = INFINITY;
    CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
    CHECK(!isfinite(c.losses[0]) && !isfinite(c.losses[2]), "mode %d: NaN and infinity give %g and %g", mode, c.losses[0],
          c.losses[2]);
    CHECK(isnan(gz[3]), "mode %d: the gradient of NaN is %g", mode, gz[3]);
    if (mode != SQUARES) {
      CHECK(isfinite(c.losses[1]) && gz[COLS + 5] == 0, "mode %d: -infinity gives %g and %g", mode, c.losses[1],
            gz[COLS + 5]);
      double sum = 0;
      for (int i = 0; i < COLS; i++) {
        sum += gz[COLS + i];
      }
      CHECK(fabs(sum) < 1e-5, "mode %d: the gradients add up to %g", mode, sum);
    }
    c.mask = none;
    CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
    for (int i = 0; i < ROWS * COLS; i++) {
      CHECK(gz[i] == 0 && c.losses[i / COLS] == 0, "mode %d: %g where all is removed", mode, gz[i]);
    }
    c.mask = NULL;
    c.factor = 0;
    check_fill(z, ROWS * COLS, -4, 4, 5);
    CHECK(run(tier, &c, scratch, 0, ROWS) == LB_OK, "status");
    for (int i = 0; i < COLS; i++) {
      CHECK(gz[i] == 0, "mode %d: gradient %g with factor 0", mode, gz[i]);
    }
  }
  /* The logits of one row only: what the other has no probability for. */
  Call c = {.mode = FORWARD, .t = 1, .tt = 1, .factor = 1, .cols = COLS, .z = z, .u = u, .gz = gz};
  check_fill(z, ROWS * COLS, -4, 4, 5);
  check_fill(u, ROWS * COLS, -4, 4, 6);
  u[3] = -INFINITY;
  CHECK(run(tier, &c, scratch, 0, 1) == LB_OK, "status");
  double q[COLS];
  softmax(&c, z, 1, q);
  CHECK(isfinite(c.losses[0]), "%g", c.losses[0]);
  CHECK(fabs(gz[3] - SOFT * SCALE * q[3]) < 1e-6, "%g, expected %g", gz[3], SOFT * SCALE * q[3]);
  c.mode = REVERSE;
  CHECK(run(tier, &c, scratch, 0, 1) == LB_OK && c.losses[0] == INFINITY, "%g, expected infinity", c.losses[0]);
  c.mode = MODES;
  CHECK(run(tier, &c, scratch, 0, 1) == LB_BAD_OPTION, "another mode");
  c.mode = FORWARD;
  c.cap = -1;
  CHECK(run(tier, &c, scratch, 0, 1) == LB_BAD_OPTION, "a soft cap below 0");
  c.cap = 0;
  c.mode = SOFT_CE;
  c.gu = gz;
  CHECK(run(tier, &c, scratch, 0, 1) == LB_BAD_OPTION, "a gradient for the teacher");
  CHECK(run(tier, &c, scratch, 1, 0) == LB_BAD_SIZE, "a range backwards");
  free(scratch);
}

static void all_top_k(int32_t tier, int32_t teacher, int mode) {
  for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
    for (int options = 0; options < 3; options++) {
      int64_t cols = CHECK_SIZES[s];
      if (cols > 1) {
        top_k(tier, teacher, mode, cols, cols < 6 ? 1 : 5, options);
      }
      /* Where the mask removes columns and there is no rest, the teacher has no distribution. */
      if (teacher != LB_TOP_K_TAIL || options == 0) {
        top_k(tier, teacher, mode, cols, cols, options);
      }
    }
  }
  top_k(tier, teacher, mode, 5000, 64, 0);
  top_k(tier, teacher, mode, 5000, 64, 2);
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    int32_t tier = check_tier(t);
    for (int mode = 0; mode < MODES; mode++) {
      for (int s = 0; s < CHECK_SIZE_COUNT; s++) {
        for (int right = 0; right < 2; right++) {
          rows(tier, mode, CHECK_SIZES[s], right, right, 0, 0, 0);
          rows(tier, mode, CHECK_SIZES[s], right, 1 - right, 1, s % 2, 0);
          rows(tier, mode, CHECK_SIZES[s], right, right, 1 - right, 0, 3);
        }
      }
      rows(tier, mode, 2 * 2048 + 5, 1, 0, 0, 1, 0);
      rows(tier, mode, 5000, 1, 1, 1, 0, 0);
      rows(tier, mode, 5000, 1, 1, 0, 0, 20);
    }
    for (int32_t teacher = LB_TOP_K_RAW; teacher <= LB_TOP_K_BOTH_RENORM; teacher++) {
      all_top_k(tier, teacher, FORWARD);
    }
    all_top_k(tier, LB_TOP_K_TAIL, REVERSE);
    all_top_k(tier, LB_TOP_K_TAIL, JS);
    top_k_special(tier);
    streamed(tier);
    small(tier);
    special(tier);
  }
  return check_done("softmax_kl");
}
