// SPDX-License-Identifier: Apache-2.0
//
// fake_quant: statistics of a group, then the nearest level of each element x' = clip(x); Q = 2^(bits - 1) - 1, L = 2^bits - 1.
// ternary: t = 7 sum |x'| / (10 n), alpha = mean of |x'| > t, y = alpha sign(x') for those, else 0. symmetric: f = Q / max |x'|,
// y = round(x' f) / f. minmax: m = min, a = max - m + 1e-8, y = round((x' - m) / a L) / L a + m. lsq: y = s round(clamp(x / s)).
// midrise: c = 2 mean |x'|, y of -c, -c / 3, c / 3, c. sign: y = sign(x') mean |x'|. gradX = gradY where |x| < clip (midrise:
// and < c); lsq: where x / s is in range, gradStep += sum gradY (round(x / s) - x / s, or the bound passed) / sqrt(n Q).
//
// x, y, gradY, gradX f32, codes one byte [rows, cols]; strides in elements, any alignment; y may be x, gradX may be gradY.
// scale, zero f32 [groups]. Scratch: partial statistics of up to 16 bytes [groups, pieces], Parameters [groups].
//
// Zeros give zeros, NaN makes its group NaN with codes 0. Sums and means in double, in an order that follows from the shape of a
// group; all else in float as written, rounded after each operation: from equal statistics the bits of the reference.
// Groups of up to 4096 quads: a warp or a block each, elements in registers (..._group_kernel). Others in pieces of 2048 quads,
// a block each: statistics (..._partial_kernel), added up by a block a group (..._combine_kernel), levels (..._apply_kernel);
// pieces come in turn from either end, as the L2 cache holds what came last.
// About 20 operations an element; 8 bytes an element for held groups, 12 (ternary 16) in pieces, 1 for a code; 12 backward.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/cut.h"

namespace {

constexpr int THREADS = 256;
/** Quads of a thread at once: where a group is held, and in pieces. */
constexpr int HELD = 8;
constexpr int STEP = 4;
/** Of a thread in a piece. */
constexpr int EACH = 2 * STEP;

enum Scheme { TERNARY, SYMMETRIC, MINMAX, LSQ, MIDRISE, SIGN };

struct Options {
  float clip;
  int bits;

  LB_DEVICE float clipped(float v) const { return v > clip ? clip : v < -clip ? -clip : v; }
  LB_DEVICE float top_code() const { return (float)((1 << (bits - 1)) - 1); }
  LB_DEVICE float levels() const { return (float)((1 << bits) - 1); }
  /** The range of codes of lsq; NaN stays. */
  LB_DEVICE float in_range(float v) const {
    const float high = top_code();
    return v > high ? high : v < -high - 1.0f ? -high - 1.0f : v;
  }
};

// ---- Statistics: of a thread, then of a group of threads ----

struct Sum {
  double sum = 0.0;

  LB_DEVICE void add(float v) { sum += (double)fabsf(v); }
  LB_DEVICE void add(const Sum& other) { sum += other.sum; }
  template <class Group>
  LB_DEVICE void gather() {
    sum = Group::sum(sum);
  }
};

/** Of the magnitudes above a threshold. */
struct Kept {
  double sum = 0.0;
  int64_t count = 0;

  LB_DEVICE void add(float v, float threshold) {
    const float magnitude = fabsf(v);
    if (magnitude > threshold) {
      sum += (double)magnitude;
      count++;
    }
  }
  LB_DEVICE void add(const Kept& other) {
    sum += other.sum;
    count += other.count;
  }
  template <class Group>
  LB_DEVICE void gather() {
    sum = Group::sum(sum);
    count = Group::sum(count);
  }
};

/** The bits of magnitudes have the order of the magnitudes, NaN above infinity. */
struct Top {
  int bits = 0;

  LB_DEVICE void add(float v) { bits = max(bits, __float_as_int(v) & INT32_MAX); }
  LB_DEVICE void add(const Top& other) { bits = max(bits, other.bits); }
  template <class Group>
  LB_DEVICE void gather() {
    bits = Group::max(bits);
  }
};

/** Ints in the order of floats, -0 below +0 and NaN outside of the infinities; twice gives the bits back. */
LB_DEVICE int ordered(int bits) { return bits ^ (bits >> 31 & INT32_MAX); }

struct Range {
  int high = INT32_MIN;
  int low = INT32_MIN;  // all bits turned over, so that this is a maximum, too

