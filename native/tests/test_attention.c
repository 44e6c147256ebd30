// SPDX-License-Identifier: Apache-2.0
#include "check.h"

enum { CAUSAL = 1, LENGTHS = 2, MASK = 4 };

typedef struct {
  int64_t batch, heads, queries, keys, width;
  int masking;
} Shape;

/* A guarded matrix whose rows are followed by marked elements, but the last one, which ends at the guard page. */
typedef struct {
  Guarded guard;
  int64_t rows, cols, stride;
  size_t bytes;
  float *p;
} Matrix;

static Matrix matrix(int64_t rows, int64_t cols, int right) {
  Matrix m = {.rows = rows, .cols = cols, .stride = cols + (right ? 3 : 0)};
  m.bytes = (size_t)((rows - 1) * m.stride + cols) * sizeof(float);
  m.p = guarded(&m.guard, m.bytes, right);
  check_mark(m.p, (rows - 1) * m.stride + cols);
  return m;
}

static Matrix filled(int64_t rows, int64_t cols, int right, uint64_t seed) {
  Matrix m = matrix(rows, cols, right);
  for (int64_t i = 0; i < rows; i++) {
    check_fill(m.p + i * m.stride, cols, -1, 1, seed + (uint64_t)i);
  }
  return m;
}

static double at(const Matrix *m, int64_t row, int64_t col) { return m->p[row * m->stride + col]; }

static void matrix_free(Matrix *m) {
  check_marks(m->p, m->rows - 1, m->cols, m->stride);
  guarded_free(&m->guard, m->p, m->bytes);
}

/* Everything of an attention layer, forward and backward. */
typedef struct {
  Shape s;
  float scale;
  Matrix query, key, value, gcontext, gscores;
  Matrix scores, maps, context, gmaps, gquery, gkey, gvalue;
  int32_t *lengths;
  uint8_t *mask;
  Guarded lengths_guard, mask_guard;
  size_t lengths_bytes, mask_bytes;
} Layer;

static const float MASKED = -10000;

static Layer layer(Shape s, int right) {
  int64_t q = s.batch * s.queries;
  int64_t k = s.batch * s.keys;
  int64_t rows = s.batch * s.heads * s.queries;
  int64_t cols = s.heads * s.width;
  Layer l = {.s = s, .scale = 1 / sqrtf((float)s.width)};
  l.query = filled(q, cols, right, 100);
  l.key = filled(k, cols, right, 2000);
  l.value = filled(k, cols, right, 30000);
  l.gcontext = filled(q, cols, right, 400000);
  l.gscores = filled(rows, s.keys, right, 5000000);
  l.scores = matrix(rows, s.keys, right);
  l.maps = matrix(rows, s.keys, right);
  l.gmaps = matrix(rows, s.keys, right);
  l.context = matrix(q, cols, right);
  l.gquery = matrix(q, cols, right);
  l.gkey = matrix(k, cols, right);
  l.gvalue = matrix(k, cols, right);
  if (s.masking & LENGTHS) {
    l.lengths_bytes = (size_t)s.batch * sizeof(int32_t);
    l.lengths = guarded(&l.lengths_guard, l.lengths_bytes, right);
    for (int64_t b = 0; b < s.batch; b++) {
      /* The last example is full, the one before has no key, if there is one. */
      l.lengths[b] = (int32_t)(b == s.batch - 1 ? s.keys : b == s.batch - 2 ? 0 : (s.keys + 1) / 2);
    }
  }
  if (s.masking & MASK) {
    l.mask_bytes = (size_t)(q * s.keys);
    l.mask = guarded(&l.mask_guard, l.mask_bytes, right);
    for (int64_t i = 0; i < q * s.keys; i++) {
      l.mask[i] = check_random(7, (uint64_t)i) < 0.6 ? 1 + (uint8_t)(i % 255) : 0;
    }
  }
  return l;
}

