// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Elementary functions on vectors, made of multiplications and additions so that they inline. */
final class VectorMath {
  private static final float LOG2_E = 1.442695041f;
  // ln 2 in two parts: the first has few enough digits that n * LN2_HIGH is exact.
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;
  // 1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits.
  private static final float ROUND = 12_582_912f;

  /** Below this exp(x) is less than the smallest normal float and is taken as 0. */
  static final float EXP_UNDERFLOW = -87.33654f;

  private VectorMath() {}

  /**
   * Returns exp(x) for x of at most 88, with an error below 2 ulp; 0 below {@link #EXP_UNDERFLOW},
   * -infinity included. NaN gives an undefined value: callers treat rows with NaN apart.
   *
   * <p>x = n ln 2 + r, |r| at most ln 2 / 2; a polynomial of degree 7 (Cephes) for exp(r); 2^n by
   * adding n to the exponent bits.
   */
  static FloatVector exp(FloatVector x) {
    FloatVector shifted =
        x.fma(FloatVector.broadcast(Lanes.F32, LOG2_E), FloatVector.broadcast(Lanes.F32, ROUND));
    FloatVector n = shifted.sub(ROUND);
    FloatVector r = n.fma(FloatVector.broadcast(Lanes.F32, -LN2_HIGH), x);
    r = n.fma(FloatVector.broadcast(Lanes.F32, -LN2_LOW), r);
    FloatVector p =
        r.fma(
            FloatVector.broadcast(Lanes.F32, 1.9875691500e-4f),
            FloatVector.broadcast(Lanes.F32, 1.3981999507e-3f));
    p = p.fma(r, FloatVector.broadcast(Lanes.F32, 8.3334519073e-3f));
    p = p.fma(r, FloatVector.broadcast(Lanes.F32, 4.1665795894e-2f));
    p = p.fma(r, FloatVector.broadcast(Lanes.F32, 1.6666665459e-1f));
    p = p.fma(r, FloatVector.broadcast(Lanes.F32, 5.0000001201e-1f));
    p = p.fma(r.mul(r), r).add(1f);
    FloatVector y =
        p.reinterpretAsInts()
            .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
            .reinterpretAsFloats();
    return y.blend(0f, x.compare(VectorOperators.LT, EXP_UNDERFLOW));
  }
}
