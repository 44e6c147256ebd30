// SPDX-License-Identifier: Apache-2.0
//
// Matrix products of a warp (ldmatrix, mma.sync): all 32 lanes call these functions together. Lane 4 g + t holds, of a matrix of
// 8 rows of 16 bytes, bytes 4 t to 4 t + 3 of row g; of sums [16, 8], those of row g and columns 2 t and 2 t + 1, then of row g + 8.

#pragma once

#include "device.h"

namespace lb {

#ifdef LB_EMULATED

/** What each lane gave, between construction and end(). */
template <class T>
class Lanes {
  const uint64_t* all;

 public:
  explicit Lanes(const T& mine) : all(lbe::warp_exchange(FULL_WARP, (uint64_t)reinterpret_cast<uintptr_t>(&mine), __FILE__, __LINE__)) {}
  const T& operator[](int lane) const { return *reinterpret_cast<const T*>((uintptr_t)all[lane]); }
  /** No lane goes on before all have read. */
  void end() { lbe::warp_exchange(FULL_WARP, 0, __FILE__, __LINE__); }
};

template <bool TRANSPOSED>
inline void load_matrices(const Shared<uint4>& tile, int64_t i, unsigned (&r)[4]) {
  const uint4 line = tile[i];
  uint16_t halves[8];
  std::memcpy(halves, &line, sizeof halves);
  Lanes<uint16_t[8]> lines(halves);
  const int g = lbe::lane() / 4;
  const int t = lbe::lane() % 4;
  for (int m = 0; m < 4; m++) {
    const unsigned low = TRANSPOSED ? lines[8 * m + 2 * t][g] : lines[8 * m + g][2 * t];
    const unsigned high = TRANSPOSED ? lines[8 * m + 2 * t + 1][g] : lines[8 * m + g][2 * t + 1];
    r[m] = high << 16 | low;
  }
  lines.end();
}

struct Fragments {
  unsigned a[4], b[2];
};

/** sums += A B with the term function of 32 bits' worth of factors; each lane its four sums. */
template <class Sum, class Exact, class Terms>
inline void multiply_fragments(Sum (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2], Exact zero, Terms terms) {
  const Fragments mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  Lanes<Fragments> lanes(mine);
  const int g = lbe::lane() / 4;
  const int t = lbe::lane() % 4;
  Sum results[4];
  for (int e = 0; e < 4; e++) {
    Exact sum = zero;
    for (int half = 0; half < 2; half++) {
      for (int q = 0; q < 4; q++) {
        sum += terms(lanes[4 * g + q].a[2 * half + e / 2], lanes[4 * (2 * t + e % 2) + q].b[half]);
      }
    }
    results[e] = (Sum)(sums[e] + sum);
  }
  lanes.end();
  std::memcpy(sums, results, sizeof results);
}

/** One rounding for the 16 terms: the device rounds or cuts off in an order of its own. */
inline void multiply_bf16(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  multiply_fragments(sums, a, b, 0.0, [](unsigned x, unsigned y) {
    return (double)__uint_as_float(x << 16) * __uint_as_float(y << 16) +
           (double)__uint_as_float(x & 0xffff0000u) * __uint_as_float(y & 0xffff0000u);
  });
}

inline unsigned load_word(const Shared<uint4>& tile, int64_t i) {
  const uint4 four = tile[i / 4];
  const unsigned words[4] = {four.x, four.y, four.z, four.w};
  return words[i % 4];
}

inline unsigned round_tf32(unsigned v) {
  const unsigned size = v & 0x7fffffffu;
  return size > 0x7f800000u ? 0x7fffffffu : size == 0x7f800000u ? v : (v + 0x1000u) & ~0x1fffu;
}

/** As the device does, it looks at the 19 bits of tf32 alone. */
inline void multiply_tf32(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  multiply_fragments(sums, a, b, 0.0, [](unsigned x, unsigned y) {
    return (double)__uint_as_float(x & ~0x1fffu) * __uint_as_float(y & ~0x1fffu);
  });
}

inline void multiply_i8(int (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  multiply_fragments(sums, a, b, 0, [](unsigned x, unsigned y) { return __dp4a((int)x, (int)y, 0); });
}

#else

/**
 * Loads four matrices of 8 rows of 16 bytes; lane l gives the place of row l % 8 of matrix l / 8. TRANSPOSED: of 8 x 8 elements
 * of 16 bits, so that a lane gets elements 2 t and 2 t + 1 of column g.
 */
template <bool TRANSPOSED>
LB_DEVICE void load_matrices(const Shared<uint4>& tile, int64_t i, unsigned (&r)[4]) {
  const unsigned from = (unsigned)__cvta_generic_to_shared(tile.address() + i);
  if (TRANSPOSED) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  }
}

/** sums [16, 8] += A [16, 16] B [16, 8] of bf16. */
LB_DEVICE void multiply_bf16(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/** A word of a tile. */
LB_DEVICE unsigned load_word(const Shared<uint4>& tile, int64_t i) { return reinterpret_cast<const unsigned*>(tile.address())[i]; }

/** The bits of a float rounded to the 10 bits of tf32's mantissa, ties away from 0; NaN and infinities stay. */
LB_DEVICE unsigned round_tf32(unsigned v) {
  unsigned rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(v)));
  return rounded;
}

/** sums [16, 8] += A [16, 8] B [8, 8] of tf32. */
LB_DEVICE void multiply_tf32(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/** sums [16, 8] += A [16, 32] B [32, 8] of signed bytes; exact modulo 2^32. */
LB_DEVICE void multiply_i8(int (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif

}  // namespace lb
