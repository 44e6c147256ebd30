// SPDX-License-Identifier: Apache-2.0
//
// attention_kl from scores. Per row, p and q the softmax of student and teacher scores / T over the real keys: loss sum q log(q / p),
// gradient (p - q) / T; with a clamp e, P = max(p, e), Q = max(q, e): sum Q log(Q / P), (p M - Q u) / T, u = [p > e], M = sum Q u.
// Mean over the real query rows of an example and head, then over batch and heads.
//
// student, teacher, grad  f32 [batch heads queries, keys], strides in elements, any alignment; grad may be student, or null.
// lengths  i32 [batch] or null;  mask  u8 [batch queries, keys] or null;  losses  f64 [rows], scratch, or null;  means  f64 [batch
// heads], scratch;  loss  f64 [1].
//
// Masked scores are not read; their gradient is 0. NaN, or a softmax without a finite maximum, makes its row NaN. Lengths beyond the
// keys count as all. The loss from Q (expm1(x) - x), x = log(P / Q), terms of one sign; without a clamp x comes from student - teacher
// scores, exact where they are close. P and Q do not sum to 1 each: the excess (Q - q) - (P - p) is added. Sums in f32 of a lane's
// keys, of lanes and rows in double; the bits of a row depend on that row alone.
// Lanes of a warp a row: 8 up to 128 keys, 16 up to 256, 32 up to 512, which hold both rows and their exponentials, so that what is
// done once a row is done for up to four at a time; longer rows (..._streamed_kernel) a warp reads four times (five with a clamp),
// mostly from a cache. 2 exponentials, 50 flops an element; 12 bytes an element of a held row. A warp an example and head
// (..._means_kernel) and one block (..._total_kernel) add the losses of rows.

#include "../device/device.h"
#include "../device/exponential.h"
#include "../device/group.h"
#include "../device/softmax_row.h"

namespace {

constexpr int THREADS = 256;
/** Row maxima nearer than this: scores are subtracted as they are, which is exact for close ones. */
constexpr float NEAR = 8.0f;
/** Below this |x| the series of expm1(x) - x holds. */
constexpr float SMALL = 0.3f;

struct Rows {
  const float* student;
  int64_t student_stride;
  const float* teacher;
  int64_t teacher_stride;
  const int* lengths;
  const uint8_t* mask;
  int64_t mask_stride;
  float* grad;
  int64_t grad_stride;
  double* losses;
  int rows, heads, queries, keys;
  // 1 / T, and the factor of the gradient with it; the clamp and its logarithm.
  double inverse, slope;
  float clamp, log_clamp;
  int causal;
};

/** The rows of an example that count: those below its length, or all. */
LB_DEVICE int real_queries(const int* lengths, int example, int queries, int keys) {
  return lengths == nullptr || queries != keys ? queries : min(max(lengths[example], 0), keys);
}

/**
 * A row, shared by LANES neighbours of a warp, or by all of it; a lane has every LANES-th key. each(f) calls f(key, s, t, e_s, e_t)
 * for its real ones, and maybe for others.
 */
struct Row {
  const float* student;
  const float* teacher;
  const uint8_t* mask;
  int end;

  LB_DEVICE bool real(int key) const { return key < end && (mask == nullptr || mask[key] != 0); }
};

/**
 * One that its lanes keep: N keys each at most. Those that are not real have scores of -infinity, so that all they add is 0 and no
 * branch is needed for them.
 */
template <int N, int SHARERS>
struct Held {
  static constexpr bool WRITES_ALL = true;
  static constexpr int LANES = SHARERS;

  float s[N], t[N], e_s[N], e_t[N];
  unsigned real;
  int keys; /* that have a gradient */

  LB_DEVICE Held(const Row& row, int count) : real(0), keys(count) {
    unsigned kept[N];
    const int first = first_key();
#pragma unroll
    for (int i = 0; i < N; i++) {
      const int key = first + i * LANES;
      kept[i] = key < row.end ? 1u : 0u;
    }
    if (row.mask != nullptr) {
#pragma unroll
      for (int i = 0; i < N; i++) {
        const int key = first + i * LANES;
        if (key < row.end) {
          kept[i] = row.mask[key];
        }
      }
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
      const int key = first + i * LANES;
      s[i] = t[i] = -INFINITY;
      if (kept[i] != 0) {
        s[i] = row.student[key];
        t[i] = row.teacher[key];
        real |= 1u << i;
      }
    }
  }
  /** The first key of a lane, computed anew so that no keys stay in registers from one loop to the next. */
  LB_DEVICE static int first_key() { return lb::computed_anew((int)threadIdx.x % LANES); }
  LB_DEVICE bool any() const { return real != 0; }