  LB_DEVICE void add(float v) {
    const int key = ordered(__float_as_int(v));
    high = max(high, key);
    low = max(low, ~key);
  }
  LB_DEVICE void add(const Range& other) {
    high = max(high, other.high);
    low = max(low, other.low);
  }
  template <class Group>
  LB_DEVICE void gather() {
    high = Group::max(high);
    low = Group::max(low);
  }
  LB_DEVICE float highest() const { return __int_as_float(ordered(high)); }
  LB_DEVICE float lowest() const { return __int_as_float(ordered(~low)); }
};

template <int SCHEME>
struct First {
  using Statistic = Sum;
};
template <>
struct First<SYMMETRIC> {
  using Statistic = Top;
};
template <>
struct First<LSQ> {
  using Statistic = Top;
};
template <>
struct First<MINMAX> {
  using Statistic = Range;
};

// ---- Levels ----

/** What the elements of a group are quantized with: a threshold, factor or range; what a group is described by. */
struct alignas(16) Parameters {
  float by, scale, zero, unused;
};

LB_DEVICE Parameters parameters(float by, float scale, float zero = 0.0f) { return {by, scale, zero, 0.0f}; }

/** Those of a group of n elements; ternary lacks its scale. */
template <int SCHEME>
LB_DEVICE Parameters parameters(const typename First<SCHEME>::Statistic& s, int64_t n, const Options& o, const float* step) {
  if constexpr (SCHEME == TERNARY) {
    const double exact = 7.0 * s.sum / (10.0 * (double)n);
    // The largest float that is not above: as a bound of floats it is the same.
    const float nearest = (float)exact;
    return parameters((double)nearest > exact ? __int_as_float(__float_as_int(nearest) - 1) : nearest, 0.0f);
  } else if constexpr (SCHEME == SYMMETRIC) {
    const float top = __int_as_float(s.bits);
    const float factor = o.top_code() / top;
    return parameters(factor == INFINITY ? 1.0f : factor, top / o.top_code());
  } else if constexpr (SCHEME == MINMAX) {
    const float low = s.lowest();
    const float high = s.highest();
    // A NaN is at one end.
    const float zero = high == high ? low : high;
    const float range = high - zero + 1e-8f;
    return parameters(range, low == 0.0f && high == 0.0f ? 0.0f : range / o.levels(), zero);
  } else if constexpr (SCHEME == LSQ) {
    const float top = __int_as_float(s.bits);
    return parameters(0.0f, top == top ? *step : top);
  } else if constexpr (SCHEME == MIDRISE) {
    return parameters(0.0f, (float)(2.0 * s.sum / (double)n));
  } else {
    return parameters(0.0f, (float)(s.sum / (double)n));
  }
}

/** Completes those of ternary. */
LB_DEVICE void complete(Parameters& p, const Kept& kept) {
  const float alpha = kept.count == 0 ? 0.0f : (float)(kept.sum / (double)kept.count);
  p.scale = p.by == p.by ? alpha : p.by;
}

struct Level {
  float y;
  int code;
};

/** The level of v = x'. */
template <int SCHEME>
LB_DEVICE Level level(float v, const Parameters& p, const Options& o) {
  if constexpr (SCHEME == TERNARY) {
    const int code = v > p.by ? 1 : v < -p.by ? -1 : 0;
    return {(float)code * p.scale, code};
  } else if constexpr (SCHEME == SYMMETRIC) {
    const int code = __float2int_rn(v * p.by);
    return {(float)code / p.by, code};
  } else if constexpr (SCHEME == MINMAX) {
    const int code = __float2int_rn((v - p.zero) / p.by * o.levels());
    return {__fadd_rn(__fmul_rn((float)code / o.levels(), p.by), p.zero), code};
  } else if constexpr (SCHEME == LSQ) {
    const int code = __float2int_rn(o.in_range(v / p.scale));
    return {(float)code * p.scale, code};
  } else if constexpr (SCHEME == MIDRISE) {
    // Half way between c / 3 and c: exact in double.
    const double three = 3.0 * (double)v;
    const double two = 2.0 * (double)p.scale;
    const int code = three > two ? 3 : three >= 0.0 ? 2 : three > -two ? 1 : 0;
    const float size = code == 0 || code == 3 ? p.scale : p.scale / 3.0f;
    return {code < 2 ? -size : size, p.scale == p.scale ? code : 0};
  } else {
    const int code = v < 0.0f ? -1 : 1;
    return {(float)code * p.scale, p.scale == p.scale ? code : 0};
  }
}

// ---- Quads of a thread: those at rank, rank + size, ... ----

template <int COUNT>
struct Values {
  float v[COUNT][4];

