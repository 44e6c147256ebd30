// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.List;

/**
 * The models of the comparison of PET with its baselines (Jeon et al., PLOS ONE 18(7) e0288060):
 * sizes for full width, and the same in smaller proportions.
 *
 * @param sourceVocabulary the number of source tokens
 * @param targetVocabulary the number of target tokens
 * @param dropout the probability of dropout in training
 */
public record TransformerModels(int sourceVocabulary, int targetVocabulary, double dropout) {
  /** The width of the teacher in full size. */
  public static final int TEACHER_WIDTH = 512;

  /** The width of the student's encoder in full size; its decoder has three quarters of it. */
  public static final int STUDENT_WIDTH = 320;

  private static final int HEADS = 4;
  private static final int TEACHER_LAYERS = 6;
  private static final List<Integer> TWICE = List.of(1, 2, 1, 2);

  private TransformerConfig model(Stack encoder, Stack decoder, QueryTying tying) {
    return new TransformerConfig(
        sourceVocabulary,
        targetVocabulary,
        encoder,
        decoder,
        DecoderKind.STANDARD,
        tying,
        true,
        dropout);
  }

  private static Stack stack(int width, int blocks) {
    return Stack.plain(width, 2 * width, HEADS, blocks);
  }

  private static int decoderWidth(int encoderWidth) {
    return encoderWidth / 4 * 3;
  }

  /**
   * Returns the teacher: one width, six layers a side, no sharing.
   *
   * @param width {@link #TEACHER_WIDTH} in full size
   */
  public TransformerConfig teacher(int width) {
    return model(stack(width, TEACHER_LAYERS), stack(width, TEACHER_LAYERS), QueryTying.NONE);
  }

  /**
   * Returns the width-matched teacher: the student's widths, six layers a side, no sharing.
   *
   * @param encoderWidth {@link #STUDENT_WIDTH} in full size
   */
  public TransformerConfig tinyTeacher(int encoderWidth) {
    return unshared(encoderWidth, TEACHER_LAYERS);
  }

  /**
   * Returns the PET student: two blocks a side executed as 1, 2, 1, 2, queries and keys of the
   * encoder swapped in the second pass, decoder queries tied.
   *
   * @param encoderWidth {@link #STUDENT_WIDTH} in full size
   */
  public TransformerConfig pet(int encoderWidth) {
    Stack encoder = stack(encoderWidth, 2).withOrder(TWICE).withRepeatsSwapped();
    Stack decoder = stack(decoderWidth(encoderWidth), 2).withOrder(TWICE);
    return model(encoder, decoder, QueryTying.ALL);
  }

  /**
   * Returns a student without sharing, for plain and patient distillation; with two layers and the
   * widths of the PET student it has that one's size but for the tied queries.
   *
   * @param encoderWidth the width of the encoder
   * @param layers the number of layers a side
   */
  public TransformerConfig unshared(int encoderWidth, int layers) {
    return model(
        stack(encoderWidth, layers), stack(decoderWidth(encoderWidth), layers), QueryTying.NONE);
  }

  /**
   * Returns a student without sharing whose encoder and decoder have one width.
   *
   * @param width the width
   * @param layers the number of layers a side
   */
  public TransformerConfig unsharedOfOneWidth(int width, int layers) {
    return model(stack(width, layers), stack(width, layers), QueryTying.NONE);
  }

  /**
   * Returns a compressed attention network of one width, with values twice as wide.
   *
   * @param width the width
   * @param layers the number of layers a side
   */
  public TransformerConfig compressed(int width, int layers) {
    return new TransformerConfig(
        sourceVocabulary,
        targetVocabulary,
        stack(width, layers),
        stack(width, layers),
        DecoderKind.COMPRESSED,
        QueryTying.NONE,
        true,
        dropout);
  }

  /**
   * Returns a step of the ablation: the PET student without what later steps add. Step 1 has two
   * blocks a side executed once, 2 executes them twice, 3 swaps queries and keys of the encoder in
   * the second pass, 4 ties the decoder's queries and is {@link #pet}.
   *
   * @param encoderWidth {@link #STUDENT_WIDTH} in full size
   * @param step 1 to 4
   */
  public TransformerConfig ablation(int encoderWidth, int step) {
    TransformerConfig pet = pet(encoderWidth);
    TransformerConfig untied = pet.withTying(QueryTying.NONE);
    return switch (step) {
      case 1 -> unshared(encoderWidth, 2);
      case 2 -> untied.withEncoder(untied.encoder().withOrder(TWICE));
      case 3 -> untied;
      case 4 -> pet;
      default ->
          throw new IllegalArgumentException(
              "TransformerModels: ablation step: given " + step + ", expected 1 to 4");
    };
  }
}