  template <class F>
  LB_DEVICE void each_score(F f) const {
#pragma unroll
    for (int i = 0; i < N; i++) {
      f(s[i], t[i]);
    }
  }
  /** Sets the exponentials and returns their sums. */
  LB_DEVICE void exponentiate(float s_max, float t_max, float binary, float (&sums)[2]) {
#pragma unroll
    for (int i = 0; i < N; i++) {
      e_s[i] = lb::exp2_flushed((s[i] - s_max) * binary);
      e_t[i] = lb::exp2_flushed((t[i] - t_max) * binary);
      sums[0] += e_s[i];
      sums[1] += e_t[i];
    }
  }
  template <class F>
  LB_DEVICE void each(F f) const {
    const int first = first_key();
#pragma unroll
    for (int i = 0; i < N; i++) {
      f(first + i * LANES, s[i], t[i], e_s[i], e_t[i]);
    }
  }
  /** Stores the gradient of a key, if there is one; where the key is not real this is 0. */
  LB_DEVICE void store(float* grad, int key, float value) const {
    if (key < keys) {
      grad[key] = value;
    }
  }
  /** The gradient of a row without a softmax. */
  LB_DEVICE void spoil(float* grad) const {
    const int first = first_key();
#pragma unroll 1
    for (int i = 0; i < N; i++) {
      store(grad, first + i * LANES, (real >> i & 1) != 0 ? NAN : 0.0f);
    }
  }
};

using Short = Held<16, 8>;
using Middle = Held<16, 16>;
using Long = Held<16, lb::WARP>;

/** One of any length, read again each time. */
struct Streamed {
  static constexpr bool WRITES_ALL = false;
  static constexpr int LANES = lb::WARP;

  const Row& row;
  float s_max, t_max, binary;

  LB_DEVICE Streamed(const Row& r, int) : row(r), s_max(0), t_max(0), binary(0) {}
  LB_DEVICE bool any() const {
    for (int key = lb::Warp::rank(); key < row.end; key += lb::WARP) {
      if (row.real(key)) {
        return true;
      }
    }
    return false;
  }

