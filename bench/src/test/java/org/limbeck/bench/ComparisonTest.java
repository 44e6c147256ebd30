// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs made from formulas: what they hold, and how much of it is noise, is known. */
class ComparisonTest {
  private static final int ROWS = 40;
  private static final double SPREAD = 0.01;
  private static final String CACHE = "ceiling,65536,copy,1,vector";
  private static final String MEMORY = "ceiling,33554432,copy,1,vector";
  private static final List<String> NO_PEERS = List.of("");
  private static final List<String> PEERS = List.of("blas", "torch");

  @TempDir private Path directory;

  /**
   * A run of forty kernels, half of them in a cache and half beyond.
   *
   * @param seed what the noise is drawn from
   * @param peers the peers; an empty name for none
   * @param noise the standard deviation of each process's times in the cache, and beyond it
   * @param torchNoise that of torch's own times
   * @param ceilingNanos the time of the ceilings
   */
  private record Simulated(
      long seed, List<String> peers, double[] noise, double torchNoise, double ceilingNanos) {

    /**
     * Measures.
     *
     * @param factor how many times as long the kernel of a number takes
     */
    Comparison.Measured measure(Function<Integer, Double> factor) {
      RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
      List<Row> ceilings = new ArrayList<>();
      for (String key : List.of(CACHE, MEMORY)) {
        String[] k = key.split(",");
        ceilings.add(
            row(k[0], k[1], k[2], "vector", ceilingNanos, 100)
                .beside(Ceilings.MACHINE, Machine.describe(), ceilingNanos, 1));
      }
      List<QuickRun.Outcome> outcomes = new ArrayList<>();
      for (String peer : peers) {
        for (int i = 0; i < ROWS; i++) {
          double place = Math.exp(noise[i % 2] * random.nextGaussian());
          double nanos = 2e6 * factor.apply(i) * place;
          Row row =
              row("kernel", "64x" + i, "forward", "native", nanos, ceilingNanos / nanos * 1e2);
          if (!peer.isEmpty()) {
            double own = peer.equals("torch") ? torchNoise : 0.01;
            // What the place in memory does to ours it does to the peer's in the same process.
            double peerNanos = 3e6 * place * Math.exp(own * random.nextGaussian());
            row = row.beside(peer, peer + " 1.0, fast core", peerNanos, peerNanos / nanos);
          }
          outcomes.add(
              new QuickRun.Outcome(
                  row,
                  i % 2 == 0 ? CACHE : MEMORY,
                  peer.equals("torch") ? torchNoise : SPREAD,
                  SPREAD,
                  5,
                  5));
        }
      }
      return new Comparison.Measured(outcomes, ceilings);
    }

    private static Row row(
        String stem, String shape, String mode, String backend, double nanos, double share) {
      return new Row(
          stem, shape, mode, 1, backend, nanos, 1, 1, share, "", "", Double.NaN, Double.NaN);
    }
  }

  private static final double[] QUIET = {0.01, 0.02};
  private static final double[] LOUD = {0.01, 0.1};

  private Comparison earlier(Simulated machine) {
    Comparison.Measured run = machine.measure(i -> 1.0);
    List<Row> rows = new ArrayList<>(run.ceilings());
    run.outcomes().forEach(outcome -> rows.add(outcome.row()));
    Path file = directory.resolve("earlier.csv");
    ResultFile.write(file, rows);
    return new Comparison(file);
  }

  /** Measures what seems slower again, the rows that are asked for out of a whole run. */
  private static Function<List<Comparison.Suspect>, Comparison.Measured> again(
      Simulated machine, Function<Integer, Double> factor, List<Integer> counts) {
    return suspects -> {
      counts.add(suspects.size());
      Simulated other =
          new Simulated(
              machine.seed + 1000 * counts.size(),
              machine.peers,
              machine.noise,
              machine.torchNoise,
              machine.ceilingNanos);
      Comparison.Measured all = other.measure(factor);
      return new Comparison.Measured(
          all.outcomes().stream()
              .filter(
                  o ->
                      suspects.stream()
                          .anyMatch(
                              s ->
                                  s.key().equals(o.row().key())
                                      && s.beside().equals(o.row().peer())))
              .toList(),
          all.ceilings());
    };
  }

  private Comparison.Result compare(
      Simulated before, Simulated after, Function<Integer, Double> factor) {
    return earlier(before).check(after.measure(factor), again(after, factor, new ArrayList<>()));
  }