static void layer_free(Layer *l) {
  Matrix *all[] = {&l->query, &l->key,  &l->value,   &l->gcontext, &l->gscores, &l->scores,
                   &l->maps,  &l->gmaps, &l->context, &l->gquery,   &l->gkey,    &l->gvalue};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    matrix_free(all[i]);
  }
  if (l->lengths) {
    guarded_free(&l->lengths_guard, l->lengths, l->lengths_bytes);
  }
  if (l->mask) {
    guarded_free(&l->mask_guard, l->mask, l->mask_bytes);
  }
}

static int masked(const Layer *l, int64_t row, int64_t k) {
  int64_t b = row / (l->s.heads * l->s.queries);
  int64_t q = row % l->s.queries;
  return ((l->s.masking & CAUSAL) && k > q) || (l->lengths && k >= l->lengths[b]) ||
         (l->mask && !l->mask[(b * l->s.queries + q) * l->s.keys + k]);
}

/* The index of example and head of a row of the maps, and the rows and first column that are its in the other matrices. */
static int64_t head_of(const Layer *l, int64_t row) { return row / l->s.queries; }
static int64_t query_row(const Layer *l, int64_t row) {
  return head_of(l, row) / l->s.heads * l->s.queries + row % l->s.queries;
}
static int64_t key_row(const Layer *l, int64_t head, int64_t k) { return head / l->s.heads * l->s.keys + k; }
static int64_t first_col(const Layer *l, int64_t head) { return head % l->s.heads * l->s.width; }

static void close_to(double want, double got, double bound, const char *what, const Layer *l, int64_t i, int64_t j) {
  CHECK(fabs(want - got) <= bound, "%s of %ld x %ld x %ld, masking %d, element (%ld, %ld): %g, expected %g", what,
        (long)l->s.queries, (long)l->s.keys, (long)l->s.width, l->s.masking, (long)i, (long)j, got, want);
}

/* The bound of a float sum of n products of that magnitude, and of the factor after it. */
static double sum_bound(int64_t n, double size) { return (double)(n + 4) * 0x1p-24 * size + 1e-37; }

/* got = scale X Y^T for all maps. */
static void check_queries_keys(const Layer *l, double scale, const Matrix *x, const Matrix *y, const Matrix *got, int with_masks,
                               const char *what) {
  for (int64_t r = 0; r < got->rows; r++) {
    int64_t c = first_col(l, head_of(l, r));
    for (int64_t k = 0; k < l->s.keys; k++) {
      double sum = 0;
      double size = 0;
      for (int64_t w = 0; w < l->s.width; w++) {
        double t = scale * at(x, query_row(l, r), c + w) * at(y, key_row(l, head_of(l, r), k), c + w);
        sum += t;
        size += fabs(t);
      }
      int out = with_masks && masked(l, r, k);
      close_to(out ? (double)MASKED : sum, at(got, r, k), out ? 0 : sum_bound(l->s.width, size), what, l, r, k);
    }
  }
}

/* got = scale M X, or with M^T, for all examples and heads. */
static void check_map_product(const Layer *l, int transposed, double scale, const Matrix *map, const Matrix *x,
                              const Matrix *got, const char *what) {
  int64_t length = transposed ? l->s.queries : l->s.keys;
  int64_t positions = transposed ? l->s.keys : l->s.queries;
  for (int64_t r = 0; r < got->rows; r++) {
    for (int64_t c = 0; c < got->cols; c++) {
      int64_t example = r / positions;
      int64_t first = (example * l->s.heads + c / l->s.width) * l->s.queries;
      double sum = 0;
      double size = 0;
      for (int64_t i = 0; i < length; i++) {
        double m = transposed ? at(map, first + i, r % positions) : at(map, first + r % positions, i);
        double t = scale * m * at(x, example * length + i, c);
        sum += t;
        size += fabs(t);
      }
      close_to(sum, at(got, r, c), sum_bound(length, size), what, l, r, c);
    }
  }
}