  template <class F>
  LB_DEVICE void each_score(F f) const {
    for (int key = lb::Warp::rank(); key < row.end; key += lb::WARP) {
      if (row.real(key)) {
        f(row.student[key], row.teacher[key]);
      }
    }
  }
  LB_DEVICE void exponentiate(float s, float t, float factor, float (&sums)[2]) {
    s_max = s;
    t_max = t;
    binary = factor;
    each([&](int, float, float, float e_s, float e_t) {
      sums[0] += e_s;
      sums[1] += e_t;
    });
  }
  template <class F>
  LB_DEVICE void each(F f) const {
    for (int key = lb::Warp::rank(); key < row.end; key += lb::WARP) {
      if (row.real(key)) {
        const float s = row.student[key];
        const float t = row.teacher[key];
        f(key, s, t, lb::exp2_flushed((s - s_max) * binary), lb::exp2_flushed((t - t_max) * binary));
      }
    }
  }
  LB_DEVICE void store(float* grad, int key, float value) const {
    if (grad != nullptr) {
      grad[key] = value;
    }
  }
  LB_DEVICE void spoil(float* grad) const {
    each([&](int key, float, float, float, float) { store(grad, key, NAN); });
  }
};

/** expm1(x) - x for |x| below SMALL: the best polynomial of degree 4 in place of (exp(x) - 1 - x) / x^2, 6e-8. */
LB_DEVICE float series(float x) {
  const float t = (((1.39013818e-3f * x + 8.35552532e-3f) * x + 4.16667201e-2f) * x + 1.66666180e-1f) * x + 0.5f;
  return t * (x * x);
}

/** q (expm1(x) - x), from the series where x is small, else as p - q - q x. */
LB_DEVICE float term(float p, float q, float x) { return fabsf(x) < SMALL ? series(x) * q : p - (q * x + q); }

/** Softmaxes before their division. */
struct Maps {
  float s_max, t_max, s_sum, t_sum;
};

/**
 * Without a clamp: the loss of the lane's keys; writes their gradient. Here and below p and q are rounded before they are
 * subtracted, so that equal maps have no gradient: a compiler that fused one of the products would leave its rounding.
 */
template <class Kept>
LB_DEVICE double plain(const Rows& g, const Kept& kept, const Maps& m, float* grad, float slope) {
  const bool near = fabsf(m.s_max - m.t_max) <= NEAR;
  const float distance = near ? m.s_max - m.t_max : 0.0f;
  const double rounded = near ? (double)m.s_max - (double)m.t_max - (double)distance : 0.0;
  const float s_base = near ? 0.0f : m.s_max;
  const float t_base = near ? 0.0f : m.t_max;
  const float inverse = (float)g.inverse;
  const float shift = (float)(rounded * g.inverse + log((double)m.s_sum / (double)m.t_sum));
  const float s_scale = 1.0f / m.s_sum;
  const float t_scale = 1.0f / m.t_sum;
  float loss = 0.0f;
  kept.each([&](int key, float s, float t, float e_s, float e_t) {
    const float p = __fmul_rn(e_s, s_scale);
    const float q = __fmul_rn(e_t, t_scale);
    const float x = (((s - s_base) - (t - t_base)) - distance) * inverse - shift;
    // Where q is 0, x may be NaN or infinite, and the term is p.
    loss += q == 0.0f ? p : term(p, q, x);
    // The sum with 0 makes +0 of -0.
    kept.store(grad, key, fmaf(p - q, slope, 0.0f));
  });
  return loss;
}

/** With a clamp. */
template <class Kept>
LB_DEVICE double clamped(const Rows& g, const Kept& kept, const Maps& m, float* grad, float slope) {
  const float inverse = (float)g.inverse;
  const float s_log = (float)log((double)m.s_sum);
  const float t_log = (float)log((double)m.t_sum);
  const float s_scale = 1.0f / m.s_sum;
  const float t_scale = 1.0f / m.t_sum;
  float mass = 0.0f;
  // Not by the row's own, which may lack one beside rows of its warp that do not.
  if (g.grad != nullptr) {
    // M as 1 plus the sum of Q u - q: exactly 1 where the clamp changes nothing.
    float excess = 0.0f;
    kept.each([&](int, float, float, float e_s, float e_t) {
      const float q = __fmul_rn(e_t, t_scale);
      excess += (__fmul_rn(e_s, s_scale) <= g.clamp ? 0.0f : fmaxf(q, g.clamp)) - q;
    });
    double all[1] = {excess};
    lb::warp_sums<Kept::LANES>(all);
    mass = (float)(1.0 + all[0]);
  }
  float loss = 0.0f;
  kept.each([&](int key, float s, float t, float e_s, float e_t) {
    const float p = __fmul_rn(e_s, s_scale);
    const float q = __fmul_rn(e_t, t_scale);
    const float log_p = (s - m.s_max) * inverse - s_log;
    const float log_q = (t - m.t_max) * inverse - t_log;
    const float x = fmaxf(log_p, g.log_clamp) - fmaxf(log_q, g.log_clamp);
    const float high_p = fmaxf(p, g.clamp);
    const float high_q = fmaxf(q, g.clamp);
    loss += term(high_p, high_q, x) + ((high_q - q) - (high_p - p));
    kept.store(grad, key, fmaf(p * mass - (p <= g.clamp ? 0.0f : high_q), slope, 0.0f));
  });
  return loss;
}

/** Writes the gradient of a row, returns its loss to all its lanes; NaN and a gradient of 0 where no key is real. */
template <class Kept>
LB_DEVICE double row_loss(const Rows& g, Kept& kept, float* grad, float slope) {
  float maxima[2] = {-INFINITY, -INFINITY};
  kept.each_score([&](float s, float t) {
    maxima[0] = fmaxf(maxima[0], s);
    maxima[1] = fmaxf(maxima[1], t);
  });
  lb::warp_maxima<Kept::LANES>(maxima);
  float sums[2] = {0.0f, 0.0f};
  kept.exponentiate(maxima[0], maxima[1], (float)(g.inverse * 1.44269504088896341), sums);
  lb::warp_sums<Kept::LANES>(sums);
  const Maps maps = {maxima[0], maxima[1], sums[0], sums[1]};
  double loss[1] = {g.clamp == 0.0f ? plain(g, kept, maps, grad, slope) : clamped(g, kept, maps, grad, slope)};
  lb::warp_sums<Kept::LANES>(loss);
  // NaN is lost in a maximum, and an infinite one makes NaN; it is not lost in the sum.
  if (sums[0] != sums[0] || sums[1] != sums[1]) {
    kept.spoil(grad);
    loss[0] = NAN;
  }
  return loss[0];
}

template <class Kept>
LB_DEVICE void rows(const Rows& g) {
  constexpr int LANES = Kept::LANES;
  const int64_t at = ((int64_t)blockIdx.x * THREADS + threadIdx.x) / LANES;
  // Past the last: that one, but nothing is read or written.
  const bool there = at < g.rows;
  const int64_t r = there ? at : g.rows - 1;
  const int query = (int)r % g.queries;
  const int example = (int)r / g.queries / g.heads;
  const int real = real_queries(g.lengths, example, g.queries, g.keys);
  int end = !there || query >= real ? 0 : g.lengths == nullptr ? g.keys : min(max(g.lengths[example], 0), g.keys);
  if (g.causal != 0) {
    end = min(end, query + 1);
  }
  const uint8_t* const mask = g.mask == nullptr ? nullptr : g.mask + ((int64_t)example * g.queries + query) * g.mask_stride;
  const Row row = {g.student + r * g.student_stride, g.teacher + r * g.teacher_stride, mask, end};
  float* const grad = g.grad == nullptr || !there ? nullptr : g.grad + r * g.grad_stride;
  Kept kept(row, grad == nullptr ? 0 : g.keys);
  const unsigned with = __ballot_sync(lb::FULL_WARP, kept.any());
  double loss = 0.0;
  if (with != 0) {
    const double of_row = row_loss(g, kept, grad, (float)(g.slope / (double)real));
    // Whether a lane of the row has a real key.
    loss = with >> lb::Warp::rank() / LANES * LANES << (lb::WARP - LANES) == 0 ? 0.0 : of_row;
  }
  if (grad != nullptr && !(with != 0 && Kept::WRITES_ALL)) {
    for (int key = (int)threadIdx.x % LANES; key < g.keys; key += LANES) {
      if (!row.real(key)) {
        grad[key] = 0.0f;
      }
    }
  }
  if (g.losses != nullptr && there && threadIdx.x % LANES == 0) {
    g.losses[r] = loss;
  }
}

}  // namespace

