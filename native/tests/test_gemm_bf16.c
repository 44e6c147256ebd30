// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#define STRIDE_PAD 3

static int64_t blocks(int64_t size, int64_t of) { return (size + of - 1) / of; }

static float widened(uint16_t x) {
  uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/* Numbers of [-2, 2), cut to bfloat16. */
static void fill(uint16_t *p, int64_t n, uint64_t seed) {
  for (int64_t i = 0; i < n; i++) {
    float f = (float)(4 * check_random(seed, (uint64_t)i) - 2);
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    p[i] = (uint16_t)(bits >> 16);
  }
}

typedef struct {
  int64_t m, n, k;
  int32_t options;
  float alpha, beta;
  const uint16_t *a, *b;
  char *pa, *pb;
} Case;

static double factor_a(const Case *x, int64_t i, int64_t p) {
  return widened(x->a[x->options & LB_GEMM_TRANS_A ? p * x->m + i : i * x->k + p]);
}

static double factor_b(const Case *x, int64_t p, int64_t j) {
  return widened(x->b[x->options & LB_GEMM_TRANS_B ? j * x->k + p : p * x->n + j]);
}

/* The product with the sums cut at `cut`; `split` cuts rows and columns too, where there are so many. */
static void multiply(int32_t tier, const Case *x, int64_t cut, int split, float *c, int64_t ldc, const float *bias) {
  int trans_a = (x->options & LB_GEMM_TRANS_A) != 0;
  int trans_b = (x->options & LB_GEMM_TRANS_B) != 0;
  int64_t lda = trans_a ? x->m : x->k;
  int64_t ldb = trans_b ? x->k : x->n;
  int64_t half_m = split && x->m > LB_GEMM_ROWS ? LB_GEMM_ROWS : 0;
  int64_t half_n = split && x->n > LB_GEMM_COLS ? LB_GEMM_COLS : 0;
  int64_t from = 0;
  do {
    int64_t to = from < cut ? cut : x->k;
    int64_t a = trans_a ? from * lda : from;
    int64_t b = trans_b ? from : from * ldb;
    CHECK(lb_gemm_bf16_pack_a(tier, x->options, x->a, a, lda, x->pa, 0, half_m, to - from) == LB_OK, "status");
    CHECK(lb_gemm_bf16_pack_a(tier, x->options, x->a, a, lda, x->pa, half_m, x->m, to - from) == LB_OK, "status");
    CHECK(lb_gemm_bf16_pack_b(tier, x->options, x->b, b, ldb, x->pb, 0, 0, half_n, to - from) == LB_OK, "status");
    CHECK(lb_gemm_bf16_pack_b(tier, x->options, x->b, b, ldb, x->pb, 0, half_n, x->n, to - from) == LB_OK, "status");
    for (int q = 0; q < 4; q++) {
      int64_t i = q & 1 ? half_m : 0;
      int64_t j = q & 2 ? half_n : 0;
      CHECK(lb_gemm_bf16(tier, x->options, x->alpha, x->pa, x->pb, 0, x->beta, c, 0, ldc, bias, 0, i, q & 1 ? x->m : half_m, j,
                         q & 2 ? x->n : half_n, from, to, x->k) == LB_OK,
            "status");
    }
    from = to;
  } while (from < x->k);
}

/* The product that reads the large operand in place, in two ranges; the scratch is pa. */
static void multiply_few(int32_t tier, const Case *x, int64_t cut, int split, float *c, int64_t ldc, const float *bias) {
  int64_t lda = x->options & LB_GEMM_TRANS_A ? x->m : x->k;
  int64_t ldb = x->options & LB_GEMM_TRANS_B ? x->k : x->n;
  int64_t length = x->m <= LB_GEMM_FEW ? x->n : x->m;
  (void)cut;
  for (int part = 0; part < 2; part++) {
    int64_t middle = split ? length / 3 : 0;
    CHECK(lb_gemm_bf16_few(tier, x->options, x->m, x->n, x->k, x->alpha, x->a, 0, lda, x->b, 0, ldb, x->beta, c, 0, ldc, bias,
                           part == 0 ? 0 : middle, part == 0 ? middle : length, x->pa) == LB_OK,
          "status");
  }
}

typedef void Multiply(int32_t tier, const Case *x, int64_t cut, int split, float *c, int64_t ldc, const float *bias);

static void product(int32_t tier, Multiply *how, int64_t m, int64_t n, int64_t k, int32_t options, float beta, int right) {
  Guarded g[6];
  int64_t ldc = n + STRIDE_PAD;
  int64_t words = blocks(k, lb_gemm_bf16_per_word(tier));
  size_t bytes[] = {(size_t)(m * k) * 2,
                    (size_t)(n * k) * 2,
                    (size_t)(m * ldc) * 4,
                    (size_t)n * 4,
                    (size_t)((how == multiply ? blocks(m, LB_GEMM_ROWS) * (64 + 4 * LB_GEMM_ROWS * words)
                                              : lb_gemm_few_scratch(tier, k)) +
                             63) / 64 * 64,
                    (size_t)(blocks(n, LB_GEMM_COLS) * 4 * LB_GEMM_COLS * words)};
  void *data[6];
  for (int i = 0; i < 6; i++) {
    data[i] = guarded(&g[i], bytes[i], right);
  }
  float *c = data[2];
  float *bias = data[3];
  Case x = {m, n, k, options, beta == 0 ? 1 : -0.5f, beta, data[0], data[1], data[4], data[5]};
  fill(data[0], m * k, 1);
  fill(data[1], n * k, 2);
  check_fill(bias, n, -1, 1, 3);
  int64_t cuts[] = {k, k, k / 3};
  float *first = malloc(bytes[2]);
  for (int t = 0; t < 3; t++) {
    check_mark(c, m * ldc);
    for (int64_t i = 0; i < m && beta != 0; i++) {
      check_fill(c + i * ldc, n, -1, 1, (uint64_t)(100 + i));
    }
    how(tier, &x, cuts[t], t, c, ldc, bias);
    check_marks(c, m, n, ldc);
    for (int64_t i = 0; i < m; i++) {
      for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        double size = 0;
        for (int64_t p = 0; p < k; p++) {
          sum += factor_a(&x, i, p) * factor_b(&x, p, j);
          size += fabs(factor_a(&x, i, p) * factor_b(&x, p, j));
        }
        float before = beta == 0 ? 0 : (float)(-1 + check_random((uint64_t)(100 + i), (uint64_t)j) * 2);
        double added = options >= LB_GEMM_BIAS ? bias[j] : 0;
        double want = x.alpha * sum + beta * before + added;
        double bound = (double)(k + 8) * 0x1p-24 * (fabs(x.alpha) * size + fabs(beta * before) + fabs(added)) + 1e-37;
        if (options & LB_GEMM_BIAS_RELU) {
          want = fmax(0, want);
        }
        if (options & LB_GEMM_BIAS_GELU) {
          want = want * (1 + erf(want / sqrt(2))) / 2;
          bound = 1.13 * bound + 18 * 0x1p-24 * fabs(want) + 1e-7;
        }
        CHECK(fabs(c[i * ldc + j] - want) <= bound, "tier %x, %ld x %ld x %ld, options %d, at (%ld, %ld): %g, expected %g",
              (unsigned)tier, (long)m, (long)n, (long)k, options, (long)i, (long)j, c[i * ldc + j], want);
      }
    }
    if (t == 0) {
      memcpy(first, c, bytes[2]);
    } else if (t == 1) {
      CHECK(memcmp(first, c, bytes[2]) == 0, "ranges change bits");
    }
  }
  free(first);
  for (int i = 0; i < 6; i++) {
    guarded_free(&g[i], data[i], bytes[i]);
  }
}

