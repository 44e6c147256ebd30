// SPDX-License-Identifier: Apache-2.0
//
// adamw: m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w -= l (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) +
// epsilon) + l weightDecay w. The corrections are in what the caller gives: size = l / (1 - beta1^t), root = 1 / sqrt(1 -
// beta2^t), shrink = l weightDecay.
//
// w, g, m, v  f32 [rows, cols], strides in elements, any alignment, apart from each other; w, m, v are updated.
//
// NaN stays in its element. In float, each update within 4 ulp of the larger of itself and w. A thread four elements. 12 flops, a
// root and a division an element; 28 bytes an element.

#include "../device/adam.h"

LB_ADAM_KERNEL(adamw);
