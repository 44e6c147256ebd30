// SPDX-License-Identifier: Apache-2.0
#include "check.h"

typedef struct {
  int64_t m, n, k;
  int32_t options;
  float alpha, beta;
} Shape;

static double act(const Shape *s, double v) {
  if (s->options & LB_GEMM_BIAS_GELU) {
    return v * 0.5 * erfc(-v / sqrt(2));
  }
  return s->options & LB_GEMM_BIAS_RELU ? fmax(0, v) : v;
}

/* Multiplies guarded matrices, C in up to four blocks, and compares with sums in double. */
static void product(int32_t tier, Shape s, int right, int64_t row_split, int64_t col_split) {
  int trans_a = (s.options & LB_GEMM_TRANS_A) != 0;
  int trans_b = (s.options & LB_GEMM_TRANS_B) != 0;
  Guarded guards[5];
  size_t bytes_a = (size_t)(s.m * s.k) * sizeof(float);
  size_t bytes_b = (size_t)(s.k * s.n) * sizeof(float);
  size_t bytes_c = (size_t)(s.m * s.n) * sizeof(float);
  size_t bytes_bias = (size_t)s.n * sizeof(float);
  size_t bytes_scratch = (size_t)lb_gemm_f32_scratch(tier, s.k);
  float *a = guarded(&guards[0], bytes_a, right);
  float *b = guarded(&guards[1], bytes_b, right);
  float *c = guarded(&guards[2], bytes_c, right);
  float *bias = guarded(&guards[3], bytes_bias, right);
  /* 64-byte aligned at either end, as its size is a multiple of that. */
  size_t rounded = (bytes_scratch + 63) / 64 * 64;
  float *scratch = guarded(&guards[4], rounded, right);
  float *before = malloc(bytes_c);
  check_fill(a, s.m * s.k, -1, 1, 1);
  check_fill(b, s.k * s.n, -1, 1, 2);
  check_fill(c, s.m * s.n, -1, 1, 3);
  check_fill(bias, s.n, -1, 1, 4);
  memcpy(before, c, bytes_c);
  int64_t lda = trans_a ? s.m : s.k;
  int64_t ldb = trans_b ? s.k : s.n;
  for (int block = 0; block < 4; block++) {
    int64_t i0 = block & 1 ? row_split : 0;
    int64_t i1 = block & 1 ? s.m : row_split;
    int64_t j0 = block & 2 ? col_split : 0;
    int64_t j1 = block & 2 ? s.n : col_split;
    int32_t status = lb_gemm_f32(tier, s.options, s.m, s.n, s.k, s.alpha, a, 0, lda, b, 0, ldb, s.beta, c, 0, s.n,
                                 s.options >= LB_GEMM_BIAS ? bias : NULL, i0, i1, j0, j1, scratch);
    CHECK(status == LB_OK, "status %d", status);
  }
  for (int64_t i = 0; i < s.m; i++) {
    for (int64_t j = 0; j < s.n; j++) {
      double sum = 0;
      double size = 0;
      for (int64_t p = 0; p < s.k; p++) {
        double t = (double)(trans_a ? a[p * lda + i] : a[i * lda + p]) * (trans_b ? b[j * ldb + p] : b[p * ldb + j]);
        sum += t;
        size += fabs(t);
      }
      double old = s.beta == 0 ? 0 : s.beta * (double)before[i * s.n + j];
      double added = s.options >= LB_GEMM_BIAS ? bias[j] : 0;
      double want = act(&s, s.alpha * sum + old + added);
      size = size * fabs(s.alpha) + fabs(old) + fabs(added);
      double bound = 0x1p-24 * (9.04 * sqrt((double)(s.k > 0 ? s.k : 1)) * size + 18 * fabs(want) + 2 * size) + 1e-37;
      CHECK(fabs(c[i * s.n + j] - want) <= bound, "tier %x, %ld x %ld x %ld, options %d, element (%ld, %ld): %g, expected %g",
            (unsigned)tier, (long)s.m, (long)s.n, (long)s.k, s.options, (long)i, (long)j, c[i * s.n + j], want);
    }
  }
  guarded_free(&guards[0], a, bytes_a);
  guarded_free(&guards[1], b, bytes_b);
  guarded_free(&guards[2], c, bytes_c);
  guarded_free(&guards[3], bias, bytes_bias);
  guarded_free(&guards[4], scratch, rounded);
  free(before);
}