static void special(int32_t tier) {
  uint16_t a[2] = {0x7f80, 0x7fc0}; /* infinity, NaN */
  uint16_t one[1] = {0x3f80};
  _Alignas(64) char pa[128];
  _Alignas(64) char pb[128];
  float c[2] = {NAN, NAN};
  float bias = 1;
  Case x = {2, 1, 1, LB_GEMM_BIAS_RELU, 1, 0, a, one, pa, pb};
  multiply(tier, &x, 1, 0, c, 1, &bias);
  CHECK(c[0] == INFINITY && isnan(c[1]), "%g, %g", c[0], c[1]);
  x.pa = aligned_alloc(64, (size_t)(lb_gemm_few_scratch(tier, 1) + 63) / 64 * 64);
  for (int trans = 0; trans < 2; trans++) {
    c[0] = c[1] = NAN;
    x.options = LB_GEMM_BIAS_RELU + (trans ? LB_GEMM_TRANS_B : 0);
    multiply_few(tier, &x, 1, 0, c, 1, &bias);
    CHECK(c[0] == INFINITY && isnan(c[1]), "%g, %g", c[0], c[1]);
  }
  int64_t bad[][5] = {{2, 2, -1, 0, 2}, {-1, 2, 1, 0, 2}, {2, 2, 1, -1, 2}, {2, 2, 1, 2, 1}, {2, 2, 1, 0, 3},
                      {LB_GEMM_FEW + 1, 2, 1, 0, LB_GEMM_FEW + 2}, {LB_GEMM_FEW + 1, LB_GEMM_FEW + 1, 1, 0, 1}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t *q = bad[i];
    CHECK(lb_gemm_bf16_few(tier, 0, q[0], q[1], q[2], 1, a, 0, 1, a, 0, 2, 0, c, 0, 2, NULL, q[3], q[4], x.pa) == LB_BAD_SIZE,
          "sizes %d", (int)i);
  }
  free(x.pa);
  CHECK(lb_gemm_bf16_pack_a(tier, 0, a, 0, 1, pa, 3, 4, 1) == LB_BAD_SIZE, "a range that begins inside a block");
  CHECK(lb_gemm_bf16_pack_b(tier, 0, a, 0, 1, pb, 0, 0, 1, -1) == LB_BAD_SIZE, "depth -1");
  CHECK(lb_gemm_bf16(tier, 0, 1, pa, pb, 0, 0, c, 0, 1, NULL, 0, 0, 1, 0, 1, 0, 2, 1) == LB_BAD_SIZE, "more elements than k");
}

