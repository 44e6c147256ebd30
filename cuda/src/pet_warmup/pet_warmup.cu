// SPDX-License-Identifier: Apache-2.0
//
// pet_warmup: sum over the pairs (i, s) = (argmax, kappa) and (gold, rho) of the binary cross entropy of sigmoid(u) with target
// s, u = z_i - log sum over k != i of exp z_k. Gradient: x - s at i, -(x - s) exp(z_j) / (sum over k != i of exp z_k) elsewhere,
// times weight and factor. loss = factor sum_r weight_r l_r.
//
// student, grad  f32 [rows, vocab], strides in elements, any alignment; grad may be student, or null;  gold, label  i64 [rows]
// weight  f32 [rows] or null for 1;  left  f64 [1], the factor, or null for the known one;  row_loss  f64 [rows] or null
//
// The argmax is the lowest index of a tie. NaN, +infinity, no finite logit, or a token or label that is none makes its row NaN. A
// row of weight 0 is not read: loss and gradient 0. Gradients are 0 where the factor is 0. Beside one finite logit all others have
// gradient 0. Exponentials in float, relative to the second largest logit, so that the others keep their digits however far the
// top is above them; their sum and what is made of it in double. A warp a row up to 1024 columns, else a block, which keeps the first
// `kept` groups of four in shared memory; the others are read three times. 2 exponentials, 10 flops and 8 bytes an element.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/quads.h"
#include "../device/total.h"

namespace {

constexpr int THREADS = 512;
constexpr int LOADS = 2;

/** The largest elements of a set: the first of the largest with its column, and the second. */
struct Top {
  float first, second;
  int column;

  /** Adds an element of a column behind all others; what is no finite number or -infinity counts as +infinity. */
  LB_DEVICE void add(float z, int c) {
    const float v = z < INFINITY ? z : INFINITY;
    second = fmaxf(second, fminf(first, v));
    if (v > first) {
      first = v;
      column = c;
    }
  }
  LB_DEVICE void add(float4 z, int64_t q) {
    const int c = (int)(4 * q);
    add(z.x, c);
    add(z.y, c + 1);
    add(z.z, c + 2);
    add(z.w, c + 3);
  }

  /** Adds another set, whose columns are others. */
  LB_DEVICE void merge(float other_first, float other_second, int other_column) {
    second = fmaxf(fmaxf(second, other_second), fminf(first, other_first));
    if (other_first > first || (other_first == first && other_column < column)) {
      first = other_first;
      column = other_column;
    }
  }

  /** Merges the sets of neighbouring lanes, so many of them, a power of 2. */
  LB_DEVICE void merge_lanes(int lanes) {
    for (int distance = lanes / 2; distance > 0; distance /= 2) {
      const float f = __shfl_xor_sync(lb::FULL_WARP, first, distance);
      const float s = __shfl_xor_sync(lb::FULL_WARP, second, distance);
      const int c = __shfl_xor_sync(lb::FULL_WARP, column, distance);
      merge(f, s, c);
    }
  }
};

/** What the threads of a row share in the end. */
struct Gradient {
  float share, at_top, at_gold;
};

/** A warp a row: its lanes work out the same numbers. */
struct WarpRow : lb::Warp {
  static constexpr bool KEEPS = false;

  LB_DEVICE static void merge(Top& top) { top.merge_lanes(lb::WARP); }
  LB_DEVICE static bool decides() { return true; }
  /** No lane stores, perhaps over the logits, before all have read them. */
  LB_DEVICE static void share(Gradient&) { __syncwarp(lb::FULL_WARP); }
};

/** A block a row. */
struct BlockRow : lb::Block<THREADS> {
  static constexpr bool KEEPS = true;
  static constexpr int WARPS = THREADS / lb::WARP;

  LB_DEVICE static void merge(Top& top) {
    LB_SHARED(float, firsts, WARPS);
    LB_SHARED(float, seconds, WARPS);
    LB_SHARED(int, columns, WARPS);
    top.merge_lanes(lb::WARP);
    if (threadIdx.x % lb::WARP == 0) {
      firsts[threadIdx.x / lb::WARP] = top.first;
      seconds[threadIdx.x / lb::WARP] = top.second;
      columns[threadIdx.x / lb::WARP] = top.column;
    }
    __syncthreads();
    const int i = (int)threadIdx.x % WARPS;
    const float first = firsts[i];
    const float second = seconds[i];
    const int column = columns[i];
    top = {first, second, column};
    top.merge_lanes(WARPS);
  }

