// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.Objects;

/**
 * The sizes and the sharing pattern of a translation Transformer.
 *
 * @param sourceVocabulary the rows of the encoder's embedding table
 * @param targetVocabulary the rows of the decoder's embedding table, and the number of logits
 * @param encoder the encoder
 * @param decoder the decoder
 * @param decoderKind what a decoder layer consists of
 * @param tying which decoder blocks have one query projection for both attentions
 * @param tiedEmbedding whether the decoder's embedding table is the output projection too
 * @param dropout the probability of dropout in training, in [0, 1)
 */
public record TransformerConfig(
    int sourceVocabulary,
    int targetVocabulary,
    Stack encoder,
    Stack decoder,
    DecoderKind decoderKind,
    QueryTying tying,
    boolean tiedEmbedding,
    double dropout) {
  /** The epsilon of layer normalisation. */
  static final double EPSILON = 1e-5;

  /** Checks the parts and how they go together. */
  public TransformerConfig {
    Objects.requireNonNull(encoder, "encoder");
    Objects.requireNonNull(decoder, "decoder");
    Objects.requireNonNull(decoderKind, "decoderKind");
    Objects.requireNonNull(tying, "tying");
    if (sourceVocabulary <= SpecialTokens.COUNT || targetVocabulary <= SpecialTokens.COUNT) {
      throw new IllegalArgumentException(
          "TransformerConfig: vocabularies: given "
              + sourceVocabulary
              + " and "
              + targetVocabulary
              + " tokens, expected more than the "
              + SpecialTokens.COUNT
              + " special ones");
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException(
          "TransformerConfig: dropout: given " + dropout + ", expected at least 0 and below 1");
    }
    if (decoderKind == DecoderKind.COMPRESSED) {
      if (tying != QueryTying.NONE || decoder.swapped().contains(true)) {
        throw new IllegalArgumentException(
            "TransformerConfig: decoder: given a compressed one with tied or swapped queries,"
                + " expected neither");
      }
      if (decoder.feedForward() % decoder.heads() != 0) {
        throw new IllegalArgumentException(
            "TransformerConfig: decoder: given values of width "
                + decoder.feedForward()
                + ", expected a multiple of the number of heads, "
                + decoder.heads());
      }
    }
  }

  /** Returns this with another encoder. */
  public TransformerConfig withEncoder(Stack newEncoder) {
    return new TransformerConfig(
        sourceVocabulary,
        targetVocabulary,
        newEncoder,
        decoder,
        decoderKind,
        tying,
        tiedEmbedding,
        dropout);
  }

  /** Returns this with another decoder. */
  public TransformerConfig withDecoder(Stack newDecoder) {
    return new TransformerConfig(
        sourceVocabulary,
        targetVocabulary,
        encoder,
        newDecoder,
        decoderKind,
        tying,
        tiedEmbedding,
        dropout);
  }

  /** Returns this with another tying of the decoder's queries. */
  public TransformerConfig withTying(QueryTying newTying) {
    return new TransformerConfig(
        sourceVocabulary,
        targetVocabulary,
        encoder,
        decoder,
        decoderKind,
        newTying,
        tiedEmbedding,
        dropout);
  }

  /** Returns this with another dropout. */
  public TransformerConfig withDropout(double newDropout) {
    return new TransformerConfig(
        sourceVocabulary,
        targetVocabulary,
        encoder,
        decoder,
        decoderKind,
        tying,
        tiedEmbedding,
        newDropout);
  }

  /**
   * Returns the number of trained values: each stored tensor once, embeddings included, position
   * tables not.
   */
  public long parameters() {
    long count = (long) sourceVocabulary * encoder.width();
    count += (tiedEmbedding ? 1L : 2L) * targetVocabulary * decoder.width();
    count += encoder.blocks() * encoderBlock();
    for (int block = 0; block < decoder.blocks(); block++) {
      count += decoderKind == DecoderKind.COMPRESSED ? compressedBlock() : decoderBlock(block);
    }
    return count;
  }

  private long encoderBlock() {
    long d = encoder.width();
    return 4 * linear(d, d) + feedForward(encoder) + 2 * 2 * d;
  }

  private long decoderBlock(int block) {
    long d = decoder.width();
    long self = 4 * linear(d, d);
    long cross = 2 * linear(encoder.width(), d) + linear(d, d);
    long query = tying.ties(block) ? 0 : linear(d, d);
    return self + cross + query + feedForward(decoder) + 3 * 2 * d;
  }

  private long compressedBlock() {
    long d = decoder.width();
    long e = encoder.width();
    long r = decoder.feedForward();
    long keysAndValues = linear(d, d) + linear(e, d) + linear(d, r) + linear(e, r);
    return linear(d, d) + keysAndValues + linear(d, r) + linear(r, d) + 2 * d;
  }

  private static long feedForward(Stack stack) {
    return linear(stack.width(), stack.feedForward()) + linear(stack.feedForward(), stack.width());
  }

  private static long linear(long in, long out) {
    return in * out + out;
  }
}
