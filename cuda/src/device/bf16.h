// SPDX-License-Identifier: Apache-2.0
//
// Pairs of bf16 in 32 bits, the first in the low half, and floats cut into three of them.

#pragma once

#include "device.h"

namespace lb {

/** The high halves of two floats. */
LB_DEVICE unsigned high_halves(float first, float second) {
  return __float_as_uint(first) >> 16 | (__float_as_uint(second) & 0xffff0000u);
}

/** The part of a float that is a bf16: its sign, exponent and the first 8 of its 24 digits. */
LB_DEVICE float high_part(float v) { return __uint_as_float(__float_as_uint(v) & 0xffff0000u); }

#ifdef LB_EMULATED

/** a b + c of both; here of results that are numbers of bf16. */
inline unsigned fused_pairs(unsigned a, unsigned b, unsigned c) {
  const auto of = [](unsigned bits) { return __uint_as_float(bits & 0xffff0000u); };
  return high_halves(fmaf(of(a << 16), of(b << 16), of(c << 16)), fmaf(of(a), of(b), of(c)));
}

/** (v & mask) | bits. */
inline unsigned masked_or(unsigned v, unsigned mask, unsigned bits) { return (v & mask) | bits; }

#else

/** One instruction, where the compiler makes two of two constants. */
LB_DEVICE unsigned masked_or(unsigned v, unsigned mask, unsigned bits) {
  unsigned r;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(r) : "r"(v), "r"(mask), "r"(bits));
  return r;
}

LB_DEVICE unsigned fused_pairs(unsigned a, unsigned b, unsigned c) {
  unsigned r;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}

#endif

}  // namespace lb