  /** One warp works out what all need. */
  LB_DEVICE static bool decides() { return threadIdx.x < lb::WARP; }
  LB_DEVICE static void share(Gradient& g) {
    LB_SHARED(float, numbers, 3);
    if (threadIdx.x == 0) {
      numbers[0] = g.share;
      numbers[1] = g.at_top;
      numbers[2] = g.at_gold;
    }
    __syncthreads();
    const float share = numbers[0];
    const float at_top = numbers[1];
    const float at_gold = numbers[2];
    g = {share, at_top, at_gold};
  }
};

/**
 * Calls f(group, its number) for all groups of a thread, in ascending order. The first time groups below `kept` are put into
 * shared memory, each into the place of its thread; later they are taken from there.
 */
template <class Row, bool FIRST, class F>
LB_DEVICE void for_groups(const lb::Quads<const float>& z, int kept, F f) {
  LB_DYNAMIC_SHARED(area);
  const lb::Shared<float> places = area.at<float>(0, Row::KEEPS ? 4 * kept : 0);
  for (int64_t first = 0; first < z.count(); first += LOADS * Row::SIZE) {
    const int64_t q = first + Row::rank();
    const bool here = Row::KEEPS && first < kept;
    float4 v[LOADS];
    if (FIRST || !here) {
      z.template load<LOADS, Row::SIZE>(v, q, -INFINITY);
    }
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const int64_t group = q + i * Row::SIZE;
      if (here && FIRST) {
        places.store4(4 * group, v[i]);
      } else if (here) {
        v[i] = places.load4(4 * group);
      }
      f(v[i], group);
    }
  }
}

LB_DEVICE double softplus(double u) { return (u > 0.0 ? u : 0.0) + log1p(exp(-fabs(u))); }

/** - target log x - (1 - target) log(1 - x), x = sigmoid(u). */
LB_DEVICE double cross_entropy(double u, double target) {
  const double on = target == 0.0 ? 0.0 : target * softplus(-u);
  const double off = target == 1.0 ? 0.0 : (1.0 - target) * softplus(u);
  return on + off;
}

/** x - target, x = sigmoid(u), from parts that do not cancel. */
LB_DEVICE double residual(double u, double target) { return (1.0 - target) / (1.0 + exp(-u)) - target / (1.0 + exp(u)); }

/** A row without a gradient of its own. */
template <class Row>
LB_DEVICE void finish(const lb::Quads<float>& out, bool writes, float gradient, double* row_loss, int64_t row, double loss) {
  if (writes) {
    out.template fill<Row>(gradient);
  }
  if (row_loss != nullptr && Row::rank() == 0) {
    row_loss[row] = loss;
  }
}

