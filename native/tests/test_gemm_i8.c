// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#define STRIDE_PAD 3

static int8_t byte_at(uint64_t seed, int64_t i) { return (int8_t)(int)(256 * check_random(seed, (uint64_t)i) - 128); }

static int64_t blocks(int64_t size, int64_t of) { return (size + of - 1) / of; }

typedef struct {
  int64_t m, n, k;
  int trans;
  const int8_t *a, *b;
  char *pa, *pb;
} Case;

static int64_t sum_of(const Case *x, int64_t i, int64_t j) {
  int64_t sum = 0;
  for (int64_t p = 0; p < x->k; p++) {
    sum += x->a[i * x->k + p] * x->b[x->trans ? j * x->k + p : p * x->n + j];
  }
  return sum;
}

/* The product with the sums cut at `cut`, in two ranges of rows and of columns where there are so many. */
static void multiply(int32_t tier, const Case *x, int64_t cut, void *c, int64_t ldc, const float *row, const float *col,
                     const float *bias) {
  int32_t options = x->trans ? LB_GEMM_TRANS_B : 0;
  int64_t ldb = x->trans ? x->k : x->n;
  int64_t half_m = x->m > LB_GEMM_ROWS ? LB_GEMM_ROWS : 0;
  int64_t half_n = x->n > LB_GEMM_COLS ? LB_GEMM_COLS : 0;
  int64_t from = 0;
  do {
    int64_t to = from < cut ? cut : x->k;
    int64_t b = x->trans ? from : from * x->n;
    CHECK(lb_gemm_i8_pack_a(tier, x->a, from, x->k, x->pa, 0, half_m, to - from) == LB_OK, "status");
    CHECK(lb_gemm_i8_pack_a(tier, x->a, from, x->k, x->pa, half_m, x->m, to - from) == LB_OK, "status");
    CHECK(lb_gemm_i8_pack_b(tier, options, x->b, b, ldb, x->pb, 0, 0, half_n, to - from) == LB_OK, "status");
    CHECK(lb_gemm_i8_pack_b(tier, options, x->b, b, ldb, x->pb, 0, half_n, x->n, to - from) == LB_OK, "status");
    for (int q = 0; q < 4; q++) {
      int64_t i = q & 1 ? half_m : 0;
      int64_t j = q & 2 ? half_n : 0;
      CHECK(lb_gemm_i8(tier, x->pa, x->pb, 0, c, 0, ldc, row, 0, col, bias, 0, i, q & 1 ? x->m : half_m, j,
                       q & 2 ? x->n : half_n, from, to, x->k) == LB_OK,
            "status");
    }
    from = to;
  } while (from < x->k);
}

/* The product that reads the large operand in place, in two ranges. */
static void multiply_few(int32_t tier, const Case *x, int64_t cut, void *c, int64_t ldc, const float *row, const float *col,
                         const float *bias) {
  int64_t length = x->m <= LB_GEMM_FEW ? x->n : x->m;
  for (int part = 0; part < 2; part++) {
    CHECK(lb_gemm_i8_few(tier, x->trans ? LB_GEMM_TRANS_B : 0, x->m, x->n, x->k, x->a, 0, x->k, x->b, 0,
                         x->trans ? x->k : x->n, c, 0, ldc, row, col, bias, part == 0 ? 0 : cut, part == 0 ? cut : length,
                         x->pa) == LB_OK,
          "status");
  }
}

static void check_sums(int32_t tier, const Case *x, const int32_t *c, int64_t ldc) {
  check_marks(c, x->m, x->n, ldc);
  for (int64_t i = 0; i < x->m; i++) {
    for (int64_t j = 0; j < x->n; j++) {
      int64_t want = sum_of(x, i, j);
      int32_t got = c[i * ldc + j];
      CHECK(got == want, "tier %x, %ld x %ld x %ld, trans %d, at (%ld, %ld): %d, expected %ld", (unsigned)tier, (long)x->m,
            (long)x->n, (long)x->k, x->trans, (long)i, (long)j, got, (long)want);
    }
  }
}

