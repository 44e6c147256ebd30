// SPDX-License-Identifier: Apache-2.0
//
// An exponential for sums of probabilities: three instructions with what makes its argument, where expf takes ten.

#pragma once

#include "device.h"

namespace lb {

/** 2^t, 0 where that is below the normal numbers; to 2 ulp. */
LB_DEVICE float exp2_flushed(float t) {
#ifdef LB_EMULATED
  const float e = exp2f(t);
  return e < 1.17549435e-38f ? 0.0f : e;
#else
  float e;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(t));
  return e;
#endif
}

}  // namespace lb
