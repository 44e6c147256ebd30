// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/**
 * An earlier run against this one, by the percentage of the roofline, so that a slower clock or
 * memory on the day cancels out.
 *
 * <p>A measurement seems slower where its percentage fell beyond the {@link Noise}, and by more
 * than what its ceiling itself gained, and where its ratio to every steady peer fell as well: ours
 * and a peer's calls alternate, so that what disturbs both cancels out. What seems slower is
 * measured again before it is reported.
 */
final class Comparison {
  /** How often what seems slower is measured again. */
  static final int REPEATS = 2;

  /** A peer whose ratio repeats worse has no say. */
  private static final double STEADY = 0.2;

  private final Map<String, List<Row>> earlier = new LinkedHashMap<>();
  private final Map<String, Double> earlierCeilings = new HashMap<>();

  /**
   * Measurements and the ceilings of the same time.
   *
   * @param outcomes the measurements
   * @param ceilings the rows of the ceilings
   */
  record Measured(List<QuickRun.Outcome> outcomes, List<Row> ceilings) {}

  /**
   * What came out.
   *
   * @param slower a sentence for each measurement that got slower
   * @param disproved a sentence for each that only seemed so
   */
  record Result(List<String> slower, List<String> disproved) {}

  /** A peer whose ratio repeats: what the ratio was, and what share of it is noise. */
  private record SteadyPeer(String setting, double before, double noise) {}

  /** A measurement that seems slower. */
  static final class Suspect {
    private final String key;
    private final int threads;
    private final double before;
    private double noise;
    private double fall;
    private final List<SteadyPeer> peers;
    private final List<Double> shares = new ArrayList<>();
    private double ratio = Double.NaN;

    private Suspect(String key, int threads, double before, double noise, List<SteadyPeer> peers) {
      this.key = key;
      this.threads = threads;
      this.before = before;
      this.noise = noise;
      this.peers = peers;
    }

    /** Returns the {@link Row#key} of the measurement. */
    String key() {
      return key;
    }

    int threads() {
      return threads;
    }

    /** Returns the setting of the steadiest peer; empty where there is none. */
    String beside() {
      return peers.isEmpty() ? "" : peers.get(0).setting();
    }

    private String sentence() {
      return String.format(
          Locale.ROOT,
          "%s: %.1f %% of the roofline%s, was %.1f %%; the noise is %.0f %%%s",
          key.replace(',', ' '),
          shares.get(0),
          shares.size() == 1
              ? ""
              : shares.stream()
                  .skip(1)
                  .map(share -> String.format(Locale.ROOT, "%.1f %%", share))
                  .collect(Collectors.joining(" and ", ", measured again ", "")),
          before,
          100 * noise,
          Double.isNaN(ratio)
              ? ""
              : String.format(
                  Locale.ROOT,
                  "; ratio to %s %.2f, was %.2f",
                  beside(),
                  ratio,
                  peers.get(0).before()));
    }
  }

  /**
   * Reads an earlier run.
   *
   * @throws UsageException if the file is none, or of another kind of machine
   */
  Comparison(Path file) {
    for (Row row : ResultFile.read(file)) {
      if (row.isCeiling()) {
        checkMachine(file, row);
        earlierCeilings.put(row.key(), row.medianNanos());
      } else {
        earlier.computeIfAbsent(row.key(), k -> new ArrayList<>()).add(row);
      }
    }
    if (earlier.isEmpty()) {
      throw new UsageException(file + ": expected at least one measurement of a stem");
    }
  }

  private static void checkMachine(Path file, Row ceiling) {
    if (!ceiling.peerPath().startsWith(Machine.kind())) {
      throw new UsageException(
          file
              + ": measured on another kind of machine, "
              + (ceiling.peerPath().isEmpty() ? "which it does not name" : ceiling.peerPath())
              + ", this one is "
              + Machine.kind());
    }
  }

