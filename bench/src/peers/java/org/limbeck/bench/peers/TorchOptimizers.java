// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.limbeck.bench.peers.TorchCall.over;

import java.util.Map;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.peer.PeerCall;

/** Optimizer steps on copies of the parameter. */
final class TorchOptimizers {
  private static final double LEARNING_RATE = 1e-4;
  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-6;
  private static final double WEIGHT_DECAY = 0.01;
  private static final double LARGEST_NORM = 1;

  private TorchOptimizers() {}

  /** libtorch's own AdamW with its defaults. */
  static PeerCall adamw(Case work) {
    Tensor parameter = over(work.of("parameter")).clone();
    parameter.set_requires_grad(true);
    // Leaves the case's gradient in the parameter.
    parameter.mul(over(work.of("gradient"))).sum().backward();
    AdamW optimizer = new AdamW(new TensorVector(parameter), new AdamWOptions(LEARNING_RATE));
    return new PeerCall() {
      @Override
      public void run() {
        try (PointerScope temporaries = new PointerScope()) {
          optimizer.step();
        }
      }

      @Override
      public Set<String> store(Case results) {
        return TorchCall.plain(
                "parameter",
                () -> {
                  optimizer.step();
                  return parameter;
                })
            .store(results);
      }

      @Override
      public void close() {
        optimizer.close();
      }
    };
  }

  /** BERT's optimizer as its PyTorch ports write it, with the gradient's norm clipped before. */
  static PeerCall bertAdam(Case work) {
    Tensor parameter = over(work.of("parameter")).clone();
    Tensor gradient = over(work.of("gradient")).clone();
    Tensor first = torch.zeros_like(parameter);
    Tensor second = torch.zeros_like(parameter);
    ScalarOptional none = new ScalarOptional();
    ScalarOptional one = new ScalarOptional(new Scalar(1.0));
    return TorchCall.plain(
        () -> {
          Tensor factor =
              gradient
                  .norm()
                  .add(new Scalar(1e-6))
                  .reciprocal()
                  .mul(new Scalar(LARGEST_NORM))
                  .clamp(none, one);
          gradient.mul_(factor);
          first.mul_(new Scalar(BETA1)).add_(gradient, new Scalar(1 - BETA1));
          second.mul_(new Scalar(BETA2)).addcmul_(gradient, gradient, new Scalar(1 - BETA2));
          Tensor update = first.div(second.sqrt().add_(new Scalar(EPSILON)));
          update.add_(parameter, new Scalar(WEIGHT_DECAY));
          parameter.add_(update, new Scalar(-LEARNING_RATE));
          return Map.of("parameter", parameter, "first_moment", first, "second_moment", second);
        });
  }
}
