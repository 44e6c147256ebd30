// SPDX-License-Identifier: Apache-2.0
//
// mse: l = sum_j (f(s_j) - f(t_j))^2 / cols with f(x) = 0 at or below the floor and x above it; ds_j = 2 c (f(s_j) - f(t_j)) /
// cols above the floor, 0 at or below it, c = weight factor. loss = factor sum_r weight_r l_r.
//
// student, teacher, grad  f32 [rows, cols], strides in elements, any alignment; grad may be student, or null
// weight  f32 [rows] or null for 1;  left  f64 [1], the factor, or null for the known one;  row_loss  f64 [rows] or null
//
// NaN is never at or below the floor; a floor of -infinity is none. A row of weight 0 is not read: loss and gradient 0. Gradients
// are 0 where the factor is 0. Differences in float, all else in double, gradients rounded once. A warp a row up to 1024 columns,
// else a block. One pass, 5 flops and 12 bytes an element.

#include "../device/device.h"
#include "../device/group.h"
#include "../device/quads.h"
#include "../device/total.h"

namespace {

constexpr int THREADS = 512;
constexpr int LOADS = 2;

struct Element {
  float floor;
  double scale;
  double sum;

  LB_DEVICE bool at_floor(float x) const { return floor > -INFINITY && x <= floor; }

  /** Adds the square; returns the gradient. */
  LB_DEVICE float operator()(float s, float t) {
    const bool low = at_floor(s);
    const float difference = (low ? 0.0f : s) - (at_floor(t) ? 0.0f : t);
    const double d = difference;
    sum += d * d;
    // Not NaN times 0 where the gradient is 0 whatever the rows hold.
    return low || scale == 0.0 ? 0.0f : (float)(scale * d);
  }
};

template <class Group>
LB_DEVICE void run(const float* student, int64_t student_stride, const float* teacher, int64_t teacher_stride, float* grad,
                   int64_t grad_stride, const float* weight, const double* left, double known, double* row_loss, int64_t rows,
                   int64_t cols, float floor) {
  const int64_t row = Group::row();
  if (row >= rows) {
    return;
  }
  const double w = weight == nullptr ? 1.0 : weight[row];
  const lb::Quads<float> out(grad + row * grad_stride, cols);
  Element element = {floor, 2.0 * (w * lb::factor_of(left, known)) / (double)cols, 0.0};
  if (w != 0.0) {
    const lb::Quads<const float> students(student + row * student_stride, cols);
    const lb::Quads<const float> teachers(teacher + row * teacher_stride, cols);
    for (int64_t q = Group::rank(); q < students.count(); q += LOADS * Group::SIZE) {
      float4 s[LOADS];
      float4 t[LOADS];
      students.template load<LOADS, Group::SIZE>(s, q, 0.0f);
      teachers.template load<LOADS, Group::SIZE>(t, q, 0.0f);
#pragma unroll
      for (int i = 0; i < LOADS; i++) {
        const float4 g = lb::map4(s[i], t[i], [&](float a, float b) { return element(a, b); });
        if (grad != nullptr) {
          out.store(q + i * Group::SIZE, g);
        }
      }
    }
  } else if (grad != nullptr) {
    out.template fill<Group>(0.0f);
  }
  const double sum = Group::sum(element.sum);
  if (row_loss != nullptr && Group::rank() == 0) {
    row_loss[row] = sum / (double)cols;
  }
}

}  // namespace

extern "C" __global__ void lb_mse_warp_kernel(const float* student, int64_t student_stride, const float* teacher,
                                              int64_t teacher_stride, float* grad, int64_t grad_stride, const float* weight,
                                              const double* left, double known, double* row_loss, int64_t rows, int64_t cols,
                                              float floor) {
  run<lb::Warp>(student, student_stride, teacher, teacher_stride, grad, grad_stride, weight, left, known, row_loss, rows, cols,
                floor);
}
LB_KERNEL(lb_mse_warp_kernel);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    lb_mse_block_kernel(const float* student, int64_t student_stride, const float* teacher, int64_t teacher_stride, float* grad,
                        int64_t grad_stride, const float* weight, const double* left, double known, double* row_loss,
                        int64_t rows, int64_t cols, float floor) {
  run<lb::Block<THREADS>>(student, student_stride, teacher, teacher_stride, grad, grad_stride, weight, left, known, row_loss,
                          rows, cols, floor);
}
LB_KERNEL(lb_mse_block_kernel);

LB_TOTAL_KERNEL(mse);
