// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.limbeck.bench.peers.TorchCall.over;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.peer.PeerCall;

/**
 * Fake quantization with tensor functions, as the code of quantization-aware training does it: a
 * function for the forward and one for the straight-through backward.
 */
final class TorchQuantizers {
  private static final double CLIP = 2.5;
  private static final double LEVELS = 127;
  private static final double THRESHOLD = 0.7;

  private TorchQuantizers() {}

  static PeerCall call(Case work) {
    Tensor x = over(work.of("x"));
    ScalarOptional low = new ScalarOptional(new Scalar(-CLIP));
    ScalarOptional high = new ScalarOptional(new Scalar(CLIP));
    if (work.mode().endsWith("backward")) {
      Tensor gradient = over(work.of("grad_y"));
      Scalar zero = new Scalar(0.0);
      return TorchCall.plain(
          "grad_x",
          () ->
              gradient
                  .clone()
                  .masked_fill_(x.ge(new Scalar(CLIP)), zero)
                  .masked_fill_(x.le(new Scalar(-CLIP)), zero));
    }
    return switch (work.mode()) {
      case "ternary.forward" -> TorchCall.plain("y", () -> ternary(x.clamp(low, high)));
      case "symmetric8.forward" ->
          TorchCall.plain(
              "y",
              () -> {
                Tensor clipped = x.clamp(low, high);
                return levels(clipped, clipped.abs().max());
              });
      case "symmetric8_row.forward" ->
          TorchCall.plain(
              "y",
              () -> {
                Tensor clipped = x.clamp(low, high);
                return levels(clipped, clipped.abs().amax(new long[] {1}, true));
              });
      default -> null;
    };
  }

  private static Tensor ternary(Tensor x) {
    Tensor magnitude = x.abs();
    Tensor threshold = magnitude.mean().mul(new Scalar(THRESHOLD));
    Tensor mask = magnitude.gt(threshold).to(torch.ScalarType.Float);
    Tensor alpha = mask.mul(magnitude).sum().div(mask.sum());
    return x.sign().mul(mask).mul(alpha);
  }

  private static Tensor levels(Tensor x, Tensor largest) {
    Tensor scale = largest.reciprocal().mul(new Scalar(LEVELS));
    return x.mul(scale).round().div(scale);
  }
}