  /**
   * Finds what got slower.
   *
   * @param now this run
   * @param again measures what seems slower once more, in processes of its own; what it leaves out
   *     stays suspected
   * @throws UsageException if nothing of this run is in the earlier one
   */
  Result check(Measured now, Function<List<Suspect>, Measured> again) {
    List<Suspect> suspects = suspects(now);
    List<String> disproved = new ArrayList<>();
    Noise repeats = new Noise();
    for (int i = 0; i < REPEATS && !suspects.isEmpty(); i++) {
      Measured repeated = again.apply(List.copyOf(suspects));
      Map<String, List<QuickRun.Outcome>> byKey = byKey(repeated.outcomes());
      Map<String, Double> gains = ceilingGains(repeated.ceilings());
      List<Suspect> left = new ArrayList<>();
      for (Suspect suspect : suspects) {
        List<QuickRun.Outcome> several = byKey.get(suspect.key);
        double last = suspect.shares.get(suspect.shares.size() - 1);
        boolean slower = several == null || seemsSlower(suspect, several, gains);
        if (several != null) {
          double share = suspect.shares.get(suspect.shares.size() - 1);
          repeats.addRepeats(Integer.toString(suspect.threads), last, share);
        }
        if (slower) {
          left.add(suspect);
        } else {
          disproved.add("within the noise: " + suspect.sentence());
        }
      }
      suspects = left;
    }
    suspects = beyondRepeats(suspects, repeats, disproved);
    return new Result(suspects.stream().map(s -> "slower: " + s.sentence()).toList(), disproved);
  }

  /**
   * Returns what is slower even if the noise is that of measuring again: where many rows came out
   * differently, something disturbs the machine, and the others are not to be trusted either.
   */
  private static List<Suspect> beyondRepeats(
      List<Suspect> suspects, Noise repeats, List<String> disproved) {
    List<Suspect> left = new ArrayList<>();
    for (Suspect suspect : suspects) {
      String kind = Integer.toString(suspect.threads);
      if (repeats.knows(kind)) {
        suspect.noise = Math.max(suspect.noise, Math.min(Noise.MOST, repeats.of(0, 0, kind)));
      }
      if (suspect.fall > suspect.noise) {
        left.add(suspect);
      } else {
        disproved.add("within the noise: " + suspect.sentence());
      }
    }
    return left;
  }

  private static Map<String, List<QuickRun.Outcome>> byKey(List<QuickRun.Outcome> outcomes) {
    return outcomes.stream()
        .collect(
            Collectors.groupingBy(o -> o.row().key(), LinkedHashMap::new, Collectors.toList()));
  }

  /** Returns the logarithms of how much faster ceilings are than they were. */
  private Map<String, Double> ceilingGains(List<Row> ceilings) {
    Map<String, Double> gains = new HashMap<>();
    for (Row row : ceilings) {
      double gain =
          Math.log(earlierCeilings.getOrDefault(row.key(), Double.NaN) / row.medianNanos());
      if (Double.isFinite(gain)) {
        gains.put(row.key(), gain);
      }
    }
    return gains;
  }

  private List<Suspect> suspects(Measured now) {
    Map<String, List<QuickRun.Outcome>> common = byKey(now.outcomes());
    common.keySet().retainAll(earlier.keySet());
    if (common.isEmpty()) {
      throw new UsageException("nothing of this run is in the file to compare with");
    }
    Map<String, Double> gains = ceilingGains(now.ceilings());
    Noise shareNoise = new Noise();
    Noise ratioNoise = new Noise();
    common.forEach((key, several) -> note(key, several, gains, shareNoise, ratioNoise));
    List<Suspect> suspects = new ArrayList<>();
    common.forEach(
        (key, several) -> {
          int threads = several.get(0).row().threads();
          String ceiling = several.get(0).ceiling();
          double spread = lowerMiddle(several.stream().mapToDouble(QuickRun.Outcome::ourSpread));
          double noise = shareNoise.of(spread, gains.getOrDefault(ceiling, 0.0), ceiling);
          Suspect suspect =
              new Suspect(
                  key,
                  threads,
                  share(earlier.get(key)),
                  Math.min(Noise.MOST, noise),
                  steadyPeers(key, several, ratioNoise));
          if (seemsSlower(suspect, several, gains)) {
            suspects.add(suspect);
          }
        });
    return suspects;
  }