  /** All loads first: nothing waits before the last one is on its way. */
  LB_DEVICE void load(const float* x, int64_t stride, bool aligned, const lb::BlockQuads& quads, int rank, int size,
                      const Options& o) {
    const bool whole = aligned && quads.cols % 4 == 0;
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      v[i][0] = v[i][1] = v[i][2] = v[i][3] = 0.0f;
      if (whole && i * size + rank < quads.left) {
        const lb::Place p = quads.at(i * size + rank);
        lb::load_quad(x + p.row * stride + p.col, 4, true, v[i]);
      }
    }
    if (!whole) {
#pragma unroll
      for (int i = 0; i < COUNT; i++) {
        if (i * size + rank < quads.left) {
          const lb::Place p = quads.at(i * size + rank);
          lb::load_quad(x + p.row * stride + p.col, p.count, aligned, v[i]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        v[i][j] = o.clipped(v[i][j]);
      }
    }
  }

  /** f(value) for each element. */
  template <class F>
  LB_DEVICE void each(const lb::BlockQuads& quads, int rank, int size, F f) const {
    rank = lb::computed_anew(rank);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      if (i * size + rank < quads.left) {
        const int count = quads.at(i * size + rank).count;
#pragma unroll
        for (int j = 0; j < 4; j++) {
          if (j < count) {
            f(v[i][j]);
          }
        }
      }
    }
  }
};

struct Results {
  float* y;
  int64_t y_stride;
  uint8_t* codes;
  int64_t codes_stride;

  template <int SCHEME, int COUNT>
  LB_DEVICE void store(const Values<COUNT>& values, const lb::Cut& cut, const lb::BlockQuads& quads, int rank, int size,
                       const Parameters& p, const Options& o) const {
    const bool y_aligned = cut.aligned(y, y_stride);
    const bool codes_aligned = cut.aligned(codes, codes_stride);
    rank = lb::computed_anew(rank);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      if (i * size + rank < quads.left) {
        const lb::Place place = quads.at(i * size + rank);
        float values_y[4];
        int values_codes[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const Level l = level<SCHEME>(values.v[i][j], p, o);
          values_y[j] = l.y;
          values_codes[j] = l.code;
        }
        if (y != nullptr) {
          lb::store_quad(y + place.row * y_stride + place.col, place.count, y_aligned, values_y);
        }
        if (codes != nullptr) {
          lb::store_quad(codes + place.row * codes_stride + place.col, place.count, codes_aligned, values_codes);
        }
      }
    }
  }
};

LB_DEVICE void describe(int64_t group, const Parameters& p, float* scale, float* zero) {
  if (scale != nullptr) {
    scale[group] = p.scale;
  }
  if (zero != nullptr) {
    zero[group] = p.zero;
  }
}

// ---- Groups that a warp or a block holds ----

template <int SCHEME, class Group>
LB_DEVICE void whole(const float* x, int64_t x_stride, const Results& results, float* scale, float* zero, const lb::Cut& cut,
                     int64_t groups, const Options& o) {
  const int64_t group = Group::row();
  if (group >= groups) {
    return;
  }
  const int rank = Group::rank();
  const lb::BlockQuads quads = cut.block(group, 0);
  Values<HELD> values;
  values.load(x, x_stride, cut.aligned(x, x_stride), quads, rank, Group::SIZE, o);
  typename First<SCHEME>::Statistic s;
  values.each(quads, rank, Group::SIZE, [&](float v) { s.add(v); });
  s.template gather<Group>();
  Parameters p = parameters<SCHEME>(s, cut.rows * cut.cols, o, nullptr);
  if constexpr (SCHEME == TERNARY) {
    Kept kept;
    values.each(quads, rank, Group::SIZE, [&](float v) { kept.add(v, p.by); });
    kept.template gather<Group>();
    complete(p, kept);
  }
  results.store<SCHEME>(values, cut, quads, rank, Group::SIZE, p, o);
  if (rank == 0) {
    describe(group, p, scale, zero);
  }
}

// ---- Groups in pieces ----

/** A block's piece of a group. */
struct Piece {
  int64_t group;
  lb::BlockQuads quads;

