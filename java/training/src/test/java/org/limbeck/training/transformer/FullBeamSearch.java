// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;

/**
 * Beam search over one sentence without any cache: the whole prefix of each hypothesis goes through
 * the model for each token, and every continuation is ranked.
 */
final class FullBeamSearch implements AutoCloseable {
  private final Compute compute;
  private final Transformer model;
  private final BeamOptions options;
  private final TranslationBuffers buffers;
  private final Activations activations;

  FullBeamSearch(Compute compute, Transformer model, BeamOptions options) {
    this.compute = compute;
    this.model = model;
    this.options = options;
    Capacity capacity = Capacity.of(1, 40);
    buffers = new TranslationBuffers(compute.memory(), capacity);
    activations = model.newActivations(compute, capacity, false);
  }

  /** Returns the logarithms of the probabilities of all tokens behind a prefix. */
  double[] next(int[] source, List<Integer> prefix) {
    int[] target = new int[prefix.size() + 1];
    for (int i = 0; i < prefix.size(); i++) {
      target[i] = prefix.get(i);
    }
    target[prefix.size()] = SpecialTokens.EOS;
    model.forward(buffers.fill(List.of(source), List.of(target)), activations, Pass.EVALUATION);
    int vocabulary = model.config().targetVocabulary();
    long row = prefix.size();
    Matrix logits = compute.memory().matrix(DType.F32, 1, vocabulary);
    model.logits(activations.decoded().rows(row, row + 1), logits);
    float[] z = Tensors.download(compute.memory(), logits);
    double sum = 0;
    for (float value : z) {
      sum += Math.exp(value);
    }
    double[] log = new double[vocabulary];
    for (int v = 0; v < vocabulary; v++) {
      log[v] = z[v] - Math.log(sum);
    }
    return log;
  }

  private record Path(List<Integer> tokens, double log) {
    Path then(int token, double more) {
      List<Integer> longer = new ArrayList<>(tokens);
      longer.add(token);
      return new Path(longer, log + more);
    }
  }

  /** Returns the finished hypotheses, best first. */
  List<Hypothesis> search(int[] source) {
    List<Path> beam = List.of(new Path(List.of(), 0));
    List<Hypothesis> finished = new ArrayList<>();
    int most = options.maxLength(source.length);
    for (int length = 0; finished.size() < options.beam() && length <= most; length++) {
      List<Path> all = new ArrayList<>();
      for (Path path : beam) {
        double[] log = next(source, path.tokens());
        for (int token = 0; token < log.length; token++) {
          boolean allowed = length < most ? token != SpecialTokens.PAD : token == SpecialTokens.EOS;
          if (allowed) {
            all.add(path.then(token, log[token]));
          }
        }
      }
      all.sort(Comparator.comparingDouble(path -> -path.log()));
      List<Path> onward = new ArrayList<>();
      for (int rank = 0; rank < Math.min(all.size(), 2 * options.beam()); rank++) {
        Path path = all.get(rank);
        boolean ends = path.tokens().get(length) == SpecialTokens.EOS;
        if (ends && rank < options.beam() && finished.size() < options.beam()) {
          finished.add(
              new Hypothesis(
                  path.tokens().subList(0, length),
                  path.log(),
                  path.log() / Math.pow(length + 1, options.lengthPenalty())));
        } else if (!ends && onward.size() < options.beam()) {
          onward.add(path);
        }
      }
      beam = onward;
    }
    finished.sort(Comparator.comparingDouble(hypothesis -> -hypothesis.score()));
    return finished;
  }

  @Override
  public void close() {
    buffers.close();
    activations.close();
  }
}