static void check_maps(const Layer *l) {
  for (int64_t r = 0; r < l->maps.rows; r++) {
    double max = -INFINITY;
    double sum = 0;
    for (int64_t k = 0; k < l->s.keys; k++) {
      max = masked(l, r, k) ? max : fmax(max, at(&l->scores, r, k));
    }
    for (int64_t k = 0; k < l->s.keys; k++) {
      sum += masked(l, r, k) ? 0 : exp(at(&l->scores, r, k) - max);
    }
    for (int64_t k = 0; k < l->s.keys; k++) {
      double want = masked(l, r, k) ? 0 : exp(at(&l->scores, r, k) - max) / sum;
      close_to(want, at(&l->maps, r, k), want * 0x1p-24 * (40 + (double)l->s.keys / 4), "maps", l, r, k);
    }
  }
}

/* dA, from a copy of the gradient by the maps. */
static void check_slopes(const Layer *l, const double *before) {
  for (int64_t r = 0; r < l->maps.rows; r++) {
    double dot = 0;
    double size = 0;
    for (int64_t k = 0; k < l->s.keys; k++) {
      double t = before[r * l->s.keys + k] * at(&l->maps, r, k);
      dot += t;
      size += fabs(t);
    }
    for (int64_t k = 0; k < l->s.keys; k++) {
      double p = at(&l->maps, r, k);
      double g = before[r * l->s.keys + k];
      double want = p * (g - dot) + at(&l->gscores, r, k);
      double bound = 0x1p-24 * (p * (size * (double)(l->s.keys + 4) + 3 * fabs(g)) + 2 * fabs(want));
      close_to(want, at(&l->gmaps, r, k), bound + 1e-37, "dA", l, r, k);
    }
  }
}

/* Every operation, split between two calls, against the formulas in double. */
static void operations(int32_t tier, Shape s, int right) {
  Layer l = layer(s, right);
  Guarded guard;
  size_t bytes = ((size_t)lb_attention_scratch(tier, s.queries, s.keys, s.width) + 63) / 64 * 64;
  void *scratch = guarded(&guard, bytes, right);
  int64_t count = s.batch * s.heads;
  int64_t ends[] = {0, count / 2, count};
  for (int i = 0; i < 2; i++) {
    CHECK(lb_attention_weights(tier, l.scale, s.masking & CAUSAL, MASKED, l.query.p, l.query.stride, l.key.p, l.key.stride,
                               l.lengths, l.mask, s.keys, l.scores.p, l.scores.stride, l.maps.p, l.maps.stride, ends[i],
                               ends[i + 1], s.heads, s.queries, s.keys, s.width, scratch) == LB_OK,
          "status");
    CHECK(lb_attention_context(tier, l.maps.p, l.maps.stride, l.value.p, l.value.stride, l.context.p, l.context.stride, ends[i],
                               ends[i + 1], s.heads, s.queries, s.keys, s.width, scratch) == LB_OK,
          "status");
    CHECK(lb_attention_context_backward(tier, l.maps.p, l.maps.stride, l.value.p, l.value.stride, l.gcontext.p,
                                        l.gcontext.stride, l.gmaps.p, l.gmaps.stride, l.gvalue.p, l.gvalue.stride, ends[i],
                                        ends[i + 1], s.heads, s.queries, s.keys, s.width, scratch) == LB_OK,
          "status");
  }
  check_queries_keys(&l, l.scale, &l.query, &l.key, &l.scores, 1, "scores");
  check_maps(&l);
  check_map_product(&l, 0, 1, &l.maps, &l.value, &l.context, "context");
  check_queries_keys(&l, 1, &l.gcontext, &l.value, &l.gmaps, 0, "dP");
  check_map_product(&l, 1, 1, &l.maps, &l.gcontext, &l.gvalue, "dV");
  double *before = malloc((size_t)(l.gmaps.rows * s.keys) * sizeof(double));
  for (int64_t i = 0; i < l.gmaps.rows * s.keys; i++) {
    before[i] = at(&l.gmaps, i / s.keys, i % s.keys);
  }
  for (int i = 0; i < 2; i++) {
    CHECK(lb_attention_weights_backward(tier, l.scale, l.query.p, l.query.stride, l.key.p, l.key.stride, l.maps.p,
                                        l.maps.stride, l.gmaps.p, l.gmaps.stride, l.gscores.p, l.gscores.stride, l.gquery.p,
                                        l.gquery.stride, l.gkey.p, l.gkey.stride, ends[i], ends[i + 1], s.heads, s.queries,
                                        s.keys, s.width, scratch) == LB_OK,
          "status");
  }
  check_slopes(&l, before);
  check_map_product(&l, 0, l.scale, &l.gmaps, &l.key, &l.gquery, "dQ");
  check_map_product(&l, 1, l.scale, &l.gmaps, &l.query, &l.gkey, "dK");
  free(before);
  guarded_free(&guard, scratch, bytes);
  layer_free(&l);
}