static void tier_tests(int32_t tier) {
  static const int64_t SHAPES[][2] = {{1, 1}, {2, 7}, {5, 8}, {6, 17}, {7, 33}, {12, 32}, {13, 65}, {27, 31}};
  static const int64_t LENGTHS[] = {0, 1, 2, 3, 7, 8, 9, 33, 70};
  static const int32_t EPILOGUES[] = {0, LB_GEMM_BIAS, LB_GEMM_BIAS_GELU, LB_GEMM_BIAS_RELU};
  for (size_t s = 0; s < sizeof SHAPES / sizeof SHAPES[0]; s++) {
    for (size_t l = 0; l < sizeof LENGTHS / sizeof LENGTHS[0]; l++) {
      for (int kind = 0; kind < 4; kind++) {
        int32_t options = kind + EPILOGUES[(s + l) % 4];
        for (int right = 0; right < 2; right++) {
          product(tier, multiply, SHAPES[s][0], SHAPES[s][1], LENGTHS[l], options, right ? 0 : 0.75f, right);
        }
      }
    }
  }
  static const int64_t FEW[][2] = {{1, 1},   {1, 63}, {1, 130}, {2, 65},  {3, 64},   {5, 97},   {7, 16},          {13, 33},
                                   {16, 31}, {33, 3}, {17, 16}, {530, 1}, {16, 529}, {3, 2900}, {LB_GEMM_FEW, 1}, {300, 9}};
  for (size_t s = 0; s < sizeof FEW / sizeof FEW[0]; s++) {
    for (size_t l = s % 3; l < sizeof LENGTHS / sizeof LENGTHS[0]; l += FEW[s][0] * FEW[s][1] > 500 ? 3 : 1) {
      for (int kind = 0; kind < 4; kind++) {
        int32_t options = kind + EPILOGUES[(s + l) % 4];
        for (int right = 0; right < 2; right++) {
          product(tier, multiply_few, FEW[s][0], FEW[s][1], LENGTHS[l], options, right ? 0 : 0.75f, right);
        }
      }
    }
  }
  product(tier, multiply_few, 1, 8300, 9, LB_GEMM_BIAS, 0, 1);
  special(tier);
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    tier_tests(check_tier(t));
  }
  if ((lb_best_tier() & LB_TIER_MASK) == LB_TIER_AVX512) {
    /* Without the instructions of its features. */
    tier_tests(LB_TIER_AVX512);
  }
  return check_done("gemm_bf16");
}
