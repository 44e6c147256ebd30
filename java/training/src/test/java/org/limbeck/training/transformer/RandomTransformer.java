// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Tensors;

/** Small translation models and sentences with random content, for tests. */
public final class RandomTransformer {
  /** Vocabularies, widths and heads that differ from each other. */
  public static final TransformerModels SMALL = new TransformerModels(23, 19, 0.3);

  private RandomTransformer() {}

  /** Returns the sizes of a small model of a kind. */
  public static TransformerConfig config(String kind) {
    return switch (kind) {
      case "pet" -> SMALL.pet(16);
      case "standard" -> SMALL.unshared(16, 2);
      case "compressed" -> SMALL.compressed(16, 2);
      case "first_tied" -> SMALL.pet(16).withTying(QueryTying.FIRST);
      case "swapped_decoder" ->
          SMALL.pet(16).withDecoder(SMALL.pet(16).decoder().withRepeatsSwapped());
      case "untied_embedding", "compressed_untied" -> {
        boolean compressed = kind.startsWith("compressed");
        TransformerConfig c = compressed ? SMALL.compressed(16, 2) : SMALL.unshared(16, 2);
        yield new TransformerConfig(
            c.sourceVocabulary(),
            c.targetVocabulary(),
            c.encoder(),
            c.decoder(),
            c.decoderKind(),
            c.tying(),
            false,
            c.dropout());
      }
      default -> throw new IllegalArgumentException(kind);
    };
  }

  /** Gives a model values large enough that every part of it matters. */
  public static void randomise(Compute compute, Transformer model, long seed) {
    long stream = 0;
    for (Parameter parameter : model.parameters().all()) {
      String name = parameter.name();
      boolean scale = name.endsWith("layer_norm.weight");
      boolean shift = name.endsWith("bias");
      double deviation = scale || shift ? 0.1 : 0.3;
      long s = stream++;
      Tensors.upload(
          compute.memory(),
          parameter.value(),
          i -> (float) ((scale ? 1 : 0) + deviation * NormalVariates.at(seed, s, i)));
    }
  }

  /** Returns sentences of some lengths, the last token of each the end. */
  public static List<int[]> sentences(int[] lengths, int vocabulary, long seed) {
    List<int[]> sentences = new ArrayList<>();
    for (int b = 0; b < lengths.length; b++) {
      int[] sentence = new int[lengths[b]];
      for (int t = 0; t < sentence.length; t++) {
        int word = Philox.word(seed, b, t, 0);
        sentence[t] =
            t == sentence.length - 1
                ? SpecialTokens.EOS
                : SpecialTokens.UNK
                    + Integer.remainderUnsigned(word, vocabulary - SpecialTokens.UNK);
      }
      sentences.add(sentence);
    }
    return sentences;
  }
}