template <class Row>
LB_DEVICE void run(const float* student, int64_t student_stride, const int64_t* golds, const int64_t* labels, float* grad,
                   int64_t grad_stride, const float* weight, const double* left, double known, double* row_loss, int64_t rows,
                   int64_t cols, int kept, double smoothing) {
  const int64_t row = Row::row();
  if (row >= rows) {
    return;
  }
  const double w = weight == nullptr ? 1.0 : weight[row];
  const double coefficient = w * lb::factor_of(left, known);
  const lb::Quads<float> out(grad + row * grad_stride, cols);
  if (w == 0.0) {
    finish<Row>(out, grad != nullptr, 0.0f, row_loss, row, 0.0);
    return;
  }
  const lb::Quads<const float> z(student + row * student_stride, cols);
  const int gold = golds[row] >= 0 && golds[row] < cols ? (int)golds[row] : -1;
  const int label = labels[row] >= 0 && labels[row] < 4 ? (int)labels[row] : -1;
  const bool known_token = gold >= 0 && label >= 0;
  const float z_gold = known_token ? student[row * student_stride + gold] : 0.0f;

  Top top = {-INFINITY, -INFINITY, INT32_MAX};
  for_groups<Row, true>(z, kept, [&](float4 v, int64_t q) { top.add(v, q); });
  Row::merge(top);
  if (fabsf(top.first) == INFINITY || !known_token) {
    finish<Row>(out, grad != nullptr, coefficient == 0.0 ? 0.0f : NAN, row_loss, row, NAN);
    return;
  }

  // others: the sum over k != top of exp(z_k - second), at least 1 unless all of them are -infinity.
  const bool alone = top.second == -INFINITY;
  const float second = alone ? 0.0f : top.second;
  const auto exponential = [&](float v) { return expf(fminf(v - second, 0.0f)); };
  double others = 0.0;
  for_groups<Row, false>(z, kept, [&](float4 v, int64_t q) {
    const int c = top.column - (int)(4 * q);
    const float x0 = c == 0 ? 0.0f : exponential(v.x);
    const float x1 = c == 1 ? 0.0f : exponential(v.y);
    const float x2 = c == 2 ? 0.0f : exponential(v.z);
    const float x3 = c == 3 ? 0.0f : exponential(v.w);
    others += (double)((x0 + x1) + (x2 + x3));
  });
  others = Row::sum(others);

  const bool one = gold == top.column;
  const bool writes = grad != nullptr && coefficient != 0.0;
  Gradient g = {0.0f, 0.0f, 0.0f};
  if (Row::decides()) {
    const double low = 2.0 * smoothing / 3.0;
    const double kappa = label == 0 || label == 2 ? 1.0 - low : low;
    const double rho = label == 0 || label == 1 ? 1.0 - low : low;
    const double gap = (double)top.first - top.second;
    const double under = exp(-gap);
    const double u_top = gap - log(others);
    // The sum over k != gold of exp(z_k - top), at least 1 where gold is not the top.
    const double rest = others * under - exp((double)z_gold - top.first);
    const double not_gold = 1.0 + (rest > 0.0 ? rest : 0.0);
    const double u_gold = one ? u_top : (double)z_gold - top.first - log(not_gold);
    if (writes) {
      const double on_top = coefficient * residual(u_top, kappa);
      const double on_gold = coefficient * residual(u_gold, rho);
      const double top_share = alone ? 0.0 : 1.0 / others;
      const double gold_share = one ? top_share : under / not_gold;
      const double gold_exp = alone ? 0.0 : exp((double)z_gold - second);
      g.share = (float)-(on_top * top_share + on_gold * gold_share);
      g.at_top = (float)(one ? on_top + on_gold : on_top - on_gold / not_gold);
      g.at_gold = (float)(on_gold - on_top * top_share * gold_exp);
    }
    if (row_loss != nullptr && Row::rank() == 0) {
      row_loss[row] = cross_entropy(u_top, kappa) + cross_entropy(u_gold, rho);
    }
  }
  if (!writes) {
    if (grad != nullptr) {
      out.template fill<Row>(0.0f);
    }
    return;
  }
  Row::share(g);
  for_groups<Row, false>(z, kept, [&](float4 v, int64_t q) {
    float4 e = lb::map4(v, [&](float x) { return alone ? 0.0f : g.share * exponential(x); });
    const auto set = [&](int c, float value) {
      e.x = c == 0 ? value : e.x;
      e.y = c == 1 ? value : e.y;
      e.z = c == 2 ? value : e.z;
      e.w = c == 3 ? value : e.w;
    };
    if (!one) {
      set(gold - (int)(4 * q), g.at_gold);
    }
    set(top.column - (int)(4 * q), g.at_top);
    out.store(q, e);
  });
}

}  // namespace

extern "C" __global__ void lb_pet_warmup_warp_kernel(const float* student, int64_t student_stride, const int64_t* golds,
                                                     const int64_t* labels, float* grad, int64_t grad_stride,
                                                     const float* weight, const double* left, double known, double* row_loss,
                                                     int64_t rows, int64_t cols, int kept, double smoothing) {
  run<WarpRow>(student, student_stride, golds, labels, grad, grad_stride, weight, left, known, row_loss, rows, cols, kept,
               smoothing);
}
LB_KERNEL(lb_pet_warmup_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    lb_pet_warmup_block_kernel(const float* student, int64_t student_stride, const int64_t* golds, const int64_t* labels,
                               float* grad, int64_t grad_stride, const float* weight, const double* left, double known,
                               double* row_loss, int64_t rows, int64_t cols, int kept, double smoothing) {
  run<BlockRow>(student, student_stride, golds, labels, grad, grad_stride, weight, left, known, row_loss, rows, cols, kept,
               smoothing);
}
LB_KERNEL(lb_pet_warmup_block_kernel);

LB_TOTAL_KERNEL(pet_warmup);