  LB_DEVICE Piece(const lb::Cut& cut, int64_t pieces, bool backwards) : group(), quads() {
    const int64_t unit = backwards ? gridDim.x - 1 - blockIdx.x : blockIdx.x;
    group = unit / pieces;
    quads = cut.block(group, (unit - group * pieces) * EACH * blockDim.x);
  }
};

/** f(values, rank) for the quads of a piece, STEP of a thread at once. */
template <class F>
LB_DEVICE void walk(const float* x, int64_t x_stride, const lb::Cut& cut, const lb::BlockQuads& quads, const Options& o, F f) {
  const bool aligned = cut.aligned(x, x_stride);
#pragma unroll 1
  for (int rank = (int)threadIdx.x; rank < EACH * THREADS; rank += STEP * THREADS) {
    Values<STEP> values;
    values.load(x, x_stride, aligned, quads, rank, THREADS, o);
    f(values, rank);
  }
}

/** One for each block, in the order of the pieces. */
template <class Statistic>
LB_DEVICE Statistic& partial_of(void* partials, bool backwards) {
  return static_cast<Statistic*>(partials)[backwards ? gridDim.x - 1 - blockIdx.x : blockIdx.x];
}

/** Adds what the pieces of a group gave. */
template <class Statistic>
LB_DEVICE Statistic added(const void* partials, int64_t group, int64_t pieces) {
  Statistic s;
  for (int64_t i = threadIdx.x; i < pieces; i += THREADS) {
    s.add(static_cast<const Statistic*>(partials)[group * pieces + i]);
  }
  s.template gather<lb::Block<THREADS>>();
  return s;
}

}  // namespace

