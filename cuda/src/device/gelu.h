// SPDX-License-Identifier: Apache-2.0
//
// gelu of one number, for its own stem and for the epilogues of products.

#pragma once

#include "device.h"

namespace lb {

/** The probability of a normal variate below x, from erfc, which keeps the digits of small ones. */
LB_DEVICE float normal_below(float x) { return 0.5f * erfcf(x * -0.707106781186547524f); }

/** x P(x). */
LB_DEVICE float gelu_erf(float x) { return x == -INFINITY ? 0.0f : x * normal_below(x); }

/** P(x) + x p(x) with the density p. */
LB_DEVICE float gelu_erf_slope(float x) {
  // p is 0 there, and an infinite x times it no number.
  const float density = fabsf(x) > 40.0f ? 0.0f : 0.398942280401432678f * expf(-0.5f * x * x);
  return normal_below(x) + (density == 0.0f ? 0.0f : x * density);
}

/** exp(-2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): with s = 1 / (1 + it), (1 + tanh u) / 2 = s. */
LB_DEVICE float gelu_tanh_exp(float x) { return expf(-1.59576912160573071f * x * (1.0f + 0.044715f * x * x)); }

LB_DEVICE float gelu_tanh(float x) { return x == -INFINITY ? 0.0f : x / (1.0f + gelu_tanh_exp(x)); }

LB_DEVICE float gelu_tanh_slope(float x) {
  if (fabsf(x) > 40.0f) {
    return x > 0.0f ? 1.0f : 0.0f;
  }
  const float e = gelu_tanh_exp(x);
  const float s = 1.0f / (1.0f + e);
  // 1 - s = e s; where e is infinite s is 0, and so is the product.
  const float rest = s == 0.0f ? 0.0f : e * s;
  return s + x * s * rest * 1.59576912160573071f * (1.0f + 3.0f * 0.044715f * x * x);
}

}  // namespace lb
