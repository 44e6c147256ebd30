// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;

/**
 * Translates by beam search, many sentences at once, with cached keys and values.
 *
 * <p>In each step the 2 k best continuations of a sentence's k hypotheses are looked at. Those of
 * the best k that end the sentence are finished; the best k that do not go on. A sentence is done
 * when k hypotheses are finished, or at its greatest length, where only the end may follow.
 * Sentences are decoded longest first, with others of like length; a finished one leaves the batch.
 *
 * <p><i>Determinism</i>: of continuations of one score, that of the earlier hypothesis and then the
 * lower token comes first. The same translations with any number of threads.
 *
 * <p>Source: fairseq's sequence generator.
 */
public final class BeamSearch implements AutoCloseable {
  /** Positions of all hypotheses together: bounds the memory of a batch of long sentences. */
  private static final long MAX_PREFIX_ROWS = 32_768;

  private final Limbeck limbeck;
  private final Transformer model;
  private final BeamOptions options;
  private Compute compute;
  private HostMemory host;
  private Slot probabilities;
  private IncrementalDecoder decoder;
  private DecodingCapacity capacity;

  /**
   * Makes a search. Memory is taken when sentences are seen.
   *
   * @param limbeck the library on which the model lives
   * @param model the model
   * @param options how to search
   */
  public BeamSearch(Limbeck limbeck, Transformer model, BeamOptions options) {
    this.limbeck = Objects.requireNonNull(limbeck, "limbeck");
    this.model = Objects.requireNonNull(model, "model");
    this.options = Objects.requireNonNull(options, "options");
  }

  /**
   * Translates sentences.
   *
   * @param sources source tokens, each sentence with its end, of 1 to {@link Capacity#MAX_LENGTH}
   *     tokens
   * @return for each sentence its finished hypotheses, the best first; at least one
   */
  public List<List<Hypothesis>> search(List<int[]> sources) {
    List<List<Hypothesis>> results = new ArrayList<>();
    for (int[] source : sources) {
      if (source.length < 1 || source.length > Capacity.MAX_LENGTH) {
        throw new IllegalArgumentException(
            "BeamSearch: given a sentence of "
                + source.length
                + " tokens, expected 1 to "
                + Capacity.MAX_LENGTH);
      }
      results.add(null);
    }
    List<List<Integer>> batches = batches(sources);
    if (batches.isEmpty()) {
      return results;
    }
    reserve(sources, batches);
    for (List<Integer> batch : batches) {
      List<List<Hypothesis>> found = searchBatch(batch.stream().map(sources::get).toList());
      for (int i = 0; i < found.size(); i++) {
        results.set(batch.get(i), found.get(i));
      }
    }
    return results;
  }

  /**
   * Translates sentences.
   *
   * @param sources as in {@link #search}
   * @return the tokens of the best hypothesis of each sentence, without its end
   */
  public List<List<Integer>> translate(List<int[]> sources) {
    return search(sources).stream().map(found -> found.get(0).tokens()).toList();
  }

  /** Puts sentences of like length together, the longest first. */
  private List<List<Integer>> batches(List<int[]> sources) {
    List<Integer> order =
        IntStream.range(0, sources.size())
            .boxed()
            .sorted(Comparator.comparingInt((Integer i) -> -sources.get(i).length))
            .toList();
    List<List<Integer>> batches = new ArrayList<>();
    List<Integer> batch = new ArrayList<>();
    for (int i : order) {
      int longest = sources.get(batch.isEmpty() ? i : batch.get(0)).length;
      long rows = (batch.size() + 1L) * needs(1, longest).prefixRows();
      if (!batch.isEmpty() && (batch.size() == options.sentences() || rows > MAX_PREFIX_ROWS)) {
        batches.add(batch);
        batch = new ArrayList<>();
      }
      batch.add(i);
    }
    if (!batch.isEmpty()) {
      batches.add(batch);
    }
    return batches;
  }

  private DecodingCapacity needs(int sentences, int sourceLength) {
    return DecodingCapacity.of(
        sentences,
        sourceLength,
        options.beam(),
        options.maxLength(sourceLength) + 1,
        model.config().decoderKind());
  }

  /** Makes memory large enough for all batches. */
  private void reserve(List<int[]> sources, List<List<Integer>> batches) {
    DecodingCapacity needed = capacity;
    for (List<Integer> batch : batches) {
      DecodingCapacity own = needs(batch.size(), sources.get(batch.get(0)).length);
      needed = needed == null ? own : needed.with(own);
    }
    if (needed.equals(capacity)) {
      return;
    }
    close();
    compute = new Compute(limbeck);
    host = new HostMemory();
    decoder = new IncrementalDecoder(compute, model, needed);
    long elements = (long) needed.hypotheses() * model.config().targetVocabulary();
    // On the host what the device computed is looked at where it lies.
    boolean copied = !limbeck.device().isHost();
    probabilities = new Slot(host, copied ? elements : 0);
    capacity = needed;
  }

  /** A sentence that is not finished yet. */
  private static final class Sentence {
    private final int index;
    private final int maxLength;
    private final List<Hypothesis> finished = new ArrayList<>();
    private List<Prefix> prefixes = List.of(Prefix.EMPTY);

    Sentence(int index, int maxLength) {
      this.index = index;
      this.maxLength = maxLength;
    }
  }

  /** A hypothesis that goes on: a token behind another prefix. */
  private record Prefix(Prefix before, int token, double logProbability) {
    private static final Prefix EMPTY = new Prefix(null, SpecialTokens.EOS, 0);

