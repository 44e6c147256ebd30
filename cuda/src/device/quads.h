// SPDX-License-Identifier: Apache-2.0
//
// Rows in groups of four elements, moved 16 bytes at a time where the row begins at a multiple of 16. Which thread has which
// elements does not depend on that, so that sums have the same bits wherever a row lies.

#pragma once

#include "device.h"

namespace lb {

LB_DEVICE bool aligned16(const void* p) { return (reinterpret_cast<uintptr_t>(p) & 15u) == 0; }

/** f of each of the four. */
template <class F>
LB_DEVICE float4 map4(float4 a, F f) {
  return make_float4(f(a.x), f(a.y), f(a.z), f(a.w));
}
template <class F>
LB_DEVICE float4 map4(float4 a, float4 b, F f) {
  return make_float4(f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w));
}

/** A row; T is float, or const float where it is only read. */
template <class T>
class Quads {
  T* row;
  int64_t cols;
  int64_t whole; /* groups that move as 16 bytes */

 public:
  LB_DEVICE Quads(T* first, int64_t n) : row(first), cols(n), whole(aligned16(first) ? n >> 2 : 0) {}

  /** The number of groups, the last of which may be short. */
  LB_DEVICE int64_t count() const { return (cols + 3) / 4; }

  /** Whether element i of group q is in the row. */
  LB_DEVICE bool has(int64_t q, int i) const { return 4 * q + i < cols; }

  /**
   * Groups first, first + STEP, ...; `rest` stands for what is not in the row. All long loads begin before any is waited for; where
   * all are long, which is all of a row but its end, one comparison finds that out.
   */
  template <int N, int STEP>
  LB_DEVICE void load(float4 (&v)[N], int64_t first, float rest) const {
    if (first + (N - 1) * STEP < whole) {
#pragma unroll
      for (int i = 0; i < N; i++) {
        v[i] = *reinterpret_cast<const float4*>(row + 4 * (first + i * STEP));
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
      const int64_t q = first + i * STEP;
      v[i] = make_float4(rest, rest, rest, rest);
      if (q < whole) {
        v[i] = *reinterpret_cast<const float4*>(row + 4 * q);
      }
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
      const int64_t q = first + i * STEP;
      if (q >= whole && has(q, 0)) {
        v[i] = single(q, rest);
      }
    }
  }

  LB_DEVICE float4 load(int64_t q, float rest = 0.0f) const {
    float4 v[1];
    load<1, 1>(v, q, rest);
    return v[0];
  }

  /** A group with something else in the place of what is not in the row. */
  LB_DEVICE float4 filled(int64_t q, float4 v, float rest) const {
    if (!has(q, 3)) {
      v = make_float4(has(q, 0) ? v.x : rest, has(q, 1) ? v.y : rest, has(q, 2) ? v.z : rest, rest);
    }
    return v;
  }

  /** Stores those of four that are in the row. */
  LB_DEVICE void store(int64_t q, float4 v) const {
    T* at = row + 4 * q;
    if (q < whole) {
      // An assignment may become four: the compiler sees the stores below.
      __stcg(reinterpret_cast<float4*>(at), v);
      return;
    }
    if (has(q, 0)) at[0] = v.x;
    if (has(q, 1)) at[1] = v.y;
    if (has(q, 2)) at[2] = v.z;
    if (has(q, 3)) at[3] = v.w;
  }

  /** Makes a group of threads store one value everywhere. */
  template <class Group>
  LB_DEVICE void fill(float value) const {
    for (int64_t q = Group::rank(); q < count(); q += Group::SIZE) {
      store(q, make_float4(value, value, value, value));
    }
  }

 private:
  LB_DEVICE float4 single(int64_t q, float rest) const {
    const T* at = row + 4 * q;
    return make_float4(has(q, 0) ? at[0] : rest, has(q, 1) ? at[1] : rest, has(q, 2) ? at[2] : rest, has(q, 3) ? at[3] : rest);
  }
};

}  // namespace lb