#define LB_FAKE_QUANT_GROUP(name, SCHEME, size, Group, bounds)                                                                  \
  extern "C" __global__ void __launch_bounds__ bounds lb_fake_quant_##name##_##size##_group_kernel(                             \
      const float* x, int64_t x_stride, float* y, int64_t y_stride, uint8_t* codes, int64_t codes_stride, float* scale,         \
      float* zero, int64_t group_rows, int64_t group_cols, int64_t across, int64_t groups, float clip, int bits) {              \
    whole<SCHEME, Group>(x, x_stride, {y, y_stride, codes, codes_stride}, scale, zero, {group_rows, group_cols, across},        \
                         groups, {clip, bits});                                                                                 \
  }                                                                                                                             \
  LB_KERNEL(lb_fake_quant_##name##_##size##_group_kernel)

#define LB_FAKE_QUANT_GROUPS(name, SCHEME)                                      \
  LB_FAKE_QUANT_GROUP(name, SCHEME, warp, lb::Warp, (256, 3));                  \
  LB_FAKE_QUANT_GROUP(name, SCHEME, small, lb::Block<256>, (256, 3));           \
  LB_FAKE_QUANT_GROUP(name, SCHEME, large, lb::Block<512>, (512, 1))

LB_FAKE_QUANT_GROUPS(ternary, TERNARY);
LB_FAKE_QUANT_GROUPS(symmetric, SYMMETRIC);
LB_FAKE_QUANT_GROUPS(minmax, MINMAX);
LB_FAKE_QUANT_GROUPS(midrise, MIDRISE);
LB_FAKE_QUANT_GROUPS(sign, SIGN);

#define LB_FAKE_QUANT_PARTIAL(name, Statistic)                                                                                  \
  extern "C" __global__ void __launch_bounds__(THREADS, 4)                                                                      \
      lb_fake_quant_##name##_partial_kernel(const float* x, int64_t x_stride, void* partials, int64_t group_rows,               \
                                            int64_t group_cols, int64_t across, int64_t pieces, float clip) {                   \
    const lb::Cut cut = {group_rows, group_cols, across};                                                                       \
    const Piece piece(cut, pieces, false);                                                                                      \
    Statistic s;                                                                                                                \
    walk(x, x_stride, cut, piece.quads, {clip, 0}, [&](const Values<STEP>& values, int rank) {                                  \
      values.each(piece.quads, rank, THREADS, [&](float v) { s.add(v); });                                                      \
    });                                                                                                                         \
    s.gather<lb::Block<THREADS>>();                                                                                             \
    if (threadIdx.x == 0) {                                                                                                     \
      partial_of<Statistic>(partials, false) = s;                                                                               \
    }                                                                                                                           \
  }                                                                                                                             \
  LB_KERNEL(lb_fake_quant_##name##_partial_kernel)

LB_FAKE_QUANT_PARTIAL(sum, Sum);
LB_FAKE_QUANT_PARTIAL(top, Top);
LB_FAKE_QUANT_PARTIAL(range, Range);

/** The second statistics of ternary, with the thresholds that the first ones gave. */
extern "C" __global__ void __launch_bounds__(THREADS, 4)
    lb_fake_quant_kept_partial_kernel(const float* x, int64_t x_stride, const Parameters* of_groups, void* partials,
                                      int64_t group_rows, int64_t group_cols, int64_t across, int64_t pieces, float clip) {
  const lb::Cut cut = {group_rows, group_cols, across};
  const Piece piece(cut, pieces, true);
  const float threshold = of_groups[piece.group].by;
  Kept kept;
  walk(x, x_stride, cut, piece.quads, {clip, 0}, [&](const Values<STEP>& values, int rank) {
    values.each(piece.quads, rank, THREADS, [&](float v) { kept.add(v, threshold); });
  });
  kept.gather<lb::Block<THREADS>>();
  if (threadIdx.x == 0) {
    partial_of<Kept>(partials, true) = kept;
  }
}
LB_KERNEL(lb_fake_quant_kept_partial_kernel);

/** A block a group of n elements. */
#define LB_FAKE_QUANT_COMBINE(name, SCHEME)                                                                                     \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                                         \
      lb_fake_quant_##name##_combine_kernel(const void* partials, Parameters* of_groups, const float* step, float* scale,       \
                                            float* zero, int64_t pieces, int64_t n, int bits) {                                 \
    const int64_t group = blockIdx.x;                                                                                           \
    const First<SCHEME>::Statistic s = added<First<SCHEME>::Statistic>(partials, group, pieces);                                \
    if (threadIdx.x == 0) {                                                                                                     \
      const Parameters p = parameters<SCHEME>(s, n, {INFINITY, bits}, step);                                                    \
      of_groups[group] = p;                                                                                                     \
      describe(group, p, scale, zero);                                                                                          \
    }                                                                                                                           \
  }                                                                                                                             \
  LB_KERNEL(lb_fake_quant_##name##_combine_kernel)

LB_FAKE_QUANT_COMBINE(ternary, TERNARY);
LB_FAKE_QUANT_COMBINE(symmetric, SYMMETRIC);
LB_FAKE_QUANT_COMBINE(minmax, MINMAX);
LB_FAKE_QUANT_COMBINE(lsq, LSQ);
LB_FAKE_QUANT_COMBINE(midrise, MIDRISE);
LB_FAKE_QUANT_COMBINE(sign, SIGN);

/** The second one of ternary. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_fake_quant_kept_combine_kernel(const void* partials, Parameters* of_groups, float* scale, int64_t pieces) {
  const int64_t group = blockIdx.x;
  const Kept kept = added<Kept>(partials, group, pieces);
  if (threadIdx.x == 0) {
    Parameters p = of_groups[group];
    complete(p, kept);
    of_groups[group] = p;
    describe(group, p, scale, nullptr);
  }
}
LB_KERNEL(lb_fake_quant_kept_combine_kernel);

#define LB_FAKE_QUANT_APPLY(name, SCHEME)                                                                                       \
  extern "C" __global__ void __launch_bounds__(THREADS, 4) lb_fake_quant_##name##_apply_kernel(                                 \
      const float* x, int64_t x_stride, float* y, int64_t y_stride, uint8_t* codes, int64_t codes_stride,                       \
      const Parameters* of_groups, int64_t group_rows, int64_t group_cols, int64_t across, int64_t pieces, float clip,          \
      int bits) {                                                                                                               \
    const lb::Cut cut = {group_rows, group_cols, across};                                                                       \
    const Options o = {clip, bits};                                                                                             \
    const Piece piece(cut, pieces, SCHEME != TERNARY);                                                                          \
    const Parameters p = of_groups[piece.group];                                                                                \
    const Results results = {y, y_stride, codes, codes_stride};                                                                 \
    walk(x, x_stride, cut, piece.quads, o, [&](const Values<STEP>& values, int rank) {                                          \
      results.store<SCHEME>(values, cut, piece.quads, rank, THREADS, p, o);                                                     \
    });                                                                                                                         \
  }                                                                                                                             \
  LB_KERNEL(lb_fake_quant_##name##_apply_kernel)

LB_FAKE_QUANT_APPLY(ternary, TERNARY);
LB_FAKE_QUANT_APPLY(symmetric, SYMMETRIC);
LB_FAKE_QUANT_APPLY(minmax, MINMAX);
LB_FAKE_QUANT_APPLY(lsq, LSQ);
LB_FAKE_QUANT_APPLY(midrise, MIDRISE);
LB_FAKE_QUANT_APPLY(sign, SIGN);

/** A block a piece of EACH quads a thread. Everything passes where x is null; scale is there where midrise has a bound. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_fake_quant_backward_kernel(const float* x, int64_t x_stride, const float* scale, const float* grad_y,
                                  int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride, int64_t group_rows,
                                  int64_t group_cols, int64_t across, int64_t pieces, float clip) {
  const lb::Cut cut = {group_rows, group_cols, across};
  const Piece piece(cut, pieces, false);
  const bool x_aligned = cut.aligned(x, x_stride);
  const bool grad_y_aligned = cut.aligned(grad_y, grad_y_stride);
  const bool grad_x_aligned = cut.aligned(grad_x, grad_x_stride);
  float bound = clip;
  if (scale != nullptr) {
    // NaN is no bound that anything is below.
    const float s = scale[piece.group];
    bound = clip < s ? clip : s;
  }
#pragma unroll 4
  for (int i = 0; i < EACH; i++) {
    const int quad = (int)(i * blockDim.x + threadIdx.x);
    if (quad < piece.quads.left) {
      const lb::Place p = piece.quads.at(quad);
      float v[4];
      float g[4];
      lb::load_quad(grad_y + p.row * grad_y_stride + p.col, p.count, grad_y_aligned, g);
      if (x != nullptr) {
        lb::load_quad(x + p.row * x_stride + p.col, p.count, x_aligned, v);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          g[j] = fabsf(v[j]) < bound ? g[j] : 0.0f;
        }
      }
      lb::store_quad(grad_x + p.row * grad_x_stride + p.col, p.count, grad_x_aligned, g);
    }
  }
}
LB_KERNEL(lb_fake_quant_backward_kernel);

/** The same for lsq, with the sum of each piece for the step. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_fake_quant_backward_lsq_kernel(const float* x, int64_t x_stride, const float* step, const float* grad_y,
                                      int64_t grad_y_stride, float* grad_x, int64_t grad_x_stride, double* partials,
                                      int64_t rows, int64_t cols, int bits, int plain) {
  const lb::Cut cut = {rows, cols, 1};
  const Piece piece(cut, gridDim.x, false);
  const bool x_aligned = cut.aligned(x, x_stride);
  const bool grad_y_aligned = cut.aligned(grad_y, grad_y_stride);
  const bool grad_x_aligned = cut.aligned(grad_x, grad_x_stride);
  const Options o = {INFINITY, bits};
  const float high = o.top_code();
  const float s = *step;
  double sum = 0.0;
#pragma unroll 4
  for (int i = 0; i < EACH; i++) {
    const int quad = i * THREADS + (int)threadIdx.x;
    if (quad < piece.quads.left) {
      const lb::Place p = piece.quads.at(quad);
      float v[4];
      float g[4];
      lb::load_quad(grad_y + p.row * grad_y_stride + p.col, p.count, grad_y_aligned, g);
      lb::load_quad(x + p.row * x_stride + p.col, p.count, x_aligned, v);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (j < p.count) {
          const float steps = v[j] / s;
          const bool inside = steps >= -high - 1.0f && steps <= high;
          const float slope = inside ? rintf(steps) - steps : o.in_range(steps);
          sum += (double)g[j] * (double)slope;
          g[j] = inside || plain != 0 ? g[j] : 0.0f;
        }
      }
      lb::store_quad(grad_x + p.row * grad_x_stride + p.col, p.count, grad_x_aligned, g);
    }
  }
  sum = lb::Block<THREADS>::sum(sum);
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = sum;
  }
}
LB_KERNEL(lb_fake_quant_backward_lsq_kernel);

/** One block: adds the sums of the pieces of n elements to gradStep. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_fake_quant_backward_step_kernel(const double* partials, int64_t pieces, float* grad_step, int64_t n, int bits) {
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < pieces; i += THREADS) {
    sum += partials[i];
  }
  sum = lb::Block<THREADS>::sum(sum);
  if (threadIdx.x == 0) {
    const double factor = 1.0 / sqrt((double)n * (double)((1 << (bits - 1)) - 1));
    *grad_step = (float)((double)*grad_step + factor * sum);
  }
}
LB_KERNEL(lb_fake_quant_backward_step_kernel);