  @Test
  void theSameCodeIsNotSlower() {
    for (List<String> peers : List.of(NO_PEERS, PEERS)) {
      assertEquals(List.of(), falselySlower(peers, QUIET));
      // Two measurements differ by up to a third here: of 2000 rows chance may take one thrice.
      List<String> loud = falselySlower(peers, LOUD);
      assertTrue(loud.size() <= 1, loud.toString());
    }
  }

  private List<String> falselySlower(List<String> peers, double[] noise) {
    List<String> found = new ArrayList<>();
    for (int seed = 0; seed < 50; seed++) {
      Simulated before = new Simulated(seed, peers, noise, 0.3, 1e6);
      Simulated after = new Simulated(seed + 100, peers, noise, 0.3, 1e6);
      found.addAll(compare(before, after, i -> 1.0).slower());
    }
    return found;
  }

  @Test
  void whatTakesThirtyPercentLongerIsFound() {
    for (List<String> peers : List.of(NO_PEERS, PEERS)) {
      for (int seed = 0; seed < 50; seed++) {
        Comparison.Result result =
            compare(
                new Simulated(seed, peers, QUIET, 0.3, 1e6),
                new Simulated(seed + 100, peers, QUIET, 0.3, 1e6),
                i -> i == 6 || i == 7 ? 1.3 : 1);
        assertEquals(2, result.slower().size(), "seed " + seed + ": " + result);
        assertTrue(
            result.slower().get(0).startsWith("slower: kernel 64x6 forward 1 native: 3"),
            result.slower().get(0));
        assertTrue(result.slower().get(1).contains("64x7 forward"), result.slower().get(1));
      }
    }
  }

  @Test
  void whereAllKernelsAreSlowerNoneHidesTheOthers() {
    Comparison.Result result =
        compare(
            new Simulated(1, NO_PEERS, QUIET, 0, 1e6),
            new Simulated(2, NO_PEERS, QUIET, 0, 1e6),
            i -> 1.4);
    assertEquals(ROWS, result.slower().size(), result.toString());
  }

  @Test
  void theMessageHoldsEachShareAndTheRatio() {
    double[] none = {1e-4, 1e-4};
    String sentence =
        compare(
                new Simulated(1, List.of("blas"), none, 0, 1e6),
                new Simulated(1, List.of("blas"), none, 0, 1e6),
                i -> i == 4 ? 2.0 : 1)
            .slower()
            .get(0);
    assertTrue(
        sentence.startsWith(
            "slower: kernel 64x4 forward 1 native: 25.0 % of the roofline, measured again 25.0 %"
                + " and 25.0 %, was 50.0 %; the noise is 10 %; ratio to blas 0.7"),
        sentence);
  }

  @Test
  void aShareThatFellOnceIsMeasuredAgainAndDisproved() {
    Simulated machine = new Simulated(1, NO_PEERS, QUIET, 0, 1e6);
    List<Integer> counts = new ArrayList<>();
    Comparison.Result result =
        earlier(machine)
            .check(machine.measure(i -> i == 4 ? 1.5 : 1), again(machine, i -> 1.0, counts));
    assertEquals(List.of(1), counts);
    assertEquals(List.of(), result.slower());
    assertEquals(1, result.disproved().size());
    assertTrue(
        result.disproved().get(0).startsWith("within the noise: kernel 64x4 forward 1 native: 33."),
        result.disproved().get(0));
  }

  @Test
  void whatCannotBeMeasuredAgainStaysSuspected() {
    Simulated machine = new Simulated(1, NO_PEERS, QUIET, 0, 1e6);
    Comparison.Result result =
        earlier(machine)
            .check(
                machine.measure(i -> i == 4 ? 1.5 : 1),
                suspects -> new Comparison.Measured(List.of(), List.of()));
    assertEquals(1, result.slower().size());
    assertFalse(result.slower().get(0).contains("again"), result.slower().get(0));
  }

  @Test
  void aCeilingThatWasMeasuredHigherMakesNothingSlower() {
    // Shares fall by a quarter while the kernels take as long as before.
    Comparison.Result result =
        compare(
            new Simulated(1, NO_PEERS, QUIET, 0, 1e6),
            new Simulated(2, NO_PEERS, QUIET, 0, 0.75e6),
            i -> 1.0);
    assertEquals(List.of(), result.slower());
    assertEquals(List.of(), result.disproved());
  }