  /** Notes what a case tells of the noise. */
  private void note(
      String key,
      List<QuickRun.Outcome> several,
      Map<String, Double> gains,
      Noise shareNoise,
      Noise ratioNoise) {
    String ceiling = several.get(0).ceiling();
    double[] before = earlier.get(key).stream().mapToDouble(Row::rooflinePct).toArray();
    double[] after = several.stream().mapToDouble(o -> o.row().rooflinePct()).toArray();
    shareNoise.addRepeats(ceiling, before);
    shareNoise.addRepeats(ceiling, after);
    shareNoise.addChange(
        ceiling,
        change(lowerMiddle(Arrays.stream(before)), upperMiddle(after), gains.get(ceiling)));
    for (QuickRun.Outcome outcome : several) {
      ratioNoise.addChange(
          peerKind(outcome.row()),
          Math.log(outcome.row().ratio() / earlierRatio(key, outcome.row())));
    }
  }

  private static String peerKind(Row row) {
    return row.peer() + "," + row.threads();
  }

  /** Returns the ratio to the same code of the same peer; NaN if the file has none. */
  private double earlierRatio(String key, Row row) {
    return earlier.get(key).stream()
        .filter(r -> r.hasRatio() && r.peer().equals(row.peer()))
        .filter(r -> r.peerPath().equals(Row.plain(row.peerPath())))
        .mapToDouble(Row::ratio)
        .findFirst()
        .orElse(Double.NaN);
  }

  private List<SteadyPeer> steadyPeers(
      String key, List<QuickRun.Outcome> several, Noise ratioNoise) {
    List<SteadyPeer> peers = new ArrayList<>();
    for (QuickRun.Outcome outcome : several) {
      double before = earlierRatio(key, outcome.row());
      double noise = ratioNoise.of(outcome.spread(), 0, peerKind(outcome.row()));
      if (outcome.row().hasRatio() && !Double.isNaN(before) && noise <= STEADY) {
        peers.add(new SteadyPeer(outcome.row().peer(), before, noise));
      }
    }
    peers.sort(Comparator.comparingDouble(SteadyPeer::noise));
    return peers;
  }

  /** Returns whether measurements are slower than the earlier ones, and keeps what they are. */
  private static boolean seemsSlower(
      Suspect suspect, List<QuickRun.Outcome> several, Map<String, Double> gains) {
    double share = upperMiddle(several.stream().mapToDouble(o -> o.row().rooflinePct()).toArray());
    suspect.shares.add(share);
    double fall = 1 - Math.exp(change(suspect.before, share, gains.get(several.get(0).ceiling())));
    suspect.fall = suspect.shares.size() == 1 ? fall : Math.min(suspect.fall, fall);
    boolean slower = fall > suspect.noise;
    for (QuickRun.Outcome outcome : several) {
      for (SteadyPeer peer : suspect.peers) {
        if (outcome.row().peer().equals(peer.setting()) && outcome.row().hasRatio()) {
          slower &= outcome.row().ratio() < peer.before() * (1 - peer.noise());
          if (peer == suspect.peers.get(0)) {
            suspect.ratio = outcome.row().ratio();
          }
        }
      }
    }
    return slower;
  }

  /**
   * Returns the logarithm of a quotient of percentages, less what only the ceiling changed by: a
   * kernel that takes as long as before is no slower because its ceiling was measured higher.
   *
   * @param ceilingGain the logarithm of how much faster the ceiling is; null if it is not known
   */
  private static double change(double before, double after, Double ceilingGain) {
    double change = Math.log(after / before);
    double ceiling = ceilingGain == null ? 0 : ceilingGain;
    return change < 0
        ? Math.min(0, change + Math.max(0, ceiling))
        : Math.max(0, change + Math.min(0, ceiling));
  }

  /** Returns the earlier percentage: of two the lower. */
  private static double share(List<Row> rows) {
    return lowerMiddle(rows.stream().mapToDouble(Row::rooflinePct));
  }

  private static double lowerMiddle(DoubleStream values) {
    double[] sorted = values.sorted().toArray();
    return sorted[(sorted.length - 1) / 2];
  }

  private static double upperMiddle(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
