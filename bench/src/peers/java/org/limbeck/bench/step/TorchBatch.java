// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import org.bytedeco.pytorch.Tensor;

/**
 * A batch as libtorch sees it.
 *
 * @param size the number of sequences B
 * @param length the padded length S
 * @param tokens [B * S]
 * @param types [B * S]
 * @param positions [B * S]
 * @param mask added to scores: 0 for a real key, -10000 for a padded one; [B, 1, 1, S]
 * @param pairWeights 1 / (B * H * real length) where query and key are real, otherwise 0; [B, 1, S,
 *     S]
 */
record TorchBatch(
    long size,
    long length,
    Tensor tokens,
    Tensor types,
    Tensor positions,
    Tensor mask,
    Tensor pairWeights) {
  private static final float MASKED = -10_000;

  static TorchBatch of(QatKdProblem problem) {
    int size = problem.batch();
    int length = problem.length();
    float[] mask = new float[size * length];
    float[] pairWeights = new float[size * length * length];
    for (int b = 0; b < size; b++) {
      int real = problem.lengths()[b];
      float weight = 1f / ((float) size * problem.config().heads() * real);
      for (int i = 0; i < length; i++) {
        mask[b * length + i] = i < real ? 0 : MASKED;
        for (int j = 0; i < real && j < real; j++) {
          pairWeights[(b * length + i) * length + j] = weight;
        }
      }
    }
    return new TorchBatch(
        size,
        length,
        Tensor.create(problem.tokens()).clone(),
        Tensor.create(new long[problem.tokens().length]).clone(),
        Tensor.create(problem.positions()).clone(),
        Tensor.create(mask, size, 1, 1, length).clone(),
        Tensor.create(pairWeights, size, 1, length, length).clone());
  }
}
