// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.training.bert.Quantization;

/**
 * libtorch's fake quantization in one operator. It clips to the outermost level, so its gradient
 * also passes half a step beyond the clip.
 */
final class FusedTorchQuantizer implements TorchQuantizer {
  @Override
  public Tensor activation(Tensor x) {
    return Torch.keep(
        () -> {
          T_TensorTensor_T range = x.detach().aminmax();
          double largest = Math.max(-range.get0().item_float(), range.get1().item_float());
          double scale = Math.min(largest, Quantization.CLIP) / LEVELS;
          return torch.fake_quantize_per_tensor_affine(x, scale, 0, -LEVELS, LEVELS);
        });
  }
}
