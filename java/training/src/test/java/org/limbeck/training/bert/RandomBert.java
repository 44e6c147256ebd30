// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import java.util.Arrays;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;

/** Networks and batches of random numbers for tests. */
public final class RandomBert {
  private RandomBert() {}

  /** The word pieces of a batch: numbers from 1, and 0 behind each sequence. */
  public record Tokens(long[] tokens, long[] types, long[] positions, int[] lengths, int length) {
    /** Returns random word pieces below a vocabulary's size. */
    public static Tokens random(int[] lengths, int length, int vocabulary, long seed) {
      long[] tokens = new long[lengths.length * length];
      long[] types = new long[tokens.length];
      long[] positions = new long[tokens.length];
      for (int i = 0; i < tokens.length; i++) {
        boolean real = i % length < lengths[i / length];
        int word = Philox.word(seed, 0, i, 0);
        tokens[i] = real ? 1 + Integer.remainderUnsigned(word, vocabulary - 1) : 0;
        types[i] = real && i % 3 == 0 ? 1 : 0;
        positions[i] = i % length;
      }
      return new Tokens(tokens, types, positions, lengths, length);
    }

    /** Returns the sequences from one to before another. */
    public Tokens sequences(int from, int to) {
      return new Tokens(
          Arrays.copyOfRange(tokens, from * length, to * length),
          Arrays.copyOfRange(types, from * length, to * length),
          Arrays.copyOfRange(positions, from * length, to * length),
          Arrays.copyOfRange(lengths, from, to),
          length);
    }

    /** Returns the batch on the host. */
    public TokenBatch on(HostMemory host) {
      return new TokenBatch(
          lengths.length,
          length,
          host.copyOf(tokens),
          host.copyOf(types),
          host.copyOf(positions),
          host.copyOf(lengths));
    }
  }

  /** Gives a network values large enough that every part of it matters. */
  public static void randomise(Compute compute, BertClassifier network, long seed) {
    long stream = 0;
    for (Parameter parameter : network.parameters().all()) {
      String name = parameter.name();
      boolean scale = name.endsWith("LayerNorm.weight");
      boolean shift = name.endsWith("bias");
      double deviation = scale || shift ? 0.1 : name.startsWith("embeddings") ? 0.5 : 0.3;
      long s = stream++;
      Tensors.upload(
          compute.memory(),
          parameter.value(),
          i -> (float) ((scale ? 1 : 0) + deviation * NormalVariates.at(seed, s, i)));
    }
    network.refreshWeights();
  }
}
