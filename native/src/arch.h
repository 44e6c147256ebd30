// SPDX-License-Identifier: Apache-2.0
/* What the target is, and how tiers are named and chosen. */
#ifndef LB_ARCH_H
#define LB_ARCH_H

#include <stdint.h>

#include "limbeck.h"

/* 1 where the files of the tiers avx2 and avx512 are compiled to something. */
#if defined(__x86_64__) && defined(__GNUC__)
#define LB_X86 1
#else
#define LB_X86 0
#endif

#if defined(__GNUC__)
#define LB_INLINE static inline __attribute__((always_inline))
#define LB_NOINLINE static __attribute__((noinline))
#define LB_LIKELY(c) __builtin_expect(!!(c), 1)
#define LB_PREFETCH(p) __builtin_prefetch(p)
#define LB_UNROLL _Pragma("GCC unroll 16")
/* Makes the compiler forget what it knows of a scalar, so that it computes nothing from it before. */
#define LB_FORGET(x) __asm__("" : "+r"(x))
/* Into the second cache level. */
#define LB_PREFETCH_FAR(p) __builtin_prefetch(p, 0, 2)
/* For what is written next: without it a store waits until its line has been read. */
#define LB_PREFETCH_WRITE(p) __builtin_prefetch(p, 1, 2)
#else
#define LB_INLINE static inline
#define LB_NOINLINE static
#define LB_LIKELY(c) (c)
#define LB_PREFETCH(p) ((void)(p))
#define LB_UNROLL
#define LB_FORGET(x) ((void)0)
#define LB_PREFETCH_FAR(p) ((void)(p))
#define LB_PREFETCH_WRITE(p) ((void)(p))
#endif

/* Declares a function for every tier: LB_DECLARE(lb_stem, (int64_t n, float *x)); */
#define LB_DECLARE(name, parameters)   \
  int32_t name##_portable parameters; \
  int32_t name##_avx2 parameters;     \
  int32_t name##_avx512 parameters

/* The body of a dispatching entry: return LB_DISPATCH(tier, lb_stem, (n, x)); */
#if LB_X86
#define LB_DISPATCH(tier, name, arguments)                                   \
  (((tier) & LB_TIER_MASK) == LB_TIER_AVX512 ? name##_avx512 arguments      \
   : ((tier) & LB_TIER_MASK) == LB_TIER_AVX2 ? name##_avx2 arguments        \
                                             : name##_portable arguments)
#else
#define LB_DISPATCH(tier, name, arguments) ((void)(tier), name##_portable arguments)
#endif

/* LB_DISPATCH with kernels for a feature too: LB_DISPATCH_FEATURE(tier, VNNI, avx512vnni, lb_stem, (n, x)). */
#if LB_X86
#define LB_DISPATCH_FEATURE(tier, feature, suffix, name, arguments) \
  (lb_has(tier, LB_FEATURE_##feature) ? name##_##suffix arguments : LB_DISPATCH(tier, name, arguments))
#else
#define LB_DISPATCH_FEATURE(tier, feature, suffix, name, arguments) LB_DISPATCH(tier, name, arguments)
#endif

/* Whether a tier has a feature; the kernels for it exist on x86 only. */
LB_INLINE int lb_has(int32_t tier, int32_t feature) {
  return (tier & LB_TIER_MASK) == LB_TIER_AVX512 && (tier & feature) != 0;
}

/* The name of a function in the file of a tier, for bodies; LB_TIER_SUFFIX comes from the simd header. */
#define LB_PASTE2(a, b) a##_##b
#define LB_PASTE(a, b) LB_PASTE2(a, b)
#define LB_TIER(name) LB_PASTE(name, LB_TIER_SUFFIX)

/* Whether a range of rows and a number of columns are sizes at all. */
LB_INLINE int lb_rows_ok(int64_t from, int64_t to, int64_t cols) { return from >= 0 && to >= from && cols >= 0; }

/* Whether a range is one, and begins at a multiple. */
LB_INLINE int lb_range_ok(int64_t from, int64_t to, int64_t multiple) {
  return from >= 0 && to >= from && from % multiple == 0;
}

LB_INLINE int64_t lb_min(int64_t a, int64_t b) { return a < b ? a : b; }
LB_INLINE int64_t lb_max(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