    List<Integer> tokens() {
      List<Integer> tokens = new ArrayList<>();
      for (Prefix p = this; p.before != null; p = p.before) {
        tokens.add(0, p.token);
      }
      return tokens;
    }
  }

  /** A continuation: a token behind the hypothesis of some number. */
  private record Candidate(int hypothesis, int token, double logProbability) {}

  private List<List<Hypothesis>> searchBatch(List<int[]> sources) {
    List<List<Hypothesis>> results = new ArrayList<>();
    List<Sentence> running = new ArrayList<>();
    for (int[] source : sources) {
      running.add(new Sentence(running.size(), options.maxLength(source.length)));
      results.add(null);
    }
    decoder.begin(sources);
    TopTokens top = new TopTokens(2 * options.beam());
    for (int step = 0; !running.isEmpty(); step++) {
      int[] last =
          running.stream()
              .flatMap(sentence -> sentence.prefixes.stream())
              .mapToInt(Prefix::token)
              .toArray();
      Matrix p = probabilities(decoder.step(last));
      List<Integer> kept = new ArrayList<>();
      List<Integer> parents = new ArrayList<>();
      List<Sentence> next = new ArrayList<>();
      int row = 0;
      for (int i = 0; i < running.size(); i++) {
        Sentence sentence = running.get(i);
        int first = row;
        row += sentence.prefixes.size();
        List<Candidate> candidates = candidates(sentence, step, p, first, top);
        List<Prefix> onward = advance(sentence, step, candidates, first, parents);
        if (onward.isEmpty()) {
          sentence.finished.sort(Comparator.comparingDouble(h -> -h.score()));
          results.set(sentence.index, List.copyOf(sentence.finished));
        } else {
          sentence.prefixes = onward;
          next.add(sentence);
          kept.add(i);
        }
      }
      running = next;
      if (!running.isEmpty()) {
        decoder.move(toArray(parents), toArray(kept));
      }
    }
    return results;
  }

  private static int[] toArray(List<Integer> numbers) {
    return numbers.stream().mapToInt(Integer::intValue).toArray();
  }

  private Matrix probabilities(Matrix logits) {
    compute.operation(Softmax.FORWARD, new Softmax.Spec()).run(new Softmax.Forward(logits, logits));
    if (limbeck.device().isHost()) {
      return logits;
    }
    Matrix copy = probabilities.view(logits.rows(), logits.cols());
    compute.memory().download(logits, copy);
    return copy;
  }

  /** Returns the best continuations of a sentence, best first, at most twice the beam. */
  private List<Candidate> candidates(
      Sentence sentence, int step, Matrix p, int first, TopTokens top) {
    List<Candidate> candidates = new ArrayList<>();
    for (int h = 0; h < sentence.prefixes.size(); h++) {
      double before = sentence.prefixes.get(h).logProbability();
      if (step >= sentence.maxLength) {
        double end = Math.log(p.getFloat(first + h, SpecialTokens.EOS));
        candidates.add(new Candidate(h, SpecialTokens.EOS, before + end));
        continue;
      }
      top.find(p, first + h);
      for (int rank = 0; rank < top.size(); rank++) {
        double log = before + Math.log(top.probability(rank));
        candidates.add(new Candidate(h, top.token(rank), log));
      }
    }
    // A stable sort: what is equal stays in the order of hypotheses and tokens.
    candidates.sort(Comparator.comparingDouble(c -> -c.logProbability()));
    return candidates.subList(0, Math.min(candidates.size(), 2 * options.beam()));
  }

  /** Finishes hypotheses and returns those that go on; none if the sentence is done. */
  private List<Prefix> advance(
      Sentence sentence, int step, List<Candidate> candidates, int first, List<Integer> parents) {
    int beam = options.beam();
    List<Prefix> onward = new ArrayList<>();
    List<Integer> from = new ArrayList<>();
    for (int rank = 0; rank < candidates.size(); rank++) {
      Candidate candidate = candidates.get(rank);
      Prefix before = sentence.prefixes.get(candidate.hypothesis());
      if (candidate.token() != SpecialTokens.EOS) {
        if (onward.size() < beam) {
          onward.add(new Prefix(before, candidate.token(), candidate.logProbability()));
          from.add(first + candidate.hypothesis());
        }
      } else if (rank < beam && mayFinish(sentence, step, candidate)) {
        double score = candidate.logProbability() / Math.pow(step + 1.0, options.lengthPenalty());
        sentence.finished.add(new Hypothesis(before.tokens(), candidate.logProbability(), score));
      }
    }
    if (sentence.finished.size() >= beam || step >= sentence.maxLength) {
      return List.of();
    }
    while (onward.size() < beam) {
      // Fewer continuations than the beam: a hypothesis that cannot win takes the place.
      onward.add(new Prefix(sentence.prefixes.get(0), SpecialTokens.EOS, Double.NEGATIVE_INFINITY));
      from.add(first);
    }
    parents.addAll(from);
    return onward;
  }

  private boolean mayFinish(Sentence sentence, int step, Candidate candidate) {
    boolean onlyOne = step >= sentence.maxLength && sentence.finished.isEmpty();
    return sentence.finished.size() < options.beam()
        && (candidate.logProbability() > Double.NEGATIVE_INFINITY || onlyOne);
  }

  /** Frees the memory that searches took. */
  @Override
  public void close() {
    if (compute != null) {
      decoder.close();
      host.close();
      compute.close();
      compute = null;
      capacity = null;
    }
  }
}