static void product(int32_t tier, int64_t m, int64_t n, int64_t k, int trans, int right) {
  Guarded g[7];
  int64_t ldc = n + STRIDE_PAD;
  int64_t words = blocks(k, lb_gemm_i8_per_word(tier));
  size_t a_bytes = (size_t)(m * k);
  size_t b_bytes = (size_t)(n * k);
  size_t c_bytes = (size_t)(m * ldc) * 4;
  size_t pa_bytes = (size_t)(blocks(m, LB_GEMM_ROWS) * (64 + 4 * LB_GEMM_ROWS * words) + 63) / 64 * 64;
  size_t pb_bytes = (size_t)(blocks(n, LB_GEMM_COLS) * 4 * LB_GEMM_COLS * words);
  int8_t *a = guarded(&g[0], a_bytes, right);
  int8_t *b = guarded(&g[1], b_bytes, right);
  void *c = guarded(&g[2], c_bytes, right);
  float *row = guarded(&g[3], (size_t)m * 4, right);
  float *col = guarded(&g[4], (size_t)n * 4, right);
  char *pa = guarded(&g[5], pa_bytes, right);
  char *pb = guarded(&g[6], pb_bytes, right);
  for (int64_t i = 0; i < m * k; i++) {
    a[i] = byte_at(1, i);
  }
  for (int64_t i = 0; i < n * k; i++) {
    b[i] = byte_at(2, i);
  }
  check_fill(row, m, 0.001, 1, 3);
  check_fill(col, n, -1, 1, 4);
  Case x = {m, n, k, trans, a, b, pa, pb};
  int64_t cuts[] = {k, k / 3};
  float *first = NULL;
  for (int t = 0; t < 2; t++) {
    check_mark(c, m * ldc);
    multiply(tier, &x, cuts[t], c, ldc, NULL, NULL, NULL);
    check_sums(tier, &x, c, ldc);
    check_mark(c, m * ldc);
    multiply(tier, &x, cuts[t], c, ldc, row, col, col);
    check_marks(c, m, n, ldc);
    for (int64_t i = 0; i < m; i++) {
      for (int64_t j = 0; j < n; j++) {
        double want = (double)sum_of(&x, i, j) * row[i] * col[j];
        double got = ((const float *)c)[i * ldc + j];
        CHECK(fabs(got - (want + col[j])) <= 8 * 0x1p-24 * (fabs(want) + fabs(col[j])), "%g, expected %g", got, want + col[j]);
      }
    }
    if (t == 0) {
      first = malloc(c_bytes);
      memcpy(first, c, c_bytes);
    } else {
      CHECK(memcmp(first, c, c_bytes) == 0, "a cut of k changes bits");
      free(first);
    }
  }
  const void *data[] = {a, b, c, row, col, pa, pb};
  size_t bytes[] = {a_bytes, b_bytes, c_bytes, (size_t)m * 4, (size_t)n * 4, pa_bytes, pb_bytes};
  for (int i = 0; i < 7; i++) {
    guarded_free(&g[i], data[i], bytes[i]);
  }
}

/* Products with few rows or columns, also where they lie in more than one strip: all bits are those of sums and scales. */
static void few(int32_t tier, int64_t m, int64_t n, int64_t k, int trans, int right) {
  Guarded g[6];
  int64_t ldc = n + STRIDE_PAD;
  size_t bytes[] = {(size_t)(m * k), (size_t)(n * k), (size_t)(m * ldc) * 4, (size_t)m * 4, (size_t)n * 4,
                    (size_t)(lb_gemm_few_scratch(tier, k) + 63) / 64 * 64};
  void *data[6];
  for (int i = 0; i < 6; i++) {
    data[i] = guarded(&g[i], bytes[i], right);
  }
  int8_t *a = data[0];
  int8_t *b = data[1];
  for (int64_t i = 0; i < m * k; i++) {
    a[i] = byte_at(1, i);
  }
  for (int64_t i = 0; i < n * k; i++) {
    b[i] = byte_at(2, i);
  }
  const float *row = data[3];
  const float *col = data[4];
  check_fill(data[3], m, 0.001, 1, 3);
  check_fill(data[4], n, -1, 1, 4);
  Case x = {m, n, k, trans, a, b, data[5], NULL};
  int64_t length = m <= LB_GEMM_FEW ? n : m;
  int32_t *sums = malloc(bytes[2]);
  for (int t = 0; t < 2; t++) {
    check_mark(data[2], m * ldc);
    multiply_few(tier, &x, t == 0 ? 0 : length / 3, data[2], ldc, NULL, NULL, NULL);
    check_sums(tier, &x, data[2], ldc);
    memcpy(sums, data[2], bytes[2]);
    for (int biased = 0; biased < 2; biased++) {
      check_mark(data[2], m * ldc);
      multiply_few(tier, &x, t == 0 ? length : length / 2, data[2], ldc, row, col, biased ? col : NULL);
      check_marks(data[2], m, n, ldc);
      for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
          float product = (float)sums[i * ldc + j] * row[i] * col[j];
          float want = biased ? product + col[j] : product;
          float got = ((const float *)data[2])[i * ldc + j];
          CHECK(got == want, "tier %x, %ld x %ld x %ld, at (%ld, %ld): %g, expected %g", (unsigned)tier, (long)m, (long)n,
                (long)k, (long)i, (long)j, got, want);
        }
      }
    }
  }
  free(sums);
  for (int i = 0; i < 6; i++) {
    guarded_free(&g[i], data[i], bytes[i]);
  }
}

