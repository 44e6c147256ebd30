// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** The tensors of one forward that losses compare, one of each for every layer. */
final class TorchActivations {
  /** X_0 to X_L, [B * S, D]. */
  final List<Tensor> hidden = new ArrayList<>();

  /** A_l, masked, [B, H, S, S]. */
  final List<Tensor> scores = new ArrayList<>();

  /** P_l before dropout, [B, H, S, S]. */
  final List<Tensor> maps = new ArrayList<>();

  /** C_l, [B * S, D]. */
  final List<Tensor> contexts = new ArrayList<>();

  /** O_l, [B * S, D]. */
  final List<Tensor> selfOutputs = new ArrayList<>();

  /** Y_l, [B * S, D]. */
  final List<Tensor> outputs = new ArrayList<>();

  /** Z, [B, C]. */
  Tensor logits;
}
