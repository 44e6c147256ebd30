// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Learns byte pair encoding: again and again, the most frequent pair of neighbouring symbols in the
 * words becomes one symbol.
 *
 * <p>Symbols begin as characters (Unicode code points); the last one of a word carries the mark
 * {@link Bpe#END_OF_WORD}. A word weighs as often as it occurs; pairs are counted at every position
 * and never across words. Each merge changes only the words that hold the pair, and a queue with
 * outdated entries finds the next one.
 *
 * <p><b>Determinism.</b> Among pairs of equal frequency the one whose left part, then right part,
 * is last in the order of code points goes first, as in subword-nmt.
 *
 * <p>Source: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword
 * Units", ACL 2016, section 3.2.
 */
public final class BpeLearner {
  private static final int[] NO_WORDS = {};

  private final List<String> symbols = new ArrayList<>();
  private final Map<String, Integer> numbers = new HashMap<>();
  private final Map<Long, Pair> pairs = new HashMap<>();
  private final PriorityQueue<Candidate> queue;
  private final int[][] words;
  private final long[] counts;

  /** How often a pair occurs and in which words it may; a word can be listed twice, or in vain. */
  private static final class Pair {
    private long count;

    /** The count of its latest entry in the queue; earlier entries are void. */
    private long entered;

    private int[] words = NO_WORDS;
    private int size;

    private void in(int word) {
      if (size > 0 && words[size - 1] == word) {
        return;
      }
      if (size == words.length) {
        words = Arrays.copyOf(words, Math.max(4, 2 * size));
      }
      words[size++] = word;
    }
  }

  /** A pair as often as it occurred when it was entered. */
  private record Candidate(long pair, long count) {}

  private BpeLearner(Map<String, Long> wordCounts) {
    List<Map.Entry<String, Long>> entries = new ArrayList<>(wordCounts.entrySet());
    // Symbols are numbered as they are met; a map's order must not matter.
    entries.sort(Map.Entry.comparingByKey());
    queue =
        new PriorityQueue<>(
            Comparator.comparingLong(Candidate::count).reversed().thenComparing(this::laterFirst));
    words = new int[entries.size()][];
    counts = new long[entries.size()];
    for (int w = 0; w < words.length; w++) {
      List<String> characters = Bpe.characters(entries.get(w).getKey());
      words[w] = characters.stream().mapToInt(this::number).toArray();
      counts[w] = entries.get(w).getValue();
      count(w, 1);
    }
    pairs.keySet().forEach(this::enter);
  }

  /**
   * Learns merges.
   *
   * @param wordCounts words without white space, none empty, and how often each occurs
   * @param merges how many merges to learn at most, at least 0
   * @param minimum how often a pair has to occur to be merged, at least 1; subword-nmt has 2
   * @return the merges, fewer where no pair is left that occurs often enough
   * @throws IllegalArgumentException if a number or word is not as described
   */
  public static Bpe learn(Map<String, Long> wordCounts, int merges, long minimum) {
    if (merges < 0 || minimum < 1) {
      throw new IllegalArgumentException(
          "BpeLearner: merges, minimum: given "
              + merges
              + ", "
              + minimum
              + ", expected at least 0 and 1");
    }
    return new BpeLearner(wordCounts).learn(merges, minimum);
  }

  private Bpe learn(int merges, long minimum) {
    List<Bpe.Merge> learned = new ArrayList<>();
    while (learned.size() < merges && !queue.isEmpty()) {
      Candidate best = queue.poll();
      Pair pair = pairs.get(best.pair);
      long count = pair.count;
      if (count != best.count) {
        if (count >= minimum && pair.entered == best.count) {
          enter(best.pair);
        }
        continue;
      }
      if (count < minimum) {
        break;
      }
      learned.add(new Bpe.Merge(symbols.get(left(best.pair)), symbols.get(right(best.pair))));
      merge(best.pair);
    }
    return new Bpe(learned);
  }

  private void enter(long key) {
    Pair pair = pairs.get(key);
    pair.entered = pair.count;
    queue.add(new Candidate(key, pair.count));
  }

  private void merge(long pair) {
    int left = left(pair);
    int right = right(pair);
    int merged = number(symbols.get(left) + symbols.get(right));
    Pair found = pairs.get(pair);
    int[] where = Arrays.copyOf(found.words, found.size);
    found.words = NO_WORDS;
    found.size = 0;
    Set<Long> made = new HashSet<>();
    for (int w : where) {
      int[] shorter = merged(words[w], left, right, merged);
      if (shorter != words[w]) {
        count(w, -1);
        words[w] = shorter;
        countNew(w, merged, made);
      }
    }
    made.forEach(this::enter);
  }

  private static int[] merged(int[] word, int left, int right, int merged) {
    int[] out = null;
    int length = 0;
    for (int i = 0; i < word.length; i++) {
      boolean here = word[i] == left && i + 1 < word.length && word[i + 1] == right;
      if (here && out == null) {
        out = word.clone();
        length = i;
      }
      if (out != null) {
        out[length++] = here ? merged : word[i];
      }
      i += here ? 1 : 0;
    }
    return out == null ? word : Arrays.copyOf(out, length);
  }

  /** Counts the pairs of a word in or out. */
  private void count(int word, int sign) {
    int[] symbolsOfWord = words[word];
    for (int i = 0; i + 1 < symbolsOfWord.length; i++) {
      Pair pair =
          pairs.computeIfAbsent(key(symbolsOfWord[i], symbolsOfWord[i + 1]), k -> new Pair());
      pair.count += sign * counts[word];
      if (sign > 0) {
        pair.in(word);
      }
    }
  }

  /** Counts the pairs of a word in after a merge, and notes those with the new symbol. */
  private void countNew(int word, int merged, Set<Long> made) {
    int[] now = words[word];
    for (int i = 0; i + 1 < now.length; i++) {
      long key = key(now[i], now[i + 1]);
      Pair pair = pairs.computeIfAbsent(key, k -> new Pair());
      pair.count += counts[word];
      if (now[i] == merged || now[i + 1] == merged) {
        pair.in(word);
        made.add(key);
      }
    }
  }

  private int number(String symbol) {
    return numbers.computeIfAbsent(
        symbol,
        s -> {
          symbols.add(s);
          return symbols.size() - 1;
        });
  }

  private static long key(int left, int right) {
    return (long) left << 32 | right;
  }

  private static int left(long pair) {
    return (int) (pair >>> 32);
  }

  private static int right(long pair) {
    return (int) pair;
  }

  private int laterFirst(Candidate a, Candidate b) {
    if (a.pair == b.pair) {
      return 0;
    }
    int byLeft = CodePoints.compare(symbols.get(left(b.pair)), symbols.get(left(a.pair)));
    return byLeft != 0
        ? byLeft
        : CodePoints.compare(symbols.get(right(b.pair)), symbols.get(right(a.pair)));
  }
}