  @Test
  void aSlowerMachineCancelsOut() {
    // Kernels take a third longer, and so do the ceilings.
    Comparison.Result result =
        compare(
            new Simulated(1, NO_PEERS, QUIET, 0, 1e6),
            new Simulated(2, NO_PEERS, QUIET, 0, 1.33e6),
            i -> 1.33);
    assertEquals(List.of(), result.slower());
    assertEquals(List.of(), result.disproved());
  }

  @Test
  void aSteadyPeerSpeaksForOursAndAnUnsteadyOneHasNoSay() {
    // In each process of the later run memory is slower by a third, for the peer as for ours.
    Function<Integer, Double> slower = i -> 1.0;
    Simulated before = new Simulated(1, List.of("blas"), QUIET, 0, 1e6);
    Comparison.Measured now = before.measure(slower);
    List<QuickRun.Outcome> disturbed = now.outcomes().stream().map(o -> timesAThird(o)).toList();
    Comparison.Result result =
        earlier(before)
            .check(
                new Comparison.Measured(disturbed, now.ceilings()),
                suspects -> {
                  throw new AssertionError("nothing seems slower");
                });
    assertEquals(List.of(), result.slower());
    Simulated unsteady = new Simulated(1, List.of("torch"), QUIET, 0.5, 1e6);
    Simulated later = new Simulated(2, List.of("torch"), QUIET, 0.5, 1e6);
    List<String> found = compare(unsteady, later, i -> i == 8 ? 1.4 : 1).slower();
    assertEquals(1, found.size(), found.toString());
    assertFalse(found.get(0).contains("ratio"), found.get(0));
  }

  private static QuickRun.Outcome timesAThird(QuickRun.Outcome o) {
    Row r = o.row();
    Row row =
        Simulated.row(
                r.stem(),
                r.shape(),
                r.mode(),
                r.backend(),
                1.33 * r.medianNanos(),
                r.rooflinePct() / 1.33)
            .beside(r.peer(), r.peerPath(), 1.33 * r.peerMedianNanos(), r.ratio());
    return new QuickRun.Outcome(row, o.ceiling(), o.spread(), o.ourSpread(), o.kept(), o.taken());
  }

  @Test
  void withoutACommonMeasurementThereIsNoComparison() {
    Comparison comparison = earlier(new Simulated(1, NO_PEERS, QUIET, 0, 1e6));
    Comparison.Measured nothing = new Comparison.Measured(List.of(), List.of());
    String message =
        assertThrows(UsageException.class, () -> comparison.check(nothing, suspects -> nothing))
            .getMessage();
    assertEquals("nothing of this run is in the file to compare with", message);
  }

  @Test
  void noiseIsTheScatterOfItsKind() {
    Noise noise = new Noise();
    assertEquals(Noise.USUAL, noise.of(0, 0, CACHE), "too few differences");
    assertEquals(0.3, noise.of(0.1, 0, CACHE), 1e-12, "three times the spread");
    noise.addRepeats(CACHE, 100, 101, 100, 101);
    assertEquals(Noise.LEAST, noise.of(0, 0, CACHE), "the floor");
    assertEquals(0.18, noise.of(0, -0.08, CACHE), 1e-12, "a ceiling that drifted");
    for (int i = 0; i < Noise.FEWEST; i++) {
      noise.addChange(MEMORY, 0.05);
    }
    assertEquals(3 * 1.4826 * 0.05, noise.of(0, 0, MEMORY), 1e-12, "gains");
    noise.addChange(MEMORY, 100);
    noise.addChange(MEMORY, Double.NaN);
    assertEquals(3 * 1.4826 * 0.05, noise.of(0, 0, MEMORY), 1e-12, "an outlier");
    for (int i = 0; i < Noise.FEWEST; i++) {
      noise.addChange(MEMORY, 0.04);
    }
    assertEquals(Noise.LEAST, noise.of(0, 0, MEMORY), "all kernels that got faster are no noise");
  }

  @Test
  void someSlowerKernelsDoNotHideThemselves() {
    for (int seed = 0; seed < 20; seed++) {
      Comparison.Result result =
          compare(
              new Simulated(seed, NO_PEERS, QUIET, 0, 1e6),
              new Simulated(seed + 100, NO_PEERS, QUIET, 0, 1e6),
              i -> i < ROWS / 2 ? 1.4 : 1);
      assertEquals(ROWS / 2, result.slower().size(), "seed " + seed + ": " + result);
    }
  }
}
