// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.number;

import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.limbeck.training.bert.Quantization;

/** How libtorch quantizes, with straight-through gradients. */
interface TorchQuantizer {
  /** The levels of 8 bits on each side of 0. */
  int LEVELS = 127;

  /** The threshold relative to the mean of the magnitudes. */
  double THRESHOLD = 0.7;

  /** Quantizes to 8 bits, symmetric, one scale for the tensor. */
  Tensor activation(Tensor x);

  /**
   * Quantizes a weight to -a, 0 and a.
   *
   * @param w [out, in]
   * @param byRow whether each row has an a of its own, or all have one
   */
  default Tensor weight(Tensor w, boolean byRow) {
    return Torch.keep(
        () -> {
          Tensor clipped = clip(w);
          Tensor latent = clipped.detach();
          Tensor size = latent.abs();
          Tensor kept = size.gt(mean(size, byRow).mul_(number(THRESHOLD))).to(w.scalar_type());
          Tensor scale = sum(size.mul_(kept), byRow).div_(sum(kept, byRow));
          Tensor quantized = latent.sign().mul_(kept).mul_(scale);
          return clipped.add(quantized.sub_(latent));
        });
  }

  /** Clips; the gradient passes inside. */
  static Tensor clip(Tensor x) {
    return x.clamp(
        new ScalarOptional(number(-Quantization.CLIP)),
        new ScalarOptional(number(Quantization.CLIP)));
  }

  private static Tensor mean(Tensor x, boolean byRow) {
    return byRow ? x.mean(new long[] {1}, true, new ScalarTypeOptional()) : x.mean();
  }

  private static Tensor sum(Tensor x, boolean byRow) {
    return byRow ? x.sum(new long[] {1}, true, new ScalarTypeOptional()) : x.sum();
  }
}