/* Sums of the largest numbers, longer than unsigned halves have room for. */
static void longest(int32_t tier) {
  int64_t k = 131071;
  int64_t words = blocks(k, lb_gemm_i8_per_word(tier));
  int8_t *a = malloc((size_t)(3 * k));
  char *pa = aligned_alloc(64, (size_t)(64 + 64 * words));
  char *pb = aligned_alloc(64, (size_t)(4 * LB_GEMM_COLS * words));
  memset(a, -128, (size_t)k);
  memset(a + k, 127, (size_t)k);
  for (int64_t p = 0; p < k; p++) {
    a[2 * k + p] = p % 2 == 0 ? 127 : -128;
  }
  Case x = {3, 3, k, 1, a, a, pa, pb};
  int32_t c[9];
  x.pa = aligned_alloc(64, (size_t)(lb_gemm_few_scratch(tier, k) + 63) / 64 * 64);
  for (int packed = 0; packed < 2; packed++) {
    memset(c, 0, sizeof c);
    (packed ? multiply : multiply_few)(tier, &x, packed ? k : 1, c, 3, NULL, NULL, NULL);
    for (int i = 0; i < 9; i++) {
      int64_t want = sum_of(&x, i / 3, i % 3);
      CHECK(c[i] == want, "tier %x: %d, expected %ld", (unsigned)tier, c[i], (long)want);
    }
    free(x.pa);
    x.pa = pa;
  }
  free(a);
  free(pb);
}

static void refused(int32_t tier) {
  _Alignas(64) char p[256];
  int8_t a[4] = {0};
  int32_t c[4];
  CHECK(lb_gemm_i8_pack_a(tier, a, 0, 1, p, 1, 2, 1) == LB_BAD_SIZE, "a range that begins inside a block");
  CHECK(lb_gemm_i8_pack_a(tier, a, 0, 1, p, 0, 1, -1) == LB_BAD_SIZE, "depth -1");
  CHECK(lb_gemm_i8_pack_b(tier, 0, a, 0, 1, p, 0, 12, 13, 1) == LB_BAD_SIZE, "a range that begins inside a panel");
  CHECK(lb_gemm_i8(tier, p, p, 0, c, 0, 1, NULL, 0, NULL, NULL, 0, 0, -1, 0, 1, 0, 1, 1) == LB_BAD_SIZE, "rows backwards");
  CHECK(lb_gemm_i8(tier, p, p, 0, c, 0, 1, NULL, 0, NULL, NULL, 0, 0, 1, 0, 1, 0, 2, 1) == LB_BAD_SIZE, "more elements than k");
  int64_t bad[][5] = {{2, 2, -1, 0, 2}, {-1, 2, 1, 0, 2}, {2, 2, 1, -1, 2}, {2, 2, 1, 2, 1}, {2, 2, 1, 0, 3},
                      {LB_GEMM_FEW + 1, 2, 1, 0, LB_GEMM_FEW + 2}, {LB_GEMM_FEW + 1, LB_GEMM_FEW + 1, 1, 0, 1}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t *q = bad[i];
    CHECK(lb_gemm_i8_few(tier, 0, q[0], q[1], q[2], a, 0, 1, a, 0, 2, c, 0, 2, NULL, NULL, NULL, q[3], q[4], p) == LB_BAD_SIZE,
          "sizes %d", (int)i);
  }
}

static void tier_tests(int32_t tier) {
  static const int64_t SHAPES[][2] = {{1, 1}, {2, 7}, {5, 8}, {6, 17}, {7, 33}, {12, 32}, {13, 65}, {27, 31}};
  static const int64_t LENGTHS[] = {0, 1, 2, 3, 4, 5, 15, 16, 17, 64, 131};
  for (size_t s = 0; s < sizeof SHAPES / sizeof SHAPES[0]; s++) {
    for (size_t l = 0; l < sizeof LENGTHS / sizeof LENGTHS[0]; l++) {
      for (int kind = 0; kind < 4; kind++) {
        product(tier, SHAPES[s][0], SHAPES[s][1], LENGTHS[l], kind & 1, kind >> 1);
      }
    }
  }
  static const int64_t FEW[][2] = {{1, 1},   {1, 63}, {1, 130}, {2, 65},  {3, 64},   {5, 97},   {7, 16},          {13, 33},
                                   {16, 31}, {33, 3}, {17, 16}, {530, 1}, {16, 529}, {3, 2900}, {LB_GEMM_FEW, 1}, {300, 9}};
  for (size_t s = 0; s < sizeof FEW / sizeof FEW[0]; s++) {
    for (size_t l = s % 3; l < sizeof LENGTHS / sizeof LENGTHS[0]; l += FEW[s][0] * FEW[s][1] > 500 ? 3 : 1) {
      for (int kind = 0; kind < 4; kind++) {
        few(tier, FEW[s][0], FEW[s][1], LENGTHS[l], kind & 1, kind >> 1);
      }
    }
  }
  few(tier, 1, 8300, 9, 0, 1);
  longest(tier);
  refused(tier);
}

int main(void) {
  for (int t = 0; t < check_tiers(); t++) {
    tier_tests(check_tier(t));
  }
  if ((lb_best_tier() & LB_TIER_MASK) == LB_TIER_AVX512) {
    /* Without the instructions of its features. */
    tier_tests(LB_TIER_AVX512);
  }
  return check_done("gemm_i8");
}
