// SPDX-License-Identifier: Apache-2.0
/* What the tests of the C library share: guarded memory, numbers from a seed, checks that name what failed. */
#ifndef LB_CHECK_H
#define LB_CHECK_H

#define _DEFAULT_SOURCE
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "limbeck.h"

static long check_count;

/* Ends the test with a message where a condition does not hold. */
#define CHECK(condition, ...)                                    \
  do {                                                           \
    check_count++;                                               \
    if (!(condition)) {                                          \
      fprintf(stderr, "%s:%d: failed: %s: ", __FILE__, __LINE__, #condition); \
      fprintf(stderr, __VA_ARGS__);                              \
      fprintf(stderr, "\n");                                     \
      exit(1);                                                   \
    }                                                            \
  } while (0)

/* The number of tiers to test, all up to the best of this processor; check_tier gives the i-th with all its features. */
static inline int check_tiers(void) { return (lb_best_tier() & LB_TIER_MASK) + 1; }
static inline int32_t check_tier(int i) { return i == check_tiers() - 1 ? lb_best_tier() : i; }

typedef struct {
  char *pages;
  size_t bytes;
} Guarded;

/*
 * Returns `bytes` bytes that end at a page nobody may touch (right), or begin after one, filled with 0xA5. What is left of
 * them in their pages holds the same, and guarded_free checks that it still does.
 */
static inline void *guarded(Guarded *g, size_t bytes, int right) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t room = (bytes + page - 1) / page * page;
  g->bytes = room + 2 * page;
  g->pages = mmap(NULL, g->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(g->pages != MAP_FAILED, "no memory");
  memset(g->pages, 0xA5, g->bytes);
  CHECK(mprotect(g->pages, page, PROT_NONE) == 0, "no guard page");
  CHECK(mprotect(g->pages + page + room, page, PROT_NONE) == 0, "no guard page");
  return g->pages + page + (right ? room - bytes : 0);
}

static inline void guarded_free(Guarded *g, const void *data, size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const unsigned char *begin = (const unsigned char *)g->pages + page;
  const unsigned char *end = (const unsigned char *)g->pages + g->bytes - page;
  const unsigned char *d = data;
  const unsigned char *bad = NULL;
  for (const unsigned char *p = begin; p < end; p++) {
    if ((p < d || p >= d + bytes) && *p != 0xA5) {
      bad = p;
    }
  }
  CHECK(bad == NULL, "byte %ld beside the data was written", (long)(bad - d));
  munmap(g->pages, g->bytes);
}

/* A number in [0, 1) that depends on its index and a seed. */
static inline double check_random(uint64_t seed, uint64_t index) {
  uint64_t z = (seed + 1) * 0x9E3779B97F4A7C15u + index * 0xD1B54A32D192ED03u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static inline void check_fill(float *p, int64_t n, double low, double high, uint64_t seed) {
  for (int64_t i = 0; i < n; i++) {
    p[i] = (float)(low + check_random(seed, (uint64_t)i) * (high - low));
  }
}

/* Fills the rows of a result and what lies between them with numbers that must be found there again. */
#define CHECK_MARK 0x5b5b5b5b
static inline void check_mark(void *p, int64_t elements) {
  for (int64_t i = 0; i < elements; i++) {
    int32_t mark = CHECK_MARK;
    memcpy((char *)p + 4 * i, &mark, 4);
  }
}

static inline void check_marks(const void *p, int64_t rows, int64_t cols, int64_t stride) {
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = cols; j < stride; j++) {
      int32_t found;
      memcpy(&found, (const char *)p + 4 * (i * stride + j), 4);
      CHECK(found == CHECK_MARK, "row %ld, column %ld past the end was written", (long)i, (long)j);
    }
  }
}

/* Row lengths around the lane counts of all tiers and their multiples. */
static const int64_t CHECK_SIZES[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 127, 257, 511, 513, 1000};
#define CHECK_SIZE_COUNT ((int)(sizeof CHECK_SIZES / sizeof CHECK_SIZES[0]))

static inline int check_done(const char *name) {
  printf("%s: %ld checks passed on %d tiers\n", name, check_count, check_tiers());
  return 0;
}

#endif
