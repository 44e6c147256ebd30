// SPDX-License-Identifier: Apache-2.0
//
// cosine: with k = s.t / (|s| |t|): l = 1 - k (mode 0), 1 - k^2 (1) or 2 (1 - k) (2); ds = -c m (t / |t| - k s / |s|) / |s| with
// m = 1, 2 k or 2, c = weight factor. loss = factor sum_r weight_r l_r.
//
// student, teacher, grad  f32 [rows, cols], strides in elements, any alignment; grad may be student, or null
// weight  f32 [rows] or null for 1;  left  f64 [1], the factor, or null for the known one;  row_loss  f64 [rows] or null
//
// A zero vector on either side: k = 0, gradient 0. NaN or an infinity makes its row NaN. A row of weight 0 is not read: loss and
// gradient 0. Gradients are 0 where the factor is 0. All in double, gradients rounded once. A warp a row up to 1024 columns, else
// a block; the row is read again, from a cache, for the gradient. 9 flops and 12 bytes an element.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/quads.h"
#include "../device/total.h"

namespace {

constexpr int THREADS = 512;
constexpr int LOADS = 2;

/** The three products of two rows. */
struct Products {
  double ss, tt, st;

  LB_DEVICE void add(float s, float t) {
    // Squares and products in the same way, so that equal rows have a cosine of exactly 1.
    ss += (double)s * s;
    tt += (double)t * t;
    st += (double)s * t;
  }
  LB_DEVICE void add(float4 s, float4 t) {
    add(s.x, t.x);
    add(s.y, t.y);
    add(s.z, t.z);
    add(s.w, t.w);
  }
};

/** Calls f(group of the student, group of the teacher, its number) for all groups of a thread. */
template <class Group, class F>
LB_DEVICE void for_pairs(const lb::Quads<const float>& students, const lb::Quads<const float>& teachers, F f) {
  for (int64_t q = Group::rank(); q < students.count(); q += LOADS * Group::SIZE) {
    float4 s[LOADS];
    float4 t[LOADS];
    students.template load<LOADS, Group::SIZE>(s, q, 0.0f);
    teachers.template load<LOADS, Group::SIZE>(t, q, 0.0f);
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      f(s[i], t[i], q + i * Group::SIZE);
    }
  }
}

template <class Group>
LB_DEVICE void run(const float* student, int64_t student_stride, const float* teacher, int64_t teacher_stride, float* grad,
                   int64_t grad_stride, const float* weight, const double* left, double known, double* row_loss, int64_t rows,
                   int64_t cols, int mode) {
  const int64_t row = Group::row();
  if (row >= rows) {
    return;
  }
  const double w = weight == nullptr ? 1.0 : weight[row];
  const double coefficient = w * lb::factor_of(left, known);
  const lb::Quads<float> out(grad + row * grad_stride, cols);
  if (w == 0.0) {
    if (grad != nullptr) {
      out.template fill<Group>(0.0f);
    }
    if (row_loss != nullptr && Group::rank() == 0) {
      row_loss[row] = 0.0;
    }
    return;
  }
  const lb::Quads<const float> students(student + row * student_stride, cols);
  const lb::Quads<const float> teachers(teacher + row * teacher_stride, cols);
  Products p = {0.0, 0.0, 0.0};
  for_pairs<Group>(students, teachers, [&](float4 s, float4 t, int64_t) { p.add(s, t); });
  p.ss = Group::sum(p.ss);
  p.tt = Group::sum(p.tt);
  p.st = Group::sum(p.st);

  const double squares = p.ss * p.tt;
  const bool zero = squares == 0.0;
  // sqrt(x * x) is x, so that equal rows have a loss of exactly 0. NaN stays.
  double k = zero ? 0.0 : p.st / sqrt(squares);
  k = k > 1.0 ? 1.0 : k < -1.0 ? -1.0 : k;
  if (row_loss != nullptr && Group::rank() == 0) {
    row_loss[row] = mode == 0 ? 1.0 - k : mode == 1 ? 1.0 - k * k : 2.0 * (1.0 - k);
  }
  if (grad == nullptr) {
    return;
  }
  if (zero || coefficient == 0.0) {
    out.template fill<Group>(0.0f);
    return;
  }
  const double multiple = coefficient * (mode == 0 ? 1.0 : mode == 1 ? 2.0 * k : 2.0);
  const double of_s = multiple * k / p.ss;
  const double of_t = -multiple / sqrt(squares);
  for_pairs<Group>(students, teachers, [&](float4 s, float4 t, int64_t q) {
    out.store(q, lb::map4(s, t, [&](float a, float b) { return (float)(of_s * a + of_t * b); }));
  });
}

}  // namespace

extern "C" __global__ void lb_cosine_warp_kernel(const float* student, int64_t student_stride, const float* teacher,
                                                 int64_t teacher_stride, float* grad, int64_t grad_stride, const float* weight,
                                                 const double* left, double known, double* row_loss, int64_t rows, int64_t cols,
                                                 int mode) {
  run<lb::Warp>(student, student_stride, teacher, teacher_stride, grad, grad_stride, weight, left, known, row_loss, rows,
                   cols, mode);
}
LB_KERNEL(lb_cosine_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    lb_cosine_block_kernel(const float* student, int64_t student_stride, const float* teacher, int64_t teacher_stride,
                           float* grad, int64_t grad_stride, const float* weight, const double* left, double known,
                           double* row_loss, int64_t rows, int64_t cols, int mode) {
  run<lb::Block<THREADS>>(student, student_stride, teacher, teacher_stride, grad, grad_stride, weight, left, known, row_loss,
                             rows, cols, mode);
}
LB_KERNEL(lb_cosine_block_kernel);

LB_TOTAL_KERNEL(cosine);
