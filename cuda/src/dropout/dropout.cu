// SPDX-License-Identifier: Apache-2.0
//
// dropout: y = residual + keep x scale; gradX = keep gradY scale, which is the same without a residual. Element i = r cols + c is
// kept if word i mod 4 of Philox4x32-10 with counter (i / 4, stream) and key seed is at least the threshold, as unsigned numbers.
//
// x, residual, y  f32 [rows, cols], strides in elements, any alignment; residual may be null; y may be x or residual.
//
// A dropped element is exactly 0 (the residual alone), also where x is NaN or infinite. One multiplication, one addition, not
// fused: the bits of the reference. A thread the elements of one Philox block in one row; a block across the end of a row is made
// for both. Grid: threads of a row in x, rows in y. 50 instructions for four elements; 8 bytes an element, 12 with a residual.

#include "../device/device.h"
#include "../device/philox.h"
#include "../device/quads.h"

namespace {

/** Elements of a row, of which those below 0 and from cols on do not exist. */
LB_DEVICE float4 load(const float* row, int64_t c, int64_t cols, bool whole) {
  if (whole) {
    return *reinterpret_cast<const float4*>(row + c);
  }
  const auto at = [&](int64_t i) { return i >= 0 && i < cols ? row[i] : 0.0f; };
  return make_float4(at(c), at(c + 1), at(c + 2), at(c + 3));
}

LB_DEVICE float dropped(float x, float residual, bool add, unsigned word, unsigned threshold, float scale) {
  const float kept = __fmul_rn(x, scale);
  return word < threshold ? residual : add ? __fadd_rn(residual, kept) : kept;
}

}  // namespace

extern "C" __global__ void lb_dropout_kernel(const float* x, int64_t x_stride, const float* residual, int64_t residual_stride,
                                             float* y, int64_t y_stride, int64_t rows, int64_t cols, int64_t seed,
                                             int64_t stream, int threshold, float scale) {
  const bool add = residual != nullptr;
  const unsigned least = (unsigned)threshold;
  for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    const int64_t from = row * cols;
    const int64_t block = from / 4 + (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int64_t c = 4 * block - from;
    if (c >= cols) {
      continue;
    }
    const float* xs = x + row * x_stride;
    const float* rs = residual + row * residual_stride;
    float* ys = y + row * y_stride;
    const bool whole = c >= 0 && c + 4 <= cols && lb::aligned16(xs + c) && lb::aligned16(ys + c) &&
                       (!add || lb::aligned16(rs + c));
    const float4 v = load(xs, c, cols, whole);
    const float4 base = add ? load(rs, c, cols, whole) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    // Nothing is below 0: without a chance to be dropped no words are needed.
    const uint4 w = least == 0 ? make_uint4(0, 0, 0, 0) : lb::philox((uint64_t)seed, (uint64_t)stream, (uint64_t)block);
    const float four[4] = {dropped(v.x, base.x, add, w.x, least, scale), dropped(v.y, base.y, add, w.y, least, scale),
                           dropped(v.z, base.z, add, w.z, least, scale), dropped(v.w, base.w, add, w.w, least, scale)};
    if (whole) {
      *reinterpret_cast<float4*>(ys + c) = make_float4(four[0], four[1], four[2], four[3]);
      continue;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (c + i >= 0 && c + i < cols) {
        ys[c + i] = four[i];
      }
    }
  }
}
LB_KERNEL(lb_dropout_kernel);