#define LB_ATTENTION_KL(variant, Kept, blocks)                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, blocks) lb_attention_kl_##variant##_kernel(                           \
      const float* student, int64_t student_stride, const float* teacher, int64_t teacher_stride, const int* lengths,         \
      const uint8_t* mask, int64_t mask_stride, float* grad, int64_t grad_stride, double* losses, int all, int heads,         \
      int queries, int keys, double inverse, double slope, float clamp, float log_clamp, int causal) {                        \
    rows<Kept>({student, student_stride, teacher, teacher_stride, lengths, mask, mask_stride, grad, grad_stride, losses, all, \
                heads, queries, keys, inverse, slope, clamp, log_clamp, causal});                                             \
  }                                                                                                                           \
  LB_KERNEL(lb_attention_kl_##variant##_kernel)

LB_ATTENTION_KL(short, Short, 2);
LB_ATTENTION_KL(middle, Middle, 2);
LB_ATTENTION_KL(long, Long, 2);
LB_ATTENTION_KL(streamed, Streamed, 4);

/** A warp an example and head: the mean of the losses of its real rows. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_attention_kl_means_kernel(const double* losses, const int* lengths, double* means, int matrices, int heads, int queries,
                                 int keys) {
  const int64_t matrix = lb::Warp::row();
  if (matrix >= matrices) {
    return;
  }
  double sum = 0.0;
  for (int i = lb::Warp::rank(); i < queries; i += lb::WARP) {
    sum += losses[matrix * queries + i];
  }
  sum = lb::Warp::sum(sum);
  if (lb::Warp::rank() == 0) {
    const int real = real_queries(lengths, (int)matrix / heads, queries, keys);
    means[matrix] = real == 0 ? 0.0 : sum / (double)real;
  }
}
LB_KERNEL(lb_attention_kl_means_kernel);

/** One block. */
extern "C" __global__ void __launch_bounds__(THREADS)
    lb_attention_kl_total_kernel(const double* means, int matrices, double factor, double* loss) {
  double sum = 0.0;
  for (int i = (int)threadIdx.x; i < matrices; i += THREADS) {
    sum += means[i];
  }
  sum = lb::Block<THREADS>::sum(sum);
  if (threadIdx.x == 0) {
    *loss = sum * factor;
  }
}
LB_KERNEL(lb_attention_kl_total_kernel);