/* Every kind of product, around the sizes of tiles, strips and blocks. */
static void shapes(int32_t tier) {
  static const int64_t SHAPES[][3] = {
      {1, 1, 1},    {1, 40, 17},  {4, 33, 70},  {5, 33, 70},   {8, 50, 19},  {9, 50, 19},     {40, 1, 33},   {40, 4, 31},
      {40, 5, 31},  {33, 8, 50},  {13, 31, 3},  {12, 32, 256}, {13, 33, 257}, {25, 65, 300},  {24, 64, 0},   {3, 1100, 9},
      {1100, 3, 9}, {7, 1030, 6}, {193, 18, 40}, {11, 390, 21}, {2, 2, 515},  {14, 100, 2},
      {64, 75, 530}, {100, 40, 30}, {47, 200, 20}, {3, 20, 2100},  {20, 33, 1100}, {50, 11, 40},   {1040, 10, 530},
      {61, 70, 1024}, {27, 70, 1022}};
  static const int32_t EPILOGUES[] = {0, LB_GEMM_BIAS, LB_GEMM_BIAS_GELU, LB_GEMM_BIAS_RELU};
  for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
    for (int trans = 0; trans < 4; trans++) {
      for (int e = 0; e < 4; e++) {
        Shape s = {SHAPES[i][0], SHAPES[i][1], SHAPES[i][2], trans | EPILOGUES[e], e == 0 ? 1.0f : -0.5f, e == 1 ? 2.0f : 0.0f};
        product(tier, s, e & 1, s.m, s.n);
        product(tier, s, trans & 1, s.m / 2, s.n / 3);
      }
    }
  }
}

/* Neither a split nor the distance of the rows of A may change a bit, whatever kind of product the shape asks for. */
static void split(int32_t tier, int32_t options, int64_t m, int64_t n) {
  /* Rows so far apart share cache sets. */
  enum { LARGEST = 70, K = 1100, FAR = 2048 };
  static float a[LARGEST * K], all_a[5 + LARGEST * FAR], all_b[7 + K * LARGEST], one[LARGEST * LARGEST], all_many[3 + LARGEST * LARGEST];
  float *b = all_b + 7;
  float *many = all_many + 3;
  void *scratch = aligned_alloc(64, (size_t)(lb_gemm_f32_scratch(tier, K) + 63) / 64 * 64);
  int trans_a = (options & LB_GEMM_TRANS_A) != 0;
  int64_t lda = trans_a ? m : K;
  int64_t far = trans_a ? m : FAR;
  int64_t ldb = options & LB_GEMM_TRANS_B ? K : n;
  check_fill(a, m * K, -1, 1, 7);
  check_fill(b, K * n, -1, 1, 8);
  for (int64_t r = 0; r < (trans_a ? K : m); r++) {
    memcpy(all_a + 5 + r * far, a + r * lda, (size_t)lda * sizeof(float));
  }
  lb_gemm_f32(tier, options, m, n, K, 1, a, 0, lda, b, 0, ldb, 0, one, 0, n, NULL, 0, m, 0, n, scratch);
  for (int64_t i = 0; i < m; i += 17) {
    for (int64_t j = 0; j < n; j += 19) {
      int64_t i1 = i + 17 < m ? i + 17 : m;
      int64_t j1 = j + 19 < n ? j + 19 : n;
      lb_gemm_f32(tier, options, m, n, K, 1, all_a, 5, far, all_b, 7, ldb, 0, all_many, 3, n, NULL, i, i1, j, j1, scratch);
    }
  }
  CHECK(memcmp(one, many, (size_t)(m * n) * sizeof(float)) == 0,
        "%ld x %ld, options %d: blocks of 17 x 19 with other distances differ from the whole", (long)m, (long)n, options);
  free(scratch);
}

static void splits(int32_t tier) {
  static const int64_t SHAPES[][2] = {{61, 70}, {30, 70}, {18, 70}, {70, 10}, {2, 70}, {7, 70}, {70, 3}};
  for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
    for (int32_t trans = 0; trans < 4; trans++) {
      split(tier, trans, SHAPES[i][0], SHAPES[i][1]);
    }
  }
}

static void bad_sizes(int32_t tier) {
  float x[4] = {0};
  CHECK(lb_gemm_f32(tier, 0, 1, 1, -1, 1, x, 0, 1, x + 1, 0, 1, 0, x + 2, 0, 1, NULL, 0, 1, 0, 1, x + 3) == LB_BAD_SIZE, "k = -1");
  CHECK(lb_gemm_f32(tier, 0, 1, 1, 1, 1, x, 0, 1, x + 1, 0, 1, 0, x + 2, 0, 1, NULL, 0, 2, 0, 1, x + 3) == LB_BAD_SIZE,
        "a row too many");
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    shapes(check_tier(t));
    splits(check_tier(t));
    bad_sizes(check_tier(t));
  }
  return check_done("gemm_f32");
}