/* NaN in a query spoils its row where it is not masked; -infinity alone gives 0; keys beyond the length are not read. */
static void special(int32_t tier) {
  Shape s = {1, 1, 4, 37, 1, LENGTHS | MASK};
  Layer l = layer(s, 1);
  void *scratch = aligned_alloc(64, ((size_t)lb_attention_scratch(tier, 4, 37, 1) + 63) / 64 * 64);
  for (int64_t k = 0; k < 37; k++) {
    l.key.p[k * l.key.stride] = 1;
  }
  l.query.p[l.query.stride] = NAN;
  l.query.p[2 * l.query.stride] = INFINITY;
  l.query.p[3 * l.query.stride] = -INFINITY;
  l.key.p[33 * l.key.stride] = NAN;
  l.lengths[0] = 33;
  CHECK(lb_attention_weights(tier, 1, 0, MASKED, l.query.p, l.query.stride, l.key.p, l.key.stride, l.lengths, l.mask, 37,
                             l.scores.p, l.scores.stride, l.maps.p, l.maps.stride, 0, 1, 1, 4, 37, 1, scratch) == LB_OK,
        "status");
  for (int64_t r = 0; r < 4; r++) {
    for (int64_t k = 0; k < 37; k++) {
      double p = at(&l.maps, r, k);
      CHECK(masked(&l, r, k) ? p == 0 : r == 1 || r == 2 ? isnan(p) : r == 3 ? p == 0 : p > 0 && p < 1,
            "map (%ld, %ld) is %g", (long)r, (long)k, p);
      CHECK(!masked(&l, r, k) || at(&l.scores, r, k) == MASKED, "score (%ld, %ld)", (long)r, (long)k);
    }
  }
  l.lengths[0] = 38;
  CHECK(lb_attention_weights(tier, 1, 0, MASKED, l.query.p, l.query.stride, l.key.p, l.key.stride, l.lengths, l.mask, 37,
                             l.scores.p, l.scores.stride, l.maps.p, l.maps.stride, 0, 1, 1, 4, 37, 1, scratch) == LB_BAD_SIZE,
        "a length above the number of keys is accepted");
  CHECK(lb_attention_context(tier, l.maps.p, 37, l.value.p, 1, l.context.p, 1, 1, 0, 1, 4, 37, 1, scratch) == LB_BAD_SIZE,
        "a range that ends before it begins is accepted");
  CHECK(lb_attention_context(tier, l.maps.p, 37, l.value.p, 1, l.context.p, 1, 0, 1, 0, 4, 37, 1, scratch) == LB_BAD_SIZE,
        "no head is accepted");
  free(scratch);
  layer_free(&l);
}

int main(void) {
  static const Shape SHAPES[] = {
      {1, 1, 1, 1, 1, 0},    {2, 2, 3, 7, 5, 0},   {1, 3, 8, 9, 16, 0},    {2, 2, 9, 15, 17, 0}, {1, 2, 33, 31, 8, 0},
      {2, 2, 17, 33, 20, 0}, {3, 2, 13, 13, 9, 0}, {1, 12, 64, 64, 32, 0}, {1, 1, 5, 300, 70, 0},
  };
  for (int t = 0; t < check_tiers(); t++) {
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
      for (int masking = 0; masking < 8; masking++) {
        Shape s = SHAPES[i];
        s.masking = masking;
        operations(check_tier(t), s, masking & 1);
        operations(check_tier(t), s, !(masking & 1));
      }
    }
    special(check_tier(t));
  }
  return check_done("attention");
}
