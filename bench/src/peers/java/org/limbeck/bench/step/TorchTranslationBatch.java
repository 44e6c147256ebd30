// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.limbeck.training.transformer.SpecialTokens;

/**
 * A batch of sentence pairs as libtorch sees it.
 *
 * @param source the source sentences
 * @param target the decoder's inputs
 * @param gold what is predicted, [B * T]
 */
record TorchTranslationBatch(Side source, Side target, Tensor gold) {
  /**
   * One side of the batch.
   *
   * @param size the number of sentences B
   * @param length the padded length S
   * @param tokens [B, S]
   * @param mask added to scores: 0 for a real key, minus infinity for a padded one; [B, 1, 1, S]
   * @param causal the same for keys behind the query, [1, 1, S, S]
   * @param weights 1 at real positions and 0 at padding, [B * S]
   * @param real the number of real positions
   */
  record Side(
      long size,
      long length,
      Tensor tokens,
      Tensor mask,
      Tensor causal,
      Tensor weights,
      long real) {}

  static TorchTranslationBatch of(TranslationProblem problem) {
    List<int[]> inputs = problem.targets().stream().map(TorchTranslationBatch::shifted).toList();
    return new TorchTranslationBatch(
        side(problem.sources()), side(inputs), tokens(problem.targets()).view(-1));
  }

  /** Returns what a decoder is given: the end of a sentence, then all but the last token. */
  private static int[] shifted(int[] sentence) {
    int[] inputs = new int[sentence.length];
    inputs[0] = SpecialTokens.EOS;
    System.arraycopy(sentence, 0, inputs, 1, sentence.length - 1);
    return inputs;
  }

  private static int longest(List<int[]> sentences) {
    return sentences.stream().mapToInt(sentence -> sentence.length).max().orElseThrow();
  }

  private static Tensor tokens(List<int[]> sentences) {
    int length = longest(sentences);
    long[] tokens = new long[sentences.size() * length];
    for (int i = 0; i < tokens.length; i++) {
      int[] sentence = sentences.get(i / length);
      tokens[i] = i % length < sentence.length ? sentence[i % length] : SpecialTokens.PAD;
    }
    return Tensor.create(tokens, sentences.size(), length).clone();
  }

  private static Side side(List<int[]> sentences) {
    int size = sentences.size();
    int length = longest(sentences);
    float[] mask = new float[size * length];
    float[] weights = new float[mask.length];
    long real = 0;
    for (int i = 0; i < mask.length; i++) {
      boolean there = i % length < sentences.get(i / length).length;
      mask[i] = there ? 0 : Float.NEGATIVE_INFINITY;
      weights[i] = there ? 1 : 0;
      real += there ? 1 : 0;
    }
    float[] causal = new float[length * length];
    for (int i = 0; i < causal.length; i++) {
      causal[i] = i % length <= i / length ? 0 : Float.NEGATIVE_INFINITY;
    }
    return new Side(
        size,
        length,
        tokens(sentences),
        Tensor.create(mask, size, 1, 1, length).clone(),
        Tensor.create(causal, 1, 1, length, length).clone(),
        Tensor.create(weights).clone(),
        real);
  }
}
